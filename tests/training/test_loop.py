"""The training loop on synthetic images, by a clock of its own."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from safetensors.torch import load_file, save_file

from radcodec.training import loop, stages
from radcodec.training.checkpoints import load_codec, save_small
from radcodec.training.data import Sample, prepare
from radcodec.training.loop import Codec, Config, train

CONFIG = Config(depth=1, width=8, latents=4, patch=8, batch=1, warm_up=5)


@pytest.fixture
def samples() -> list[Sample]:
    random = np.random.default_rng(8)
    return [
        prepare(f"{name}.png", name, random.integers(0, 4096, (24, 24), dtype=np.int32))
        for name in ("ct", "xr")
    ]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at the clock take a second: a step looks twice."""
    ticks = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))


def _weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def _same(before: dict[str, torch.Tensor], module: torch.nn.Module) -> bool:
    return all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_trains_logs_and_resumes(samples: list[Sample], tmp_path: Path) -> None:
    torch.manual_seed(0)
    said: list[str] = []
    codec = Codec(CONFIG.architecture, CONFIG.seed)
    before = _weights(codec.decompressor)
    train(codec, CONFIG, samples, tmp_path / "run", 2.0, log=said.append)
    assert not _same(before, codec.decompressor)
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert 50 <= state["steps"] <= 60
    assert state["seconds"] >= 120
    assert state["config"]["depth"] == 1
    assert [line for line in said if line.startswith("step 50 ")]

    other = Codec(CONFIG.architecture, seed=99)
    train(other, CONFIG, samples, tmp_path / "run", 4.0, log=said.append)
    assert f"resumed at step {state['steps']}, " in "\n".join(said)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["step"] for record in records] == [50, 100]
    for record in records:
        assert record["bpp"] > 0 and record["mse"] >= 0 and np.isfinite(record["cost"])
    assert 0 < records[1]["minutes"] - records[0]["minutes"] < 4


def test_a_spent_budget_only_loads(samples: list[Sample], tmp_path: Path) -> None:
    codec = train(Codec(CONFIG.architecture), CONFIG, samples, tmp_path, 0.1, log=lambda _: None)
    again = Codec(CONFIG.architecture, seed=5)
    train(again, CONFIG, samples, tmp_path, 0.1, log=lambda _: None)
    assert _same(_weights(codec), again)


def test_frozen_decompressor_stays(samples: list[Sample], tmp_path: Path) -> None:
    codec = Codec(CONFIG.architecture)
    decompressor, gains = _weights(codec.decompressor), _weights(codec.decode_gains)
    compressor, encode_gains = _weights(codec.compressor), _weights(codec.encode_gains)
    train(codec, CONFIG, samples, tmp_path, 0.2, freeze_decompressor=True, log=lambda _: None)
    assert _same(decompressor, codec.decompressor)
    assert _same(gains, codec.decode_gains)
    assert not _same(compressor, codec.compressor)
    assert not _same(encode_gains, codec.encode_gains)


def test_checkpoints_come_back(samples: list[Sample], tmp_path: Path) -> None:
    run = tmp_path / "run"
    codec = train(Codec(CONFIG.architecture), CONFIG, samples, run, 0.1, log=lambda _: None)
    assert _same(_weights(codec), load_codec(run))
    path = tmp_path / "small" / "d1.safetensors"
    save_small(codec, path)
    small = load_codec(path)
    assert small.architecture == codec.architecture
    for name, value in small.state_dict().items():
        assert torch.equal(value, codec.state_dict()[name].half().float())
    assert path.stat().st_size < 2.5 * sum(v.numel() for v in codec.state_dict().values()) + 8192
    # A tuned codec leaves out what it shares with the joint one.
    with torch.no_grad():
        codec.compressor.convolutions[0].weight.mul_(2)
    tuned = path.with_name("d1-ct.safetensors")
    save_small(codec, tuned, rest=path)
    assert tuned.stat().st_size < path.stat().st_size / 2
    for name, value in load_codec(tuned).state_dict().items():
        assert torch.equal(value, codec.state_dict()[name].half().float())
    with pytest.raises(FileNotFoundError):
        load_codec(tmp_path / "nothing")


@pytest.mark.parametrize("plain", [0.0, 0.5, 1.0])
def test_a_refining_codec_trains_on_what_its_base_leaves(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: float
) -> None:
    base = Codec(Config(depth=2, width=8, latents=4).architecture)
    before = _weights(base)
    seen: list[bool] = []
    true_costs = loop.step_costs

    def costs(
        codec: Codec,
        image: torch.Tensor,
        weight: torch.Tensor,
        position: torch.Tensor,
        predicted: bool = True,
        **named: Any,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.append(predicted)
        # A patch is as it came, or centred on middle grey.
        assert predicted or abs(float(image.mean()) - 0.5) < 0.4
        assert float(position.min()) >= (config.plain_finest if predicted else config.finest)
        return true_costs(codec, image, weight, position, predicted, **named)

    monkeypatch.setattr(loop, "step_costs", costs)
    config = replace(CONFIG, plain=plain, plain_finest=0.6, finest=0.1)
    codec = Codec(config.architecture)
    start = _weights(codec)
    said: list[str] = []
    train(codec, config, samples, tmp_path, 1.8, bases=[base], log=said.append)
    assert not _same(start, codec)
    assert _same(before, base)
    assert len(seen) >= 50
    assert sum(seen) / len(seen) == pytest.approx(plain, abs=0.25)
    assert {0.0: {False}, 0.5: {True, False}, 1.0: {True}}[plain] == set(seen)
    record = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert np.isfinite(record["cost"]) and record["bpp"] > 0


def test_a_codec_does_not_refine_what_is_shallower(samples: list[Sample], tmp_path: Path) -> None:
    codec = Codec(CONFIG.architecture)
    with pytest.raises(ValueError, match="deeper"):
        train(codec, CONFIG, samples, tmp_path, 0.1, bases=[Codec(CONFIG.architecture)])


@pytest.mark.parametrize("suffix", [".safetensors", ""])
def test_checkpoints_of_an_earlier_rate_model_load(tmp_path: Path, suffix: str) -> None:
    codec = Codec(CONFIG.architecture, 1)
    with torch.no_grad():
        for parameter in codec.parameters():
            parameter.copy_(parameter.half())
        codec.rate_model.within.fill_(0.5)
    path = tmp_path / f"d1{suffix}"
    metadata = {key: str(value) for key, value in codec.architecture.as_dict().items()}
    save_small(codec, tmp_path / "whole.safetensors")

    def write(tensors: dict[str, torch.Tensor]) -> None:
        if suffix:
            save_file(tensors, path, metadata=metadata)
        else:
            path.mkdir(exist_ok=True)
            state = {"codec": {name: value.float() for name, value in tensors.items()}}
            torch.save(state | {"config": asdict(CONFIG)}, path / "checkpoint.pt")

    tensors = load_file(tmp_path / "whole.safetensors")
    del tensors["rate_model.within"]
    write(tensors)
    loaded = load_codec(path)
    # As new: what other channels are does not matter yet.
    assert not loaded.rate_model.within.any()
    with torch.no_grad():
        codec.rate_model.within.zero_()
    assert _same(_weights(codec), loaded)
    # Of the networks nothing may be missing.
    del tensors["compressor.layers.0.weight"]
    write(tensors)
    with pytest.raises(RuntimeError, match=r"Missing key.*compressor\.layers\.0\.weight"):
        load_codec(path)


def test_bits_of_rounded_latents_have_no_noise() -> None:
    torch.manual_seed(3)
    codec = Codec(CONFIG.architecture, 1)
    image, position = torch.rand(2, 1, 16, 16), torch.tensor([0.7, 0.9])
    with torch.no_grad():
        noisy = [codec(image, position)[1].sum() for _ in range(2)]
        rounded = [codec(image, position, rounded_rate=True)[1].sum() for _ in range(2)]
    assert rounded[0] == rounded[1] and noisy[0] != noisy[1]
    # Most latents are 0 at such steps, and noise makes them look dearer than they are.
    assert rounded[0] < min(noisy)


def test_bits_of_rounded_latents_reach_the_compressor() -> None:
    codec = Codec(CONFIG.architecture, 1)
    _, bits = codec(torch.rand(1, 1, 16, 16), torch.tensor([0.2]), rounded_rate=True)
    bits.sum().backward()
    gradient = codec.compressor.convolutions[-1].weight.grad
    assert gradient is not None and gradient.abs().sum() > 0


def test_phase_two_minds_similarity_but_for_what_refines(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, float]] = []

    def note(codec: Codec, config: Config, *_: Any, **__: Any) -> None:
        seen.append((config.rounded_from, config.similarity))

    monkeypatch.setattr(stages, "train", note)
    start, base = (tmp_path / f"d{depth}-joint.safetensors" for depth in (1, 2))
    save_small(Codec(CONFIG.architecture, 1), start)
    save_small(Codec(replace(CONFIG, depth=2).architecture, 1), base)
    for bases in ([], [base]):
        stages.tune(
            CONFIG, samples, tmp_path / "tuned", 1.0, start=start, bases=bases, modalities=["ct"]
        )
    assert seen == [(1.0, stages.SIMILARITY), (1.0, 0.0)]
    assert CONFIG.similarity == 0.0 < stages.SIMILARITY < 1.0


def test_similarity_counts_for_images_and_not_for_remainders(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[bool, bool]] = set()
    true_costs = loop.step_costs

    def costs(*arguments: Any, **named: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.add((named["predicted"], named["distortion"] is not None))
        return true_costs(*arguments, **named)

    monkeypatch.setattr(loop, "step_costs", costs)
    base = Codec(Config(depth=2, width=8, latents=4).architecture)
    config = replace(CONFIG, patch=16, plain=0.5, similarity=0.5)
    train(
        Codec(config.architecture), config, samples, tmp_path, 1.0, bases=[base], log=lambda _: None
    )
    assert seen == {(True, True), (False, False)}


def test_the_background_counts_for_nothing_in_similarity() -> None:
    codec = Codec(CONFIG.architecture, 1)
    image = torch.rand(1, 1, 16, 16)
    seen: list[torch.Tensor] = []

    def note(error: torch.Tensor, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        seen.extend((before, after))
        return error

    weight = (torch.rand(1, 1, 16, 16) > 0.5).float()
    loop.step_costs(codec, image, weight, torch.tensor([0.5]), distortion=note)
    before, after = seen
    assert torch.equal(before, image)
    assert torch.equal(after[weight == 0], image[weight == 0])
    assert not torch.equal(after, image)


@pytest.mark.parametrize("share", [0.0, 0.75, 1.0])
def test_bits_are_those_of_rounded_latents_after_a_share_of_the_run(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    seen: list[bool] = []
    true_costs = loop.step_costs

    def costs(*arguments: Any, **named: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.append(named["rounded_rate"])
        return true_costs(*arguments, **named)

    monkeypatch.setattr(loop, "step_costs", costs)
    config = replace(CONFIG, rounded_from=share)
    train(Codec(config.architecture), config, samples, tmp_path, 1.0, log=lambda _: None)
    half = len(seen)
    assert half >= 25
    assert seen == sorted(seen)
    assert seen.count(False) == pytest.approx(share * half, abs=1)
    # The share is one of the whole run, however often it was stopped.
    train(Codec(config.architecture), config, samples, tmp_path, 2.0, log=lambda _: None)
    resumed = seen[half:]
    assert len(resumed) >= 25
    assert resumed.count(False) == pytest.approx(max(2 * share - 1, 0) * len(resumed), abs=2)
