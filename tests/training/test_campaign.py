"""A campaign trains every depth, writes every bundle, and goes on where it was stopped."""

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
from radcodec.training.campaign import DEPTHS, JOINT_SHARE, TUNE_SHARE, Campaign
from tests.codec.samples import grey
from tests.training.samples import write_images

MINUTES = 6


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign of small networks, by a clock whose every look takes a second."""
    configs = tmp_path / "configs"
    configs.mkdir()
    for depth in DEPTHS:
        fields = {"depth": depth, "width": 8, "latents": 4, "patch": 32, "batch": 1}
        (configs / f"d{depth}.json").write_text(json.dumps(fields))
    monkeypatch.setattr(campaign, "CONFIGS", configs)
    ticks = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    return Campaign(tmp_path / "runs", tmp_path / "models")


def test_the_whole_budget_is_shared_out() -> None:
    assert sorted(DEPTHS) == [1, 2, 3, 4] and set(JOINT_SHARE) == set(TUNE_SHARE) == set(DEPTHS)
    assert sum(JOINT_SHARE.values()) + sum(TUNE_SHARE.values()) == pytest.approx(1)


def test_only_depth_one_refines_and_comes_last() -> None:
    whole = Campaign(Path("runs"), Path("models"))
    assert DEPTHS[-1] == 1
    assert {path.name for path in whole.bases(1)} == {"d2", "d3", "d4"}
    assert [whole.bases(depth) for depth in (2, 3, 4)] == [[], [], []]


def test_kept_checkpoints_are_the_start(tmp_path: Path) -> None:
    whole = Campaign(tmp_path / "runs", tmp_path / "models")
    assert whole.start(2, fresh=False) is None
    kept = tmp_path / "models" / "checkpoints" / "d2-joint.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"")
    assert whole.start(2, fresh=False) == kept
    assert whole.start(2, fresh=True) is None


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
    assert set(trained) == {f"d{depth}" for depth in DEPTHS} | {
        f"d{depth}-tuned/{modality}" for depth in DEPTHS for modality in stages.TUNED
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
    assert len(store.bundles) == len(DEPTHS) * (1 + len(stages.TUNED))
    assert all(good for _, good, _ in store.self_test()), store.self_test()
    kept = {path.name for path in (small.models / "checkpoints").iterdir()}
    assert kept == {
        f"d{depth}-{name}.safetensors" for depth in DEPTHS for name in ("joint", *stages.TUNED)
    }
    for bundle in store.compressors():
        assert bool(bundle.manifest["refining_table_sets"]) == (bundle.depth == 1)
        assert bundle.manifest["training"]["licences"] == {"synthetic: CC0": len(stages.TUNED)}
    stored = np.add.outer(np.arange(40), np.arange(30)) * 9
    for depth in DEPTHS:
        packed = compress(
            grey(stored), depth=depth, refine=depth > 1, target=Target("level", 90), models=store
        )
        assert packed.refined == (depth > 1)
        check(packed.data, models=store)
