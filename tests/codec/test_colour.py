"""The colour transform: exactly reversible, in the range that planes have, close to decorrelating."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from radcodec.codec.colour import STEP_WEIGHTS, forward, inverse
from radcodec.container import Header
from radcodec.container.header import TRANSFORMABLE_BITS

from .samples import scene


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_exactly_reversible(data: st.DataObject) -> None:
    bits = data.draw(st.integers(1, TRANSFORMABLE_BITS))
    shape = (3, data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)))
    top = (1 << bits) - 1
    rgb = data.draw(arrays(np.int32, shape, elements=st.integers(0, top)))
    planes = forward(rgb)
    assert np.array_equal(inverse(planes, bits), rgb)
    header = Header("xr", 16, bits, False, "png", *shape[1:], False, 3, 1, "rgb", "ycocg-r")
    for sample, plane in enumerate(planes):
        low, high = header.plane_range(sample)
        assert low <= plane.min() and plane.max() <= high


def test_all_colours_of_few_bits() -> None:
    rgb = np.indices((16, 16, 16), dtype=np.int32).reshape(3, 64, 64)
    planes = forward(rgb)
    assert np.array_equal(inverse(planes, 4), rgb)
    assert len(np.unique(planes.reshape(3, -1), axis=1).T) == 4096


@settings(max_examples=100, deadline=None)
@given(arrays(np.int32, (3, 2, 2), elements=st.integers(-(2**15), 2**15 - 1)), st.integers(1, 15))
def test_any_planes_give_samples_in_range(planes: NDArray[np.int32], bits: int) -> None:
    rgb = inverse(planes, bits)
    assert rgb.min() >= 0 and rgb.max() < 1 << bits


def test_grey_has_no_colour() -> None:
    grey = np.arange(256, dtype=np.int32).reshape(16, 16)
    luma, orange, violet = forward(np.stack([grey] * 3))
    assert np.array_equal(luma, grey)
    assert not orange.any() and not violet.any()


@pytest.mark.parametrize("sample", [0, 1, 2])
def test_steps_weigh_planes_by_the_error_that_they_make(sample: int) -> None:
    """Noise of a step as wide as its weight makes the same squared error in every plane."""
    rgb = scene(1, 3, 300, 300, 12)[0] // 2 + 900
    random = np.random.default_rng(2)
    planes = forward(rgb)
    width = 40 * STEP_WEIGHTS["ycocg-r"][sample]
    planes[sample] += np.rint(random.uniform(-width / 2, width / 2, (300, 300))).astype(np.int32)
    error = np.mean((inverse(planes, 12) - rgb).astype(float) ** 2)
    assert error == pytest.approx(40**2 / 12, rel=0.05)
