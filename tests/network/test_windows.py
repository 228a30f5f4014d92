"""A run in windows equals the run over the whole plane."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.network.windows import run_windowed, windows

Plane = NDArray[np.float32]


def _box(plane: Plane) -> Plane:
    """Sum each 3 x 3 neighbourhood, zeros outside: a convolution with padding 1."""
    rows, cols = plane.shape[1:]
    padded = np.pad(plane, ((0, 0), (1, 1), (1, 1)))
    parts = [padded[:, y : y + rows, x : x + cols] for y in range(3) for x in range(3)]
    total: Plane = np.sum(parts, axis=0, dtype=np.float32)
    return total


def _box_up(plane: Plane) -> Plane:
    return _box(plane.repeat(2, axis=1).repeat(2, axis=2))


def _box_down(plane: Plane) -> Plane:
    return _box(plane)[:, ::2, ::2]


def _plane(rows: int, columns: int) -> Plane:
    """Whole numbers, so that sums are the same in every order."""
    values = np.random.default_rng(rows * 997 + columns).integers(-9, 10, (2, rows, columns))
    return values.astype(np.float32)


@settings(deadline=None)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    tile=st.integers(1, 12),
    halo=st.integers(1, 3),
)
def test_same_resolution(rows: int, columns: int, tile: int, halo: int) -> None:
    plane = _plane(rows, columns)
    np.testing.assert_array_equal(run_windowed(_box, plane, tile, halo), _box(plane))


@settings(deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), tile=st.integers(1, 12))
def test_up_sampling(rows: int, columns: int, tile: int) -> None:
    plane = _plane(rows, columns)
    np.testing.assert_array_equal(run_windowed(_box_up, plane, tile, 1, up=2), _box_up(plane))


@settings(deadline=None)
@given(rows=st.integers(1, 20), columns=st.integers(1, 20), tile=st.integers(1, 6))
def test_down_sampling(rows: int, columns: int, tile: int) -> None:
    plane = _plane(2 * rows, 2 * columns)
    got = run_windowed(_box_down, plane, 2 * tile, 2, down=2)
    np.testing.assert_array_equal(got, _box_down(plane))


def test_too_narrow_a_halo_shows() -> None:
    plane = _plane(20, 20)
    assert not np.array_equal(run_windowed(_box, plane, 4, 0), _box(plane))


@pytest.mark.parametrize("length", [1, 10, 14, 15, 21, 99])
def test_windows_are_of_one_size_and_keep_every_position_once(length: int) -> None:
    tile, halo = 10, 2
    cut = windows(length, tile, halo)
    assert len({w.stop - w.start for w in cut}) == 1
    assert cut[0].keep_start == 0 and cut[-1].keep_stop == length
    for before, after in pairwise(cut):
        assert before.keep_stop == after.keep_start
    for window in cut:
        assert 0 <= window.start <= window.keep_start < window.keep_stop <= window.stop <= length
        assert window.start == 0 or window.keep_start - window.start >= halo
        assert window.stop == length or window.stop - window.keep_stop >= halo


def test_all_windows_have_the_same_shape_and_are_contiguous() -> None:
    shapes = set()

    def run(part: Plane) -> Plane:
        assert part.flags.c_contiguous
        shapes.add(part.shape)
        return part

    run_windowed(run, _plane(50, 37), 8, 2)
    assert shapes == {(2, 12, 12)}
