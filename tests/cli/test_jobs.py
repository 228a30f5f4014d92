"""Several files at a time: the same bytes and words, and no failure takes others along."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.processes import command, environment, needs_models, run

pytestmark = needs_models
_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="finds processes as Linux does")


@pytest.fixture
def several(dicom: Path) -> list[Path]:
    """Return the paths of five images, the first of which takes longest."""
    from pydicom.data import get_testdata_file

    small = get_testdata_file("MR_small.dcm", download=False)
    assert isinstance(small, str)
    folder = dicom.parent / "in"
    folder.mkdir()
    paths = [folder / f"{letter}.dcm" for letter in "abcde"]
    for path, found in zip(paths[1:], (dicom, small, dicom, small), strict=True):
        shutil.copy(found, path)
    values = np.random.default_rng(1).integers(0, 4096, (256, 256), dtype=np.uint16)
    # The content says what it is, not the name.
    Image.fromarray(values).save(paths[0], "png")
    return paths


def _results(paths: list[Path]) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in paths[0].parent.glob("*.rcz")}


def _without_seconds(text: str) -> str:
    return re.sub(r"[0-9.]+ s$", "", text, flags=re.MULTILINE)


def test_bytes_and_words_are_those_of_one_job(several: list[Path]) -> None:
    folder = several[0].parent
    names = [path.name for path in several]
    alone = run(folder, "compress", *names)
    assert alone.returncode == 0, alone.stderr
    results = _results(several)
    assert len(results) == 5
    together = run(folder, "compress", *names, "-T", "3", "-f")
    assert together.returncode == 0, together.stderr
    assert _results(several) == results
    assert _without_seconds(together.stderr) == _without_seconds(alone.stderr)
    files = [f"{path.stem}.rcz" for path in several]
    tested = run(folder, "test", *files, "--jobs", "0")
    assert tested.stdout == "".join(f"{name}: ok\n" for name in files)
    back = []
    for jobs in ("1", "2"):
        (folder / jobs).mkdir()
        assert run(folder, "decompress", *files, "-T", jobs, "-o", jobs, "-q").stderr == ""
        back.append({path.name: path.read_bytes() for path in (folder / jobs).iterdir()})
    assert back[0] == back[1] and len(back[0]) == 5


def test_a_failing_file_stops_no_other(several: list[Path]) -> None:
    folder = several[0].parent
    several[2].write_bytes(b"no image")
    several[3].unlink()
    ran = run(folder, "compress", *(path.name for path in several), "-T2", "-v")
    assert ran.returncode == 1
    assert sorted(_results(several)) == ["a", "b", "e"]
    lines = [line for line in ran.stderr.splitlines() if line[:5] in {f"{x}.dcm" for x in "abcde"}]
    assert [line[0] for line in lines] == list("abcde")
    assert "2 of 5 files failed" in ran.stderr
    # -v shows the traceback of what happened in another process.
    assert "Traceback" in ran.stderr and "InputError" in ran.stderr


def test_two_sources_of_one_target(several: list[Path]) -> None:
    folder = several[0].parent
    (folder / "sub").mkdir()
    shutil.copy(several[2], folder / "sub" / "b.dcm")
    (folder / "out").mkdir()
    ran = run(folder, "compress", "b.dcm", "sub/b.dcm", "c.dcm", "-o", "out", "-T3", "-f")
    assert ran.returncode == 1
    assert "out/b.rcz is also the output of b.dcm" in ran.stderr
    assert run(folder, "compress", "b.dcm").returncode == 0
    assert (folder / "out" / "b.rcz").read_bytes() == (folder / "b.rcz").read_bytes()


def test_all_fail_at_once(tmp_path: Path) -> None:
    ran = run(tmp_path, "compress", tmp_path, tmp_path.parent, "-T2")
    assert ran.returncode == 1 and "2 of 2 files failed" in ran.stderr


def _workers(parent: int) -> list[int]:
    """Numbers of the worker processes of a running command."""
    found = []
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
    return found


def _start(paths: list[Path], *words: str) -> subprocess.Popen[str]:
    # A shell may have started the tests with Ctrl-C switched off, which is handed down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        command("compress", *(path.name for path in paths), *words),
        cwd=paths[0].parent,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@_LINUX
def test_a_killed_process_is_the_failure_of_its_file(several: list[Path]) -> None:
    running = _start(several, "-T2", "--rm")
    deadline = time.monotonic() + 30
    while not (workers := _workers(running.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(workers[0], signal.SIGKILL)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1, said
    (line,) = (line for line in said.splitlines() if "SIGKILL" in line)
    failed = line.split(":")[0]
    assert "1 of 5 files failed" in said and "Traceback" not in said
    left = sorted(path.name for path in several[0].parent.iterdir())
    others = [path for path in several if path.name != failed]
    assert left == sorted([failed, *(f"{path.stem}.rcz" for path in others)])


@_LINUX
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_stopping(several: list[Path], jobs: str, number: int, code: int, word: str) -> None:
    folder = several[0].parent
    running = _start([several[1], *several], "-T", jobs, "-f", "-q")
    deadline = time.monotonic() + 30
    while not (folder / "b.rcz").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    if number == signal.SIGINT:
        # As a terminal does it: to all processes of the group.
        os.killpg(running.pid, number)
    else:
        running.terminate()
    begin = time.monotonic()
    _, said = running.communicate(timeout=60)
    assert time.monotonic() - begin < 5
    assert (running.returncode, said) == (code, f"radcodec: {word}\n")
    # No process is left, after a moment for Python's own helper, and every file is whole.
    with pytest.raises(ProcessLookupError):
        while time.monotonic() - begin < 5:
            os.killpg(running.pid, 0)
            time.sleep(0.01)
    assert not list(folder.glob(".radcodec*"))
    assert all(path.exists() for path in several)
    done = [path.name for path in folder.glob("*.rcz")]
    assert 1 <= len(done) < 5
    assert run(folder, "test", *done).returncode == 0


def test_jobs_do_not_go_with_stdout(dicom: Path) -> None:
    ran = run(dicom.parent, "compress", dicom.name, "-c", "-T2")
    assert ran.returncode == 2 and "-T does not go with -c" in ran.stderr
