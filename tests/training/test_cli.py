"""``python -m radcodec.training`` explains itself, with or without torch."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from radcodec.training.__main__ import main

CONFIGS = Path(__file__).resolve().parents[2] / "radcodec" / "training" / "configs"
COMMANDS = ("joint", "tune", "export", "campaign", "rules")


def test_help_names_every_command() -> None:
    ran = CliRunner().invoke(main, ["--help"])
    assert ran.exit_code == 0
    assert set(main.commands) == set(COMMANDS)
    for command in COMMANDS:
        assert f"  {command} " in ran.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_help(command: str) -> None:
    ran = CliRunner().invoke(main, [command, "--help"])
    assert ran.exit_code == 0
    assert main.commands[command].help
    assert "--data" in ran.output


def test_missing_options_are_named() -> None:
    ran = CliRunner().invoke(main, ["joint"])
    assert ran.exit_code == 2
    assert "Missing option" in ran.output


def test_kept_configurations_are_valid() -> None:
    pytest.importorskip("torch")
    from radcodec.training.loop import Config

    paths = sorted(CONFIGS.glob("*.json"))
    assert paths
    for path in paths:
        fields = json.loads(path.read_text())
        assert asdict(Config(**fields)).items() >= fields.items()
        assert f"d{fields['depth']}" in path.stem


def test_a_bad_configuration_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    config = tmp_path / "bad.json"
    config.write_text('{"depth": 2, "breadth": 64}')
    words = ["--config", str(config), "--data", str(tmp_path), "--run", str(tmp_path / "run")]
    ran = CliRunner().invoke(main, ["joint", *words, "--minutes", "1"])
    assert ran.exit_code == 1
    assert "bad.json is no training configuration" in ran.output


def test_a_run_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    from radcodec.training import loop

    # Every look at the clock takes a second, and a step looks twice: 60 steps in 2 minutes.
    ticks = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    config = tmp_path / "tiny.json"
    config.write_text('{"depth": 1, "width": 8, "latents": 4, "patch": 8, "batch": 1}')
    data = tmp_path / "data"
    data.mkdir()
    values = np.random.default_rng(1).integers(0, 4096, (16, 16)).astype(np.uint16)
    Image.fromarray(values).save(data / "film.png")
    run = tmp_path / "run"
    words = ["--config", str(config), "--data", str(data), "--run", str(run)]
    words += ["--minutes", "2", "--default-modality", "ct"]
    ran = CliRunner().invoke(main, ["joint", *words])
    assert (run / "checkpoint.pt").exists(), ran.output
    assert ran.exit_code == 0, ran.output
    assert (run / "log.svg").exists()
