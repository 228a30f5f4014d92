"""What users stumble over: endings, pipes, empty names, and results that are no gain."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest
from PIL import Image

from tests.cli.processes import command, environment, needs_models
from tests.cli.running import done, facts, invoke, sample

pytestmark = needs_models


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return the path of a copy of a CT slice."""
    return Path(shutil.copy(sample("CT_small.dcm"), tmp_path / "ct.dcm"))


@pytest.fixture
def packed(scan: Path) -> Path:
    """Return the path of an .rcz file, its source beside it."""
    done("compress", scan, "--max-error", "2")
    return scan.with_suffix(".rcz")


@pytest.mark.parametrize("words", [("compress",), ("compress", "-r"), ("info",), ("decompress",)])
def test_an_empty_path_is_not_the_current_folder(words: tuple[str, ...]) -> None:
    ran = invoke(*words, "")
    assert ran.exit_code == 2 and "the path is empty" in ran.output


def test_folders_that_are_not_there(scan: Path) -> None:
    for option in ("-o", "--output-dir-mirror"):
        ran = invoke("compress", scan, option, "")
        assert ran.exit_code == 2 and "the path is empty" in ran.output
    ran = invoke("compress", scan, "-o", f"{scan.parent / 'new'}/")
    assert ran.exit_code == 2 and "not an existing folder" in ran.output
    assert [path.name for path in scan.parent.iterdir()] == ["ct.dcm"]


def test_the_ending_of_the_output_says_what_it_is(packed: Path) -> None:
    shown, again = packed.with_name("a.PNG"), packed.with_name("a.dcm")
    done("decompress", packed, "-o", shown)
    assert Image.open(shown).size == (128, 128)
    done("compress", shown, "--max-error", "0", "-o", packed.with_name("b.rcz"))
    done("decompress", packed.with_name("b.rcz"), "-o", again)
    assert pydicom.dcmread(again).Modality == "OT"


@pytest.mark.parametrize(
    ("words", "name", "named"),
    [
        (["--to", "dcm"], "a.png", "--to"),
        (["--to", "png"], "a.dcm", "--to"),
        (["--reduce", "2"], "a.dcm", "--reduce"),
        (["--region", "0,0,9,9"], "a.ima", "--region"),
        (["--raw"], "a.dcm", "--raw"),
    ],
)
def test_an_ending_of_another_kind_is_refused(
    packed: Path, words: list[str], name: str, named: str
) -> None:
    ran = invoke("decompress", packed, *words, "-o", packed.with_name(name))
    assert ran.exit_code == 2 and f"than {named} writes" in ran.output
    assert not packed.with_name(name).exists()


def test_pipes_are_read(scan: Path) -> None:
    ran = subprocess.run(
        command("compress", "/dev/stdin", "-c", "--max-error", "0"),
        input=scan.read_bytes(),
        env=environment(),
        capture_output=True,
        check=True,
    )
    result = scan.with_name("piped.rcz")
    result.write_bytes(ran.stdout)
    assert facts(result)["header"]["max_error"] == 0
    cut = subprocess.run(
        command("compress", "/dev/stdin", "-c"),
        input=scan.read_bytes()[:3000],
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert cut.returncode == 3 and b"unexpected" not in cut.stderr and not cut.stdout


def test_a_source_whose_result_is_larger_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.new("L", (8, 8), 90).save(path, optimize=True)
    ran = done("compress", path, "--rm")
    assert "the result is larger than its source; the source is kept" in ran.stderr
    assert path.exists() and path.with_suffix(".rcz").exists()


def test_numbered_files_of_two_sources_do_not_meet(tmp_path: Path) -> None:
    many, one = tmp_path / "cine.rcz", tmp_path / "cine.0002.rcz"
    done("compress", sample("emri_small.dcm"), "--max-error", "9", "-o", many)
    done("compress", sample("CT_small.dcm"), "--max-error", "9", "-o", one)
    out = tmp_path / "out"
    out.mkdir()
    for force in ([], ["-f"]):
        ran = invoke("decompress", one, many, "--to", "png", "-o", out, *force)
        assert ran.exit_code == 1 and "is also the output of" in ran.output
        assert [path.name for path in out.iterdir()] == ["cine.0002.png"]
        (out / "cine.0002.png").unlink()
    # Names that are not written are no matter; those that are, before the first is.
    (out / "cine.png").write_bytes(b"mine")
    done("decompress", many, "--to", "png", "-o", out)
    assert len(list(out.iterdir())) == 11
    (out / "cine.0001.png").unlink()
    ran = invoke("decompress", many, "--to", "png", "-o", out)
    assert ran.exit_code == 8 and not (out / "cine.0001.png").exists()


def test_a_palette_says_that_no_size_is_met(tmp_path: Path) -> None:
    ran = done("compress", sample("examples_palette.dcm"), "--ratio", "400", "-o", tmp_path / "a")
    assert "indices of a palette are kept exactly" in ran.stderr


def test_exact_files_are_not_flagged_without_verification_either(scan: Path) -> None:
    done("compress", scan, "--ratio", "1.2", "--no-verify")
    done("decompress", scan.with_suffix(".rcz"), "-o", scan.with_name("again.dcm"))
    source, again = pydicom.dcmread(scan), pydicom.dcmread(scan.with_name("again.dcm"))
    assert again.SOPInstanceUID == source.SOPInstanceUID
    assert "LossyImageCompression" not in again and again.PixelData == source.PixelData


@pytest.mark.parametrize("bound", ["32768", "1" + "0" * 30, "-1"])
def test_bounds_out_of_range_are_an_error_of_usage(scan: Path, bound: str) -> None:
    ran = invoke("compress", scan, "--max-error", bound)
    assert ran.exit_code == 2 and "0<=x<=32767" in ran.output


def test_the_other_command_is_named(scan: Path, packed: Path) -> None:
    assert "radcodec decompress" in invoke("compress", packed, "-o", packed.with_name("x")).output
    assert "radcodec compress" in invoke("decompress", scan).output


@pytest.mark.parametrize("words", ["test", "info", "decompress -c", "compress -c"])
def test_no_more_is_taken_from_a_pipe_than_memory_allows(words: str) -> None:
    name, *options = words.split()
    line = command(name, "/dev/stdin", *options, "--memory-limit", "100MiB")
    ran = subprocess.run(
        line, input=bytes(2**25), env=environment(), capture_output=True, check=False
    )
    assert ran.returncode == 5 and b"come through a pipe" in ran.stderr
