"""Fixed-point images: layers are added in whole numbers, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radcodec.codec.layer import FixedImage, skip_map
from radcodec.container.layers import Grid
from radcodec.quantising.levels import MID_GREY

VALUES = st.integers(-(2**31), 2**31 - 1)


@given(
    own=st.lists(VALUES, min_size=1, max_size=8),
    other=st.lists(VALUES, min_size=8, max_size=8),
    bits=st.tuples(st.integers(8, 30), st.integers(8, 30)),
)
def test_layers_add_as_whole_numbers(
    own: list[int], other: list[int], bits: tuple[int, int]
) -> None:
    first = FixedImage(np.array([own], np.int32), bits[0])
    second = FixedImage(np.array([other[: len(own)]], np.int32), bits[1])
    joined = first.refined(second)
    most = max(bits)
    assert joined.fraction_bits == most
    sums = [
        a * 2 ** (most - bits[0]) + b * 2 ** (most - bits[1]) - 2 ** (most - 1)
        for a, b in zip(own, other, strict=False)
    ]
    assert joined.values[0].tolist() == [min(max(value, 0), 2**most) for value in sums]


@pytest.mark.parametrize("bits", [8, 12, 30])
def test_middle_grey_changes_nothing(bits: int) -> None:
    image = FixedImage(np.array([[0, 5, 4096]], np.int32), 12)
    middle = FixedImage(np.full((1, 3), int(MID_GREY * 2**bits), np.int32), bits)
    joined = image.refined(middle)
    assert (joined.values.astype(np.int64) * 2**12).tolist() == (
        image.values.astype(np.int64) * 2**joined.fraction_bits
    ).tolist()


def test_clamping_is_to_the_unit_interval() -> None:
    image = FixedImage(np.array([[-1, 0, 255, 256, 257, 9999]], np.int32), 8).clamped()
    assert image.values.tolist() == [[0, 0, 255, 256, 256, 256]]
    assert image.fraction_bits == 8


def test_skip_map_fits_the_grid() -> None:
    mask = np.zeros((40, 50), bool)
    mask[:, 24:] = True
    for depth in (1, 2, 3):
        grid = Grid(40, 50, depth, 10)
        assert skip_map(None, grid).shape == skip_map(mask, grid).shape == grid.latent_shape
        assert not skip_map(None, grid).any()
        # The neighbours of what is seen are needed still.
        first = -(-24 // grid.block) + 1
        assert skip_map(mask, grid)[:, first:].all()
        assert not skip_map(mask, grid)[:, :first].any()
