"""Quantising at the encoder: nearest steps, the zone around zero, and its exception."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radcodec.quantising.quantise import LIMIT, ROUNDING, quantise

STEPS = np.array([0.5, 2.0, 0.25], np.float32)


def _one(values: list[float], refining: bool) -> list[list[int]]:
    """Quantise the same numbers of steps in each of three channels."""
    latent = np.array([values] * 3, np.float32)[:, None] * STEPS[:, None, None]
    out = quantise(latent, STEPS, refining=refining)
    assert out.dtype == np.int32 and out.shape == latent.shape
    rows: list[list[int]] = out[:, 0].tolist()
    return rows


@pytest.mark.parametrize("refining", [False, True])
def test_whole_numbers_of_steps_stay(refining: bool) -> None:
    values = [-300.0, -2.0, -1.0, 0.0, 1.0, 2.0, 300.0]
    assert _one(values, refining) == [[int(v) for v in values]] * 3


@pytest.mark.parametrize("refining", [False, True])
def test_the_zone_around_zero_is_wider_than_a_step(refining: bool) -> None:
    edge = 1 - ROUNDING
    values = [0.51, edge - 0.01, edge + 0.01, 1.51, 1 + edge + 0.01]
    narrow, wide = [1, 1, 1, 2, 2], [0, 0, 1, 1, 2]
    first, *others = _one(values, refining)
    assert others == [wide, wide]
    # Predicted, a zero of channel 0 is no cheaper than another value.
    assert first == (wide if refining else narrow)


@given(
    value=st.floats(-1e5, 1e5, width=32),
    refining=st.booleans(),
)
def test_signs_are_treated_alike_and_nothing_is_off_by_a_step(value: float, refining: bool) -> None:
    up, down = _one([value], refining), _one([-value], refining)
    assert [[-v[0]] for v in up] == down
    for (got,) in up:
        assert abs(got - value) < 1 - ROUNDING + 1e-2 + abs(value) * 1e-6
        assert abs(got) <= abs(value) + 0.5 + abs(value) * 1e-6


@pytest.mark.parametrize("refining", [False, True])
def test_what_is_beyond_the_range_is_cut(refining: bool) -> None:
    assert _one([1e12, -1e12], refining) == [[int(LIMIT), -int(LIMIT)]] * 3
