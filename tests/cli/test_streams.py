"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import command, environment, needs_models
from tests.cli.running import done

pytestmark = [
    needs_models,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell"),
]
_FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")


def _shell(folder: Path, words: str, redirections: str) -> subprocess.CompletedProcess[str]:
    script = f"{shlex.join(command(*words.split()))} {redirections}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "redirections", "code"),
    [
        ("compress ct.dcm --max-error 2", ">&-", 0),
        ("compress ct.dcm --max-error 2", "2>&-", 0),
        ("compress ct.dcm --max-error 2", "<&- >&- 2>&-", 0),
        ("compress ct.dcm --max-error 2", "2>&1 | true", 0),
        pytest.param("compress ct.dcm --max-error 2", "2>/dev/full", 0, marks=_FULL),
        ("compress ct.dcm --max-error 2 -c", ">&-", 8),
        ("compress ct.dcm --max-error 2 -c", "| true", 8),
        pytest.param("compress ct.dcm --max-error 2 -c", ">/dev/full", 8, marks=_FULL),
        ("compress no.dcm", "2>&-", 3),
        ("compress no.dcm", "2>&1 | true", 3),
        ("info no.rcz", ">&- 2>&-", 3),
        ("models", "| true", 0),
        ("models", ">&-", 0),
        ("--help", ">&-", 0),
        pytest.param("--help", ">/dev/full", 8, marks=_FULL),
        pytest.param("compress --help", ">/dev/full", 8, marks=_FULL),
        pytest.param("models", ">/dev/full", 8, marks=_FULL),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_odd_streams(
    dicom: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    redirections: str,
    code: int,
    unbuffered: str,
) -> None:
    folder = dicom.parent
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    ran = _shell(folder, words, redirections)
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr and "unexpected" not in ran.stderr
    # Results come about whether or not anybody listens.
    written = code == 0 and words.startswith("compress")
    assert sorted(path.name for path in folder.iterdir()) == ["ct.dcm", *["ct.rcz"] * written]
    if written:
        done("test", folder / "ct.rcz")


@_FULL
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_answers_that_find_no_room(dicom: Path, jobs: str) -> None:
    folder = dicom.parent
    done("compress", dicom, "--max-error", "2")
    (folder / "bad.rcz").write_bytes(b"no rcz")
    ran = _shell(folder, f"test ct.rcz bad.rcz -T {jobs}", ">/dev/full")
    assert ran.returncode == 1
    assert "ct.rcz: standard output: cannot be written: No space left" in ran.stderr
    assert "bad.rcz (exit code 4)" in ran.stderr
    ran = _shell(folder, "info ct.rcz", ">/dev/full")
    assert ran.returncode == 8 and "unexpected" not in ran.stderr
