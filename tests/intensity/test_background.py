"""Constant background: when it is found, how it is filled, what need not be coded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.intensity.background import (
    MIN_SHARE,
    OPENING,
    REGROW,
    fill_smoothly,
    find_background,
    skipped_positions,
)


def _noise(rows: int, columns: int, seed: int = 0) -> NDArray[np.int32]:
    return np.random.default_rng(seed).integers(1, 4000, (rows, columns), dtype=np.int32)


@pytest.mark.parametrize("value", [0, -2000, 4095])
def test_dark_bright_and_padded_surrounds_are_found(value: int) -> None:
    stored = _noise(60, 50)
    stored[:12] = value
    stored[:, 40:] = value
    background = find_background(stored)
    assert background is not None and background.value == value
    np.testing.assert_array_equal(background.mask, stored == value)
    assert background.mask.dtype == np.bool_


def test_padding_value_between_the_extremes_needs_to_be_named() -> None:
    stored = _noise(60, 50) * 2
    stored[:20] = 1001
    assert find_background(stored) is None
    background = find_background(stored, padding_value=1001)
    assert background is not None and background.value == 1001
    np.testing.assert_array_equal(background.mask, stored == 1001)
    assert find_background(_noise(60, 50), padding_value=-1) is None


def test_round_edges_are_followed() -> None:
    y, x = np.mgrid[:128, :128]
    outside = (y - 64) ** 2 + (x - 64) ** 2 > 55**2
    stored = np.where(outside, 0, _noise(128, 128)).astype(np.int32)
    background = find_background(stored)
    assert background is not None
    np.testing.assert_array_equal(background.mask, outside)


@pytest.mark.parametrize("shape", [(1, 1), (4, 200), (200, 4)])
def test_thin_images_have_none(shape: tuple[int, int]) -> None:
    assert find_background(np.zeros(shape, np.int32)) is None


def test_noise_has_none() -> None:
    assert find_background(_noise(64, 64)) is None
    # Half of the pixels hold the smallest value, but nowhere in one piece.
    assert find_background(_noise(64, 64) % 2) is None


def test_small_areas_are_not_worth_a_mask() -> None:
    stored = _noise(100, 100)
    side = int((MIN_SHARE * stored.size) ** 0.5)
    stored[:side, :side] = 0
    assert find_background(stored) is None
    stored[:side, : side + 1] = 0
    assert find_background(stored) is not None


def test_single_pixels_of_the_value_stay_with_the_image() -> None:
    stored = _noise(60, 60)
    stored[:20] = 0
    stored[40, 30] = 0
    background = find_background(stored)
    assert background is not None
    assert not background.mask[40, 30] and background.mask[:20].all()


def test_a_constant_image_is_all_background() -> None:
    background = find_background(np.full((OPENING, OPENING + REGROW), 7, np.int32))
    assert background is not None and background.value == 7 and background.mask.all()


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_fill_leaves_the_rest_alone(rows: int, columns: int, share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    unit = random.random((rows, columns), np.float32)
    mask = random.random((rows, columns)) < share
    before = unit.copy()
    filled = fill_smoothly(unit, mask)
    np.testing.assert_array_equal(unit, before)
    assert filled.dtype == np.float32 and filled.shape == unit.shape
    np.testing.assert_array_equal(filled[~mask], unit[~mask])
    assert np.isfinite(filled).all()
    assert filled.min() >= -1e-5 and filled.max() <= 1 + 1e-5


def test_fill_does_not_look_at_what_it_replaces() -> None:
    unit = np.random.default_rng(1).random((33, 47), np.float32)
    mask = np.zeros(unit.shape, bool)
    mask[5:20, 10:40] = True
    other = np.where(mask, np.float32(1) - unit, unit)
    np.testing.assert_array_equal(fill_smoothly(unit, mask), fill_smoothly(other, mask))


def test_fill_has_no_edge() -> None:
    unit = np.full((64, 64), 0.6, np.float32)
    mask = np.zeros(unit.shape, bool)
    mask[:, :32] = True
    unit[mask] = 0
    np.testing.assert_allclose(fill_smoothly(unit, mask)[:, 24:32], 0.6, atol=1e-3)


def _skipped(mask: NDArray[np.bool_], block: int) -> NDArray[np.bool_]:
    """What `skipped_positions` promises, pixel by pixel."""
    rows, columns = (-(-side // block) for side in mask.shape)
    out = np.zeros((rows, columns), bool)
    for r in range(rows):
        for c in range(columns):
            top, left = max((r - 1) * block, 0), max((c - 1) * block, 0)
            out[r, c] = mask[top : (r + 2) * block, left : (c + 2) * block].all()
    return out


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    block=st.sampled_from([4, 8, 16, 32]),
    clear=st.integers(0, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_skipped_positions(rows: int, columns: int, block: int, clear: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = np.ones((rows, columns), bool)
    for _ in range(clear):
        mask[random.integers(rows), random.integers(columns)] = False
    np.testing.assert_array_equal(skipped_positions(mask, block), _skipped(mask, block))
