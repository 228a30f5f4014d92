"""The command as a real process, with the real models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from radcodec.network.store import default_root

ROOT = Path(__file__).resolve().parents[2]

needs_models = pytest.mark.skipif(
    not any(default_root().glob("d?/*/manifest.json")), reason="there are no models"
)


def environment() -> Mapping[str, str]:
    """Return an environment in which this checkout is found from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def command(*words: str | Path) -> list[str]:
    """Return the words of a command line that runs radcodec."""
    return [sys.executable, "-m", "radcodec.cli", *map(str, words)]


def run(
    folder: Path, *words: str | Path, prefix: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run radcodec in `folder`, which is not the checkout; `prefix` is a program that starts it."""
    return subprocess.run(
        [*prefix, *command(*words)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
