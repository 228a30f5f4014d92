"""Integer dequantising."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radcodec.quantising.dequantise import GainTable


@given(
    values=st.lists(st.integers(-(2**24), 2**24), min_size=1, max_size=20),
    gain=st.integers(1, 2**28),
    shift=st.integers(1, 16),
    limit=st.integers(1, 2**20),
)
def test_scaling_is_the_formula(values: list[int], gain: int, shift: int, limit: int) -> None:
    gains = np.array([[1, 1], [1, gain]], np.int64)
    table = GainTable(gains, shift, np.array([5, limit], np.int64))
    latent = np.array([[values], [values]], np.int32)
    scaled = table.dequantise(latent, 1)
    assert scaled.dtype == np.float32 and scaled.shape == latent.shape
    half = 2 ** (shift - 1)
    for value, got in zip(values, scaled[1, 0].tolist(), strict=True):
        assert got == min(max((value * gain + half) // 2**shift, -limit), limit)
    assert np.abs(scaled[0]).max() <= 5


def test_rounding_of_halves_is_upwards() -> None:
    table = GainTable(np.array([[1]]), 1, np.array([100]))
    latent = np.array([[[-3, -2, -1, 0, 1, 2, 3]]], np.int32)
    np.testing.assert_array_equal(table.dequantise(latent, 0), [[[-1, -1, 0, 0, 1, 1, 2]]])
