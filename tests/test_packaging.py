"""The wheel carries the models, the command and the mark that it is typed."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_wheel_holds_every_model_file(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
    models = {
        f"radcodec/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "models").rglob("*")
        if path.is_file() and path.suffix != ".safetensors"
    }
    assert models <= names
    assert {"radcodec/py.typed", "radcodec/cli/__init__.py"} <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_torch_is_needed_for_training_only() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    holders = {
        name
        for name, wanted in {"": project["dependencies"], **extras}.items()
        if any(line.startswith("torch") for line in wanted)
    }
    assert holders == {"train"}
