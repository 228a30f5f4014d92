"""Pixels as text and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from radcodec.bench.report.pixels import decode_plane, encode_plane
from tests.bench.report.made import restored
from tests.bench.samples import stored_values

WHOLE = st.integers(-(2**31), 2**31 - 1)
SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=9)


@given(SHAPES.flatmap(lambda shape: arrays(np.int32, (2, *shape), elements=WHOLE)))
def test_every_int32_comes_back(pair: NDArray[np.int32]) -> None:
    values, reference = pair
    shape = (values.shape[0], values.shape[1])
    assert (decode_plane(encode_plane(values), shape) == values).all()
    plane = encode_plane(values, reference)
    assert (decode_plane(plane, shape, reference) == values).all()


def test_real_images_become_small() -> None:
    original = stored_values("CT_small.dcm")
    shape = (original.shape[0], original.shape[1])
    plane = encode_plane(original)
    assert plane.delta and not plane.residual
    assert (decode_plane(plane, shape) == original).all()
    copy = restored(original, "radcodec", 20)
    made = encode_plane(copy, original)
    assert made.residual
    assert (decode_plane(made, shape, original) == copy).all()
    assert len(made.text) < len(encode_plane(copy).text)


def test_equal_and_constant_images_take_next_to_nothing() -> None:
    original = stored_values("MR_small.dcm")
    assert len(encode_plane(original, original).text) < 60
    flat = np.full((50, 60), -1000, np.int32)
    assert (decode_plane(encode_plane(flat), (50, 60)) == flat).all()


def test_shapes_must_agree() -> None:
    image = np.zeros((3, 4), np.int32)
    with pytest.raises(ValueError, match="shape"):
        encode_plane(image, image.T)
    with pytest.raises(ValueError, match="columns"):
        encode_plane(image.ravel())
