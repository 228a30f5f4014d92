"""The command in this process, over images of pydicom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydicom.data import get_testdata_file

from radcodec.cli import main


def invoke(*words: str | Path) -> Result:
    """Run radcodec with the real codec; models that are loaded serve the next call too."""
    return CliRunner().invoke(main, [str(word) for word in words])


def done(*words: str | Path) -> Result:
    """Run radcodec, which must succeed."""
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    return result


def facts(path: Path) -> dict[str, Any]:
    """Return what `radcodec info --json` says of a file."""
    found: dict[str, Any] = json.loads(done("info", path, "--json").stdout)
    return found


def sample(name: str) -> Path:
    """Return the path of one of pydicom's images; skip where it is not installed."""
    found = get_testdata_file(name, download=False)
    if not isinstance(found, str):
        pytest.skip(f"{name} is not here; pydicom-data brings it")
    return Path(found)
