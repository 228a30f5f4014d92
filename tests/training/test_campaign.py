"""A campaign trains every network, writes every bundle, and goes on where it was stopped."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("safetensors")
pytest.importorskip("imagecodecs")

import torch

from radcodec.codec import check, compress
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.training import campaign, loop, stages
from radcodec.training.campaign import JOINT_SHARE, NETWORKS, TUNE_SHARE, Campaign
from tests.codec.samples import grey
from tests.training.samples import write_images

MINUTES = 6


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign of small networks, by a clock whose every look takes a second."""
    configs = tmp_path / "configs"
    configs.mkdir()
    for name in NETWORKS:
        latents = 16 if name == "d2-64" else 4
        fields = {"depth": int(name[1]), "width": 16, "latents": latents, "patch": 32, "batch": 1}
        (configs / f"{name}.json").write_text(json.dumps(fields))
    monkeypatch.setattr(campaign, "CONFIGS", configs)
    ticks = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    return Campaign(tmp_path / "runs", tmp_path / "models")


def test_the_whole_budget_is_shared_out() -> None:
    assert sorted(NETWORKS) == ["d1", "d2", "d2-64", "d3", "d4"]
    assert set(JOINT_SHARE) == set(TUNE_SHARE) == set(NETWORKS)
    assert sum(JOINT_SHARE.values()) + sum(TUNE_SHARE.values()) == pytest.approx(1)


def test_what_a_network_needs_comes_before_it() -> None:
    whole = Campaign(Path("runs"), Path("models"))
    assert {path.name for path in whole.bases("d1")} == {"d2", "d3", "d4"}
    assert [whole.bases(name) for name in NETWORKS if name != "d1"] == [[], [], [], []]
    assert whole.narrow("d2-64") == Path("runs/d1") and whole.narrow("d1") is None
    for number, name in enumerate(NETWORKS):
        before = {whole.joint(other) for other in NETWORKS[:number]}
        assert {*whole.bases(name), whole.narrow(name)} - {None} <= before


def test_kept_checkpoints_are_the_start(tmp_path: Path) -> None:
    whole = Campaign(tmp_path / "runs", tmp_path / "models")
    assert whole.start("d2", fresh=False) is None
    kept = tmp_path / "models" / "checkpoints" / "d2-joint.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"")
    assert whole.start("d2", fresh=False) == kept
    assert whole.start("d2", fresh=True) is None


def _states(runs: Path) -> dict[str, dict[str, Any]]:
    return {
        str(path.parent.relative_to(runs)): torch.load(path, weights_only=True)
        for path in runs.rglob("checkpoint.pt")
    }


def test_a_campaign_and_its_resumption(
    small: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_images(tmp_path / "data")
    said: list[str] = []
    machine = stages.Machine("cpu", said.append)
    true_export = stages.export

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "export", stop)
    with pytest.raises(KeyboardInterrupt):
        campaign.run(small, data, MINUTES, machine=machine)
    trained = _states(small.runs)
    assert set(trained) == set(NETWORKS) | {
        f"{name}-tuned/{modality}" for name in NETWORKS for modality in stages.TUNED
    }
    assert all(state["steps"] > 0 for state in trained.values())
    assert not small.models.exists()
    # Phase 2 left the decompressor as phase 1 made it.
    for name, state in trained.items():
        first = trained[name.split("/")[0].removesuffix("-tuned")]["codec"]
        for key, value in state["codec"].items():
            if key.startswith(("decompressor", "decode_gains")):
                assert torch.equal(value, first[key]), f"{name} {key}"

    monkeypatch.setattr(stages, "export", true_export)
    campaign.run(small, data, MINUTES, machine=machine)
    assert any(line.startswith("resumed at step") for line in said)
    for name, state in _states(small.runs).items():
        assert state["steps"] == trained[name]["steps"], name
        for key, value in state["codec"].items():
            assert torch.equal(value, trained[name]["codec"][key])

    store = ModelStore(small.models)
    assert len(store.bundles) == len(NETWORKS) * (1 + len(stages.TUNED))
    assert all(good for _, good, _ in store.self_test()), store.self_test()
    kept = {path.name for path in (small.models / "checkpoints").iterdir()}
    assert kept == {
        f"{network}-{name}.safetensors"
        for network in ("d1", "d2", "d2-16", "d3", "d4")
        for name in ("joint", *stages.TUNED)
    }
    for bundle in store.compressors():
        assert bool(bundle.manifest["refining_table_sets"]) == (bundle.depth == 1)
        assert bundle.manifest["training"]["licences"] == {"synthetic: CC0": len(stages.TUNED)}
    stored = np.add.outer(np.arange(40), np.arange(30)) * 9
    for depth in (1, 2, 3, 4):
        packed = compress(
            grey(stored), depth=depth, refine=depth > 1, target=Target("level", 90), models=store
        )
        assert packed.refined == (depth > 1)
        check(packed.data, models=store)
