"""Background masks: exact where they are cheap, whole blocks where they are frayed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radcodec.codec import prepare
from radcodec.codec.prepared import MASK_BITS_PER_SIDE, MASK_BLOCK
from radcodec.entropy.mask import decode_mask, encode_mask
from radcodec.intensity.background import Background, in_blocks
from tests.codec.samples import grey


def _noise(rows: int, columns: int) -> NDArray[np.int32]:
    return np.random.default_rng(2).integers(1, 4000, (rows, columns), dtype=np.int32)


def _frayed(rows: int, columns: int) -> NDArray[np.int32]:
    """Zeros in the upper half, sprinkled with other values in its lower part."""
    random = np.random.default_rng(3)
    stored = _noise(rows, columns)
    stored[: rows // 2] = 0
    stored[rows // 4 : rows // 2][random.random((rows // 2 - rows // 4, columns)) < 0.04] = 1
    return stored


def test_a_smooth_outline_is_kept_exactly() -> None:
    rows, columns = np.indices((150, 170))
    outside = (rows - 75) ** 2 + (columns - 85) ** 2 > 60**2
    stored = np.where(outside, 0, _noise(150, 170))
    prepared = prepare(grey(stored))
    assert prepared.mask is not None and prepared.coded_mask is not None
    np.testing.assert_array_equal(prepared.mask, outside)
    value, coded = prepared.coded_mask
    assert value == 0
    np.testing.assert_array_equal(decode_mask(coded, *stored.shape), outside)


@pytest.mark.parametrize("shape", [(160, 160), (157, 141), (163, 175)])
def test_a_frayed_mask_is_reduced_to_blocks(shape: tuple[int, int]) -> None:
    stored = _frayed(*shape)
    prepared = prepare(grey(stored))
    assert prepared.mask is not None and prepared.coded_mask is not None
    # Exact still: it covers background alone, though not all of it.
    assert not stored[prepared.mask].any()
    assert 8 * len(encode_mask(stored == 0)) > MASK_BITS_PER_SIDE * stored.size**0.5
    assert 8 * len(prepared.coded_mask[1]) <= MASK_BITS_PER_SIDE * stored.size**0.5
    np.testing.assert_array_equal(decode_mask(prepared.coded_mask[1], *shape), prepared.mask)
    for top in range(0, shape[0], MASK_BLOCK):
        for left in range(0, shape[1], MASK_BLOCK):
            block = prepared.mask[top : top + MASK_BLOCK, left : left + MASK_BLOCK]
            assert block.all() or not block.any()
    # What is left to the networks is mapped with the rest.
    assert prepared.mapping.low == 0


def test_a_mask_frayed_everywhere_is_dropped() -> None:
    random = np.random.default_rng(4)
    stored = _noise(256, 256)
    stored[random.random(stored.shape) < 0.93] = 0
    assert prepare(grey(stored)).mask is None
    assert prepare(grey(stored)).coded_mask is None


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 33), (31, 50), (48, 15)])
def test_blocks_at_the_edges_count_what_is_inside(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(5)
    mask = np.ones(shape, bool)
    for _ in range(shape[0] * shape[1] // 400):
        mask[random.integers(shape[0]), random.integers(shape[1])] = False
    kept = in_blocks(Background(7, mask), MASK_BLOCK)
    assert kept.value == 7 and kept.mask.shape == shape
    for y, x in np.ndindex(*shape):
        top, left = y // MASK_BLOCK * MASK_BLOCK, x // MASK_BLOCK * MASK_BLOCK
        assert kept.mask[y, x] == mask[top : top + MASK_BLOCK, left : left + MASK_BLOCK].all()


def test_a_hidden_value_is_filled_for_the_networks() -> None:
    stored = np.full((64, 64), 1000, np.int32)
    stored[:, 40:] += np.arange(24, dtype=np.int32)
    stored[:32] = -2000
    prepared = prepare(grey(stored, signed=True))
    assert prepared.mask is not None and prepared.mask[:32].all()
    assert (prepared.mapping.low, prepared.mapping.high) == (1000, 1023)
    assert prepared.unit.min() >= 0 and prepared.unit.max() <= 1
