"""Patches drawn from images."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

import torch

from radcodec.training import patches
from radcodec.training.data import MODALITIES, Sample, prepare
from radcodec.training.patches import TOP, PatchSource

EVEN = dict.fromkeys(MODALITIES, 1.0)


def _noise(rows: int, columns: int, seed: int = 0) -> NDArray[np.int32]:
    return np.random.default_rng(seed).integers(0, 4096, (rows, columns), dtype=np.int32)


@pytest.mark.parametrize("side", [5, 16, 64])
def test_batches_have_their_shape_and_range(side: int) -> None:
    source = PatchSource([prepare("a", "ct", _noise(side, side + 3))], 16, EVEN, seed=1)
    images, weights, modalities = source.batch(20)
    assert images.shape == weights.shape == (20, 1, 16, 16)
    assert images.dtype == weights.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert set(weights.flatten().tolist()) <= {0.0, 1.0}
    # Where an image is smaller than a patch, what was added does not count.
    covered = min(side, 16) * min(side + 3, 16) / 256
    assert float(weights.mean()) == pytest.approx(covered)
    assert modalities.dtype == torch.int64
    assert set(modalities.tolist()) == {MODALITIES.index("ct")}


def test_background_counts_for_nothing() -> None:
    half = np.zeros((32, 32), bool)
    half[:, :16] = True
    unit = np.full((32, 32), 40000, np.uint16)
    source = PatchSource([Sample("a", "mr", unit, half, 1 / 4095)], 32, EVEN, seed=2)
    weights = source.batch(8)[1].numpy()
    assert np.all(weights.mean(axis=(1, 2, 3)) == 0.5)
    # Turned and mirrored, but still one straight edge.
    for patch in weights[:, 0]:
        assert np.ptp(patch, axis=0).max() == 0 or np.ptp(patch, axis=1).max() == 0


def test_same_seed_same_patches_and_weights_are_kept() -> None:
    samples = [prepare(m, m, _noise(24, 24, n)) for n, m in enumerate(("xr", "ct", "mr"))]
    weights = {"xr": 3.0, "ct": 1.0, "mg": 5.0}
    one, two = (PatchSource(samples, 8, weights, seed=3).batch(200) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(one[0], PatchSource(samples, 8, weights, seed=4).batch(200)[0])
    counts = torch.bincount(one[2], minlength=4).tolist()
    # No mammogram is there, and magnetic resonance has no weight.
    assert counts[MODALITIES.index("mg")] == counts[MODALITIES.index("mr")] == 0
    assert 120 <= counts[MODALITIES.index("xr")] <= 180
    with pytest.raises(ValueError, match="modality"):
        PatchSource(samples, 8, {"mg": 1.0}, seed=3)


def _plain(source: PatchSource, patch: torch.Tensor, step: NDArray[np.float64]) -> torch.Tensor:
    return patch


def test_patches_are_parts_of_their_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "LARGE", 60)
    monkeypatch.setattr(PatchSource, "_augment", _plain)
    rows, cols, size = 70, 80, 16
    # Values that say where they are: a row on is `cols` more.
    place = np.arange(rows * cols).reshape(rows, cols)
    mask = np.random.default_rng(5).random((rows, cols)) < 0.02
    image = Sample("a", "ct", (2 * place).astype(np.uint16), mask, 1 / 4095)
    # Another one before it, so that its pixels do not begin where the buffer does.
    other = prepare("b", "mr", _noise(9, 7))
    weights = {"ct": 1.0}
    images, counted, _ = PatchSource([other, image], size, weights, seed=6).batch(120)
    scales, turns = set(), set()
    values = images[:, 0].double().numpy() * TOP
    for patch, weight in zip(values, counted[:, 0].numpy(), strict=True):
        down, across = patch[0, 0] > patch[-1, 0], patch[0, 0] > patch[0, -1]
        patch, weight = (p[:: -1 if down else 1, :: -1 if across else 1] for p in (patch, weight))
        swapped = patch[1, 0] < patch[0, 1]
        patch, weight = (p.T if swapped else p for p in (patch, weight))
        scale = round(patch[0, 1] - patch[0, 0])
        top, left = divmod(round(patch[0, 0] - (scale - 1) * (cols + 1) / 2), cols)
        area = (slice(top, top + scale * size), slice(left, left + scale * size))
        cells = (size, scale, size, scale)
        np.testing.assert_allclose(patch, place[area].reshape(cells).mean((1, 3)), atol=2e-3)
        np.testing.assert_array_equal(weight, 1 - mask[area].reshape(cells).any((1, 3)))
        scales.add(scale)
        turns.add((bool(down), bool(across), bool(swapped)))
    assert scales == {1, 2, 4}
    assert len(turns) == 8


def test_small_images_go_on_at_their_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatchSource, "_augment", _plain)
    column = np.array([[100], [200], [300]], np.uint16)
    source = PatchSource([Sample("a", "xr", column, None, 1 / 4095)], 8, EVEN, seed=1)
    images, weights, _ = source.batch(10)
    for patch, weight in zip(images[:, 0], weights[:, 0], strict=True):
        assert int(weight.sum()) == 3
        assert sorted((patch[weight > 0] * TOP).round().tolist()) == [50, 100, 150]
        # Both lengths are filled up: 5 more rows like the last, 7 more columns like the first.
        values, counts = np.unique(np.rint(patch.numpy() * TOP), return_counts=True)
        assert dict(zip(values, counts, strict=True)) == {50: 8, 100: 8, 150: 48}


def test_parts_with_little_background_are_preferred() -> None:
    mask = np.zeros((64, 128), bool)
    mask[:, 64:] = True
    unit = np.full(mask.shape, 40000, np.uint16)
    # Another one before it, so that it is looked at where its own pixels are.
    hidden = Sample("b", "mr", unit, np.ones_like(mask), 1 / 4095)
    image = Sample("a", "mg", unit, mask, 1 / 4095)
    source = PatchSource([hidden, image], 16, {"mg": 1.0}, seed=2)
    shown = source.batch(200)[1].mean(dim=(1, 2, 3))
    # Half of all places show enough; six are looked at.
    assert float((shown > 0.35).float().mean()) > 0.9


def test_only_shallow_images_get_noise() -> None:
    flat = np.full((16, 16), 30000, np.uint16)
    for step, noisy in ((1 / 255, True), (1 / 4095, False)):
        source = PatchSource([Sample("a", "xr", flat, None, step)], 16, EVEN, seed=3)
        images = source.batch(40)[0][:, 0]
        spread = images.amax((1, 2)) - images.amin((1, 2))
        assert bool((spread > 0).all()) == noisy == bool((spread > 0).any())
        # Contrast and brightness vary from patch to patch.
        assert float(images.mean((1, 2)).std()) > 0.02


def test_bright_and_dark_ends_stay_within_the_range() -> None:
    ends = np.zeros((16, 16), np.uint16)
    ends[8:] = 65535
    source = PatchSource([Sample("a", "xr", ends, None, 1 / 15)], 16, EVEN, seed=3)
    images = source.batch(60)[0]
    assert float(images.min()) == 0 and float(images.max()) == 1
