"""Stored values to the unit interval and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radcodec.intensity.mapping import IntensityMap


@given(
    stored=st.one_of(
        arrays(np.int32, (3, 5), elements=st.integers(-32768, 32767)),
        arrays(np.int32, (3, 5), elements=st.integers(0, 65535)),
        arrays(np.int32, (3, 5), elements=st.integers(7, 9)),
    ),
    inverted=st.booleans(),
    fraction_bits=st.integers(18, 30),
)
def test_there_and_back_is_exact(
    stored: np.ndarray[tuple[int, int], np.dtype[np.int32]], inverted: bool, fraction_bits: int
) -> None:
    mapping = IntensityMap.covering(stored, None, inverted)
    unit = mapping.to_unit(stored)
    assert unit.dtype == np.float32
    assert unit.min() >= 0 and unit.max() <= 1
    fixed = np.rint(unit.astype(np.float64) * 2.0**fraction_bits).astype(np.int64)
    back = mapping.from_fixed(fixed, fraction_bits)
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, stored)


@given(
    low=st.integers(-32768, 65535),
    span=st.integers(0, 65535),
    inverted=st.booleans(),
    fixed=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=20),
    fraction_bits=st.integers(8, 30),
)
def test_the_way_back_is_the_formula(
    low: int, span: int, inverted: bool, fixed: list[int], fraction_bits: int
) -> None:
    mapping = IntensityMap(low, low + span, inverted)
    got = mapping.from_fixed(np.array([fixed], np.int32), fraction_bits)[0]
    one = 1 << fraction_bits
    for value, back in zip(fixed, got.tolist(), strict=True):
        clamped = min(max(value, 0), one)
        steps = (clamped * span + one // 2) // one
        assert back == (low + span - steps if inverted else low + steps)
        assert low <= back <= low + span


def test_inverted_is_mirrored() -> None:
    ramp = np.arange(-3, 8, dtype=np.int32)[None]
    upright = IntensityMap(-3, 7).to_unit(ramp)
    mirrored = IntensityMap(-3, 7, inverted=True).to_unit(ramp)
    np.testing.assert_array_equal(mirrored, upright[:, ::-1])
    assert upright[0, 0] == 0 and upright[0, -1] == 1


def test_values_outside_are_clipped() -> None:
    mapping = IntensityMap(10, 20)
    np.testing.assert_array_equal(mapping.to_unit(np.array([[-5, 10, 20, 999]])), [[0, 0, 1, 1]])


def test_covering_leaves_the_background_out() -> None:
    stored = np.array([[-2000, -2000], [5, 90]], np.int32)
    assert IntensityMap.covering(stored, stored == -2000, False) == IntensityMap(5, 90)
    assert IntensityMap.covering(stored, None, True) == IntensityMap(-2000, 90, True)
    everything = np.ones((2, 2), bool)
    assert IntensityMap.covering(stored, everything, False) == IntensityMap(-2000, 90)


def test_an_empty_map_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        IntensityMap(3, 2)
