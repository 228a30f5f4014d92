"""The worst files that a few bytes can make, each within the memory that is allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .measured import BOMBS, MEMORY

#: Where /proc tells how much memory a process had.
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")


@linux
def test_no_bomb_takes_more_memory_than_allowed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.measured", *BOMBS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    peaks = {name: int(peak) for name, peak in (line.split() for line in done.stdout.splitlines())}
    assert list(peaks) == list(BOMBS)
    assert max(peaks.values()) < MEMORY, peaks
