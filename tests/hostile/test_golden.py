"""What is said of broken files, word by word, and by which exit code."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from radcodec.cli import main
from radcodec.network.store import ModelStore

from .golden.make_golden import FOLDER, RECORD, error_of, files

ERRORS = json.loads(RECORD.read_text())


def test_the_files_are_those_of_the_script() -> None:
    there = {path.stem: path.read_bytes() for path in FOLDER.glob("*.rcz")}
    assert there == files()
    assert set(there) - set(ERRORS) == {"good"}


def test_the_good_one_is_good() -> None:
    done = CliRunner().invoke(main, ["test", str(FOLDER / "good.rcz")])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_errors(name: str) -> None:
    expected = ERRORS[name]
    path = FOLDER / f"{name}.rcz"
    error = error_of(path.read_bytes())
    assert type(error).__name__ == expected["error"]
    # The folder of the models differs from one machine to the next.
    assert _anywhere(str(error)) == expected["message"]
    done = CliRunner().invoke(main, ["test", str(path)])
    assert done.exit_code == expected["exit"]
    assert expected["message"] in _anywhere(re.sub(r"\s+", " ", done.stderr))
    assert "Traceback" not in done.output


def _anywhere(message: str) -> str:
    return message.replace(str(ModelStore().root), "MODELS")
