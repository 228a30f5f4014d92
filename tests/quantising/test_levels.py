"""The scale of quality levels, one for each depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radcodec.quantising.levels import LEVELS, SCALES, level_of_step, nominal_step


@pytest.mark.parametrize("depth", sorted(SCALES))
def test_levels_lie_at_equal_ratios_between_the_ends(depth: int) -> None:
    steps = [nominal_step(level, depth) for level in range(LEVELS)]
    finest, coarsest = SCALES[depth]
    assert (steps[0], steps[-1]) == pytest.approx((finest, coarsest))
    ratios = np.diff(np.log(steps))
    np.testing.assert_allclose(ratios, ratios[0])
    assert ratios[0] > 0


def test_every_depth_has_a_scale() -> None:
    assert sorted(SCALES) == [1, 2, 3, 4]


@given(level=st.floats(0, LEVELS - 1), depth=st.sampled_from(sorted(SCALES)))
def test_a_level_comes_back_from_its_step(level: float, depth: int) -> None:
    assert level_of_step(nominal_step(level, depth), depth) == pytest.approx(level, abs=1e-9)


@pytest.mark.parametrize("depth", sorted(SCALES))
def test_whole_levels_come_back_and_others_are_not_clamped(depth: int) -> None:
    for level in range(LEVELS):
        assert round(level_of_step(nominal_step(level, depth), depth)) == level
    finest, coarsest = SCALES[depth]
    assert level_of_step(finest / 2, depth) < -1
    assert level_of_step(coarsest * 2, depth) > LEVELS
