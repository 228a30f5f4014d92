"""`radcodec bench` as a user runs it, in real processes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("imagecodecs")
pytest.importorskip("scipy")
pytest.importorskip("jinja2")

from radcodec.bench.coders import NAMES
from radcodec.cli.bench import CODECS
from tests.bench.samples import sample_path

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--codecs", "jpeg,jpeg2000", "--ratios", "6,12,24", "--runs", "1")


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "radcodec.cli", "bench", *words]


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def _run(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(*words),
        cwd=folder,
        env=_environment(**more),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with a CT, and an MR image in a folder below; `tmp_path` is its parent."""
    return _filled(tmp_path / "images")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Measurements of a run over `images` that nothing stopped."""
    folder = _filled(tmp_path_factory.mktemp("whole") / "images").parent
    ran = _run(folder, "images", "-o", "report", *QUICK)
    assert ran.returncode == 0, ran.stderr
    return _rows(folder / "report")


def _filled(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    shutil.copy(sample_path("CT_small.dcm"), folder / "ct.dcm")
    shutil.copy(sample_path("MR_small.dcm"), folder / "deep" / "mr")
    return folder


def _rows(folder: Path) -> list[dict[str, Any]]:
    """Measurements of a report, without what differs from run to run."""
    results = json.loads((folder / "results.json").read_text())
    timed = ("encode_seconds", "decode_seconds", "encode_memory", "decode_memory")
    return [
        {name: value for name, value in row.items() if name not in timed}
        for row in results["measurements"]
    ]


def test_a_report_of_a_folder(images: Path) -> None:
    ran = _run(images.parent, "images", "-o", "report", *QUICK)
    assert ran.returncode == 0, ran.stderr
    report = images.parent / "report"
    assert "BD-rate" in ran.stdout and "CT, 1 image" in ran.stdout
    assert "report/report.html" in ran.stderr
    results = json.loads((report / "results.json").read_text())
    assert [image["name"] for image in results["images"]] == ["ct.dcm", "deep/mr"]
    assert list(results["codecs"]) == ["radcodec", "jpeg2000", "jpeg"]
    assert len(results["measurements"]) == 2 * 3 * 3
    assert results["left_out"] == results["failed"] == []
    assert results["targets"] == ["ratio 6", "ratio 12", "ratio 24"]
    found = results["summary"]["ct"]["bd_rate"]["psnr"]["jpeg2000"]
    # The terminal shows what the file says.
    assert f"{100 * found['mean']:+.1f} %" in ran.stdout
    lines = (report / "results.csv").read_text().splitlines()
    assert len(lines) == 1 + 18 and lines[0].startswith("image,modality,")
    page = (report / "report.html").read_text()
    assert "deep/mr" in page and "</html>" in page
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "docs/bench.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(results, schema)


def test_the_named_codecs_are_all_there_are() -> None:
    # The command names them itself, so that its help need not import them.
    assert tuple(CODECS.split(",")) == NAMES


def test_json_on_standard_output(images: Path) -> None:
    ran = _run(images, ".", "-o", "../report", "--json", "--modality", "mr", *QUICK)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == json.loads((images.parent / "report/results.json").read_text())
    assert [image["modality"] for image in json.loads(ran.stdout)["images"]] == ["mr"]


def test_speeds_of_other_conditions_are_told_apart(images: Path) -> None:
    words = ("images", "-o", "report", "--modality", "ct", "--codecs", "jpeg", "--ratios", "8")
    results = images.parent / "report" / "results.json"
    for more, other in ((("--runs", "1"), 0), (("--runs", "2"), 2)):
        ran = _run(images.parent, *words, *more)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(results.read_text())["timed_otherwise"] == other
    assert "2 measurements of an earlier run" in (images.parent / "report/report.html").read_text()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_run_goes_on(
    images: Path, uninterrupted: list[dict[str, Any]], ending: signal.Signals
) -> None:
    words = ("images", "-o", "report", *QUICK)
    report = images.parent / "report"
    process = subprocess.Popen(
        _command(*words),
        cwd=images.parent,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    begin = time.monotonic()
    rows = report / "rows.jsonl"
    while not rows.exists() or rows.stat().st_size < 500:
        assert process.poll() is None and time.monotonic() - begin < 100
        time.sleep(0.02)
    process.send_signal(ending)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in errors
    if ending == signal.SIGINT:
        assert "the same command goes on" in errors
    assert not (report / "results.json").exists()
    before = rows.read_text().count("\n")
    assert 0 < before < 18
    ran = _run(images.parent, *words)
    assert ran.returncode == 0, ran.stderr
    assert _rows(report) == uninterrupted
    assert not list(report.rglob("*.part"))


def test_a_missing_program_is_reported(images: Path) -> None:
    words = ("--codecs", "jpeg,hevc", "--ratios", "8", "--runs", "1", "--modality", "ct")
    ran = _run(images.parent, "images", "-o", "report", *words, PATH="/nonexistent")
    assert ran.returncode == 0, ran.stderr
    assert "hevc is not measured: x265 is not installed" in ran.stderr
    results = json.loads((images.parent / "report/results.json").read_text())
    assert "apt-get install" in results["codecs"]["hevc"]["missing"]
    assert {row["codec"] for row in results["measurements"]} == {"radcodec", "jpeg"}
    assert "apt-get install" in (images.parent / "report/report.html").read_text()


def test_what_cannot_be_read_is_listed_and_sets_the_exit_code(images: Path) -> None:
    shutil.copy(sample_path("SC_rgb.dcm"), images / "colour.dcm")
    (images / "cut.dcm").write_bytes((images / "ct.dcm").read_bytes()[:700])
    (images / "notes.txt").write_text("no image, and none that looks like one")
    shutil.copy(images / "ct.dcm", images / "twice.dcm")
    ran = _run(images.parent, "images", "-o", "report", *QUICK)
    assert ran.returncode == 1
    assert "left out: colour.dcm" in ran.stderr and "left out: cut.dcm" in ran.stderr
    assert "2 files could not be measured" in ran.stderr
    assert "notes.txt" not in ran.stderr
    results = json.loads((images.parent / "report/results.json").read_text())
    left = [item["image"] for item in results["left_out"]]
    assert left == ["colour.dcm", "cut.dcm", "twice.dcm"]
    assert len(results["images"]) == 2
    assert "colour.dcm" in (images.parent / "report/report.html").read_text()


@pytest.mark.parametrize("name", ["nowhere", "empty", "useless"])
def test_nothing_to_measure(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "useless").mkdir()
    shutil.copy(sample_path("SC_rgb.dcm"), tmp_path / "useless" / "colour.dcm")
    ran = _run(tmp_path, name, "-o", "report", *QUICK)
    assert ran.returncode == 3
    last = ran.stderr.splitlines()[-1]
    assert last.startswith(f"radcodec: {name}: ")
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "report" / "results.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--codecs", "jpeg3000"], "no codec 'jpeg3000'"),
        (["--codecs", "no.such"], "no codec 'no.such'"),
        (["--ratios", "10,none"], "'none' is not a number"),
        (["--ratios", "0"], "above 0"),
        (["--rates", ","], "at least one"),
        (["--modality", "us"], "'us' is not one of"),
    ],
)
def test_usage(images: Path, words: list[str], said: str) -> None:
    ran = _run(images.parent, "images", "-o", "report", *words)
    assert ran.returncode == 2
    assert said in ran.stderr and "Traceback" not in ran.stderr


def test_other_folders_are_not_written_into(images: Path) -> None:
    ran = _run(images.parent, "images", "-o", "images", *QUICK)
    assert ran.returncode == 2 and "choose another -o" in ran.stderr
    assert sorted(path.name for path in images.iterdir()) == ["ct.dcm", "deep"]
    ran = _run(images.parent, "images", "-o", "images/ct.dcm", *QUICK)
    assert ran.returncode == 2 and "no folder" in ran.stderr


def test_a_report_inside_the_folder_is_not_measured(images: Path) -> None:
    words = (".", "-o", "report", *QUICK, "--modality", "mr")
    for _ in range(2):
        ran = _run(images, *words)
        assert ran.returncode == 0, ran.stderr
        assert len(json.loads((images / "report/results.json").read_text())["images"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small tmpfs, as Linux can")
def test_a_full_disk_is_said_and_the_run_goes_on_once_there_is_room(images: Path) -> None:
    small = images.parent / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a file system of 24 KiB needs root")
    try:
        ran = _run(images.parent, "images", "-o", "small/report", *QUICK)
        assert ran.returncode == 8, ran.stderr
        assert "No space left" in ran.stderr and "Traceback" not in ran.stderr
        assert not (small / "report" / "results.json").exists()
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        ran = _run(images.parent, "images", "-o", "small/report", *QUICK)
        assert ran.returncode == 0, ran.stderr
        assert len(_rows(small / "report")) == 18
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_odd_names_and_sizes(images: Path) -> None:
    (images / "ct.dcm").rename(images / "c\x1b[2Jt\n.dcm")
    (images / "no\x1b[2Jne.png").write_bytes(b"")
    words = ("--codecs", "jpeg", "--ratios", "6,12,6.0000001", "--runs", "1")
    ran = _run(images.parent, "images", "-o", "report", *words)
    assert ran.returncode == 1, ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "1 file could not be measured" in ran.stderr
    results = json.loads((images.parent / "report/results.json").read_text())
    assert results["targets"] == ["ratio 6", "ratio 12"]
    assert {image["name"] for image in results["images"]} == {"c\x1b[2Jt\n.dcm", "deep/mr"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_nobody_reads_the_tables(images: Path) -> None:
    words = ("--codecs", "jpeg", "--ratios", "6", "--runs", "1", "--modality", "mr")
    command = shlex.join(_command("images", "-o", "report", *words))
    ran = subprocess.run(
        ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"],
        cwd=images.parent,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "unexpected" not in ran.stderr
    assert (images.parent / "report" / "report.html").exists()
