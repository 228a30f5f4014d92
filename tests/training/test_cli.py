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
from tests.training.samples import write_images

CONFIGS = Path(__file__).resolve().parents[2] / "radcodec" / "training" / "configs"
COMMANDS = ("joint", "tune", "export", "campaign", "rules", "pack")


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


def _folder(path: Path) -> Path:
    """Write an image that does not name its modality."""
    path.mkdir()
    values = np.random.default_rng(1).integers(0, 4096, (16, 16)).astype(np.uint16)
    Image.fromarray(values).save(path / "film.png")
    return path


def test_a_pack_from_the_command_line(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from radcodec.training.data import load

    data, out = tmp_path / "data", tmp_path / "some.pack"
    write_images(data)
    words = ["pack", "--data", str(data), "--out", str(out), "--mib"]
    ran = CliRunner().invoke(main, [*words, "0.1"])
    assert ran.exit_code == 0, ran.output
    assert ran.output == f"{out}: 0.0 MiB, tiles: 1 of xr, 1 of mg, 1 of ct, 1 of mr\n"
    assert out.stat().st_size < 0.1 * 2**20
    packed, images = (
        {sample.modality: sample for sample in load(path, "train")} for path in (out, data)
    )
    assert set(packed) == {"xr", "mg", "ct", "mr"}
    for modality, sample in packed.items():
        difference = sample.unit.astype(int) - images[modality].unit
        shown = slice(None) if sample.mask is None else ~sample.mask
        assert abs(difference[shown]).max() <= 65535 / 2047 / 2 + 1

    ran = CliRunner().invoke(main, [*words[:2], str(_folder(tmp_path / "other")), *words[3:], "1"])
    assert ran.exit_code == 1
    assert "no usable image in" in ran.output
    values = np.random.default_rng(1).integers(0, 4096, (150, 150)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "other" / "film.png")
    words[2] = str(tmp_path / "other")
    ran = CliRunner().invoke(main, [*words, "0.01", "--default-modality", "xr"])
    assert ran.exit_code == 1
    assert "Error: not one part of an image has room" in ran.output
    assert set(load(out, "train")[0].unit.shape) == {72, 56}


@pytest.mark.parametrize("command", ["joint", "tune", "campaign"])
def test_what_is_no_pack_is_refused(tmp_path: Path, command: str) -> None:
    pytest.importorskip("torch")
    config, film = tmp_path / "d1.json", tmp_path / "film.png"
    config.write_text('{"depth": 1}')
    film.write_bytes(b"film")
    words = ["--data", str(film), "--minutes", "1"]
    if command != "campaign":
        words += ["--config", str(config), "--run", str(tmp_path / "run")]
    if command == "tune":
        words += ["--start", str(tmp_path)]
    ran = CliRunner().invoke(main, [command, *words])
    if command == "campaign":  # It exports too, for which a pack does not do.
        assert ran.exit_code == 2
        assert "is a file" in ran.output
    else:
        assert ran.exit_code == 1
        assert "film.png is no pack of training images" in ran.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("packed", [False, True])
def test_a_run_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    from radcodec.training import loop

    # Every look at the clock takes a second, and a step looks twice: 60 steps in 2 minutes.
    ticks = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    config = tmp_path / "tiny.json"
    config.write_text('{"depth": 1, "width": 8, "latents": 4, "patch": 8, "batch": 1}')
    data = _folder(tmp_path / "data")
    unnamed = ["--default-modality", "ct"]
    if packed:
        words = ["--data", str(data), "--out", str(tmp_path / "some.pack")]
        ran = CliRunner().invoke(main, ["pack", *words, *unnamed])
        assert ran.exit_code == 0, ran.output
        data, unnamed = tmp_path / "some.pack", []
    run = tmp_path / "run"
    words = ["--config", str(config), "--data", str(data), "--run", str(run)]
    words += ["--minutes", "2", *unnamed]
    ran = CliRunner().invoke(main, ["joint", *words])
    assert (run / "checkpoint.pt").exists(), ran.output
    assert ran.exit_code == 0, ran.output
    assert (run / "log.svg").exists()
