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
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.processes import command, environment, needs_models, run
from tests.cli.running import done

pytestmark = needs_models
#: What makes runs short, and has the networks do their part.
_QUICK = ("--quality", "60")
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
    for path, found in zip(paths[1:], (dicom, Path(small)) * 2, strict=True):
        shutil.copy(found, path)
    values = np.random.default_rng(1).integers(0, 4096, (256, 256), dtype=np.uint16)
    # The content says what it is, not the name.
    Image.fromarray(values).save(paths[0], "png")
    return paths


def _make_first_take_long(paths: list[Path]) -> None:
    """Put an image in the place of the first whose usual size takes many seconds to find."""
    values = np.random.default_rng(1).integers(0, 4096, (1500, 1500), dtype=np.uint16)
    Image.fromarray(values).save(paths[0], "png", compress_level=1)


def _results(paths: list[Path]) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in paths[0].parent.glob("*.rcz")}


def _without_seconds(text: str) -> str:
    return re.sub(r"[0-9.]+ s$", "", text, flags=re.MULTILINE)


def test_bytes_and_words_are_those_of_one_job(several: list[Path]) -> None:
    folder = several[0].parent
    names = [path.name for path in several]
    alone = run(folder, "compress", *names, *_QUICK)
    assert alone.returncode == 0, alone.stderr
    results = _results(several)
    assert len(results) == 5
    together = run(folder, "compress", *names, *_QUICK, "-T", "3", "-f")
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
    ran = run(folder, "compress", *(path.name for path in several), *_QUICK, "-T2", "-v")
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
    names = ("b.dcm", "sub/b.dcm", "c.dcm")
    ran = run(folder, "compress", *names, *_QUICK, "-o", "out", "-T3", "-f")
    assert ran.returncode == 1
    assert "out/b.rcz is also the output of b.dcm" in ran.stderr
    done("compress", several[1], *_QUICK)
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


def _wait_for(what: Callable[[], bool]) -> None:
    """Wait until something is so, however slow the machine is."""
    deadline = time.monotonic() + 300
    while not what():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.005)


def _at_work(process: int) -> bool:
    """Whether a process has begun its first task, for which it loads what it needs."""
    with contextlib.suppress(OSError):
        return "numpy" in Path(f"/proc/{process}/maps").read_text()
    return False


@_LINUX
def test_a_killed_process_is_the_failure_of_its_file(several: list[Path]) -> None:
    running = _start(several, "-T2", "--rm", *_QUICK)
    _wait_for(lambda: any(map(_at_work, _workers(running.pid))))
    os.kill(next(filter(_at_work, _workers(running.pid))), signal.SIGKILL)
    _, said = running.communicate(timeout=300)
    assert running.returncode == 1, said
    (line,) = (line for line in said.splitlines() if "SIGKILL" in line)
    failed = line.split(":")[0]
    assert "1 of 5 files failed" in said and "Traceback" not in said
    left = sorted(path.name for path in several[0].parent.iterdir())
    others = [path for path in several if path.name != failed]
    assert left == sorted([failed, *(f"{path.stem}.rcz" for path in others)])


def _group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@_LINUX
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_stopping(several: list[Path], jobs: str, number: int, code: int, word: str) -> None:
    folder = several[0].parent
    _make_first_take_long(several)
    running = _start([several[1], *several], "-T", jobs, "-f", "-q")
    _wait_for((folder / "b.rcz").exists)
    if number == signal.SIGINT:
        # As a terminal does it: to all processes of the group.
        os.killpg(running.pid, number)
    else:
        running.terminate()
    _, said = running.communicate(timeout=300)
    assert (running.returncode, said) == (code, f"radcodec: {word}\n")
    # No process is left, after a moment for Python's own helper, and every file is whole.
    _wait_for(lambda: _group_is_gone(running.pid))
    assert not list(folder.glob(".radcodec*"))
    assert all(path.exists() for path in several)
    results = sorted(folder.glob("*.rcz"))
    assert 1 <= len(results) < 5
    done("test", *results)


@_LINUX
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_stopped_run_is_taken_up_again(several: list[Path], jobs: str) -> None:
    folder = several[0].parent
    running = _start([several[1], *several], "-T", jobs, "--rm", "-q", *_QUICK)
    _wait_for((folder / "b.rcz").exists)
    running.terminate()
    running.communicate(timeout=300)
    left = sorted(path.name for path in folder.glob("*.dcm"))
    # Of each image there is the source or the result, or for a moment both.
    assert {Path(name).stem for name in left} | set(_results(several)) == set("abcde")
    if left:
        done("compress", *(folder / name for name in left), "--rm", "-f", *_QUICK)
    results = sorted(folder.iterdir())
    assert [path.name for path in results] == [f"{letter}.rcz" for letter in "abcde"]
    done("test", *results)


def test_jobs_do_not_go_with_stdout(dicom: Path) -> None:
    ran = run(dicom.parent, "compress", dicom.name, "-c", "-T2")
    assert ran.returncode == 2 and "-T does not go with -c" in ran.stderr
