"""Targets, and the search for the level that meets them, by brute force beside it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcodec.errors import UsageError
from radcodec.quantising.levels import LEVELS
from radcodec.rate import (
    CLOSE,
    QUALITIES,
    Target,
    TargetKind,
    closest_level,
    coarsest_level,
    step_of_quality,
    usual_level,
)

#: File sizes by level; all fall.
SIZES: dict[str, Callable[[int], float]] = {
    "usual": lambda n: 300 + 90_000 * math.exp(-0.021 * n),
    "steep": lambda n: 1e9 * math.exp(-0.08 * n) + 1,
    "flat": lambda n: 5000 - 0.5 * n,
    "constant": lambda n: 777,
    "stepped": lambda n: 100_000 * math.exp(-0.02 * (n // 20 * 20)),
    "cliff": lambda n: 100_000 if n < 200 else 100,
    "late": lambda n: 50_000 - 100 * max(n - 220, 0),
    "overhead": lambda n: 10_000 + 90_000 * math.exp(-0.1 * n),
}


def _errors(size_at: Callable[[int], float], wanted: float) -> list[float]:
    return [abs(math.log(size_at(level) / wanted)) for level in range(LEVELS)]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("share", [-0.5, 0.0, 0.02, 0.3, 0.7, 0.98, 1.0, 1.5])
def test_the_closest_level_is_found_with_few_tries(name: str, share: float) -> None:
    size_at = SIZES[name]
    finest, coarsest = size_at(0), size_at(LEVELS - 1)
    # Below 0 and above 1 all sizes are too small or too large.
    wanted = (
        finest
        * (coarsest / finest) ** share
        * (2.0 ** (-2 * share + 1) if name == "constant" else 1)
    )
    asked: list[int] = []

    def counted(level: int) -> float:
        assert 0 <= level < LEVELS
        asked.append(level)
        return size_at(level)

    found = closest_level(counted, wanted)
    errors = _errors(size_at, wanted)
    assert errors[found] <= max(min(errors), CLOSE) + 1e-12
    assert len(asked) == len(set(asked)) < (18 if name in ("cliff", "flat") else 14)
    if name == "usual" and 0 < share < 1:
        assert len(asked) <= 6


@settings(max_examples=200, deadline=None)
@given(
    falls=st.lists(
        st.sampled_from([0.0, 0.0, 1e-4, 0.01, 0.02, 0.03, 0.5]),
        min_size=LEVELS - 1,
        max_size=LEVELS - 1,
    ),
    share=st.floats(-0.2, 1.2),
)
def test_any_falling_sizes(falls: list[float], share: float) -> None:
    sizes = np.exp(12 - np.concatenate([[0], np.cumsum(falls)]))
    wanted = float(sizes[0] * (sizes[-1] / sizes[0]) ** share)
    asked: list[int] = []

    def size_at(level: int) -> float:
        asked.append(level)
        return float(sizes[level])

    found = closest_level(size_at, wanted)
    errors = np.abs(np.log(sizes / wanted))
    assert errors[found] <= max(errors.min(), CLOSE) + 1e-12
    assert len(asked) < 18


@settings(max_examples=100, deadline=None)
@given(
    falls=st.lists(st.floats(0, 0.5), min_size=LEVELS - 1, max_size=LEVELS - 1),
    at=st.floats(-1, 99),
)
def test_the_coarsest_level_that_reaches_a_psnr(falls: list[float], at: float) -> None:
    psnr = 90 - np.concatenate([[0], np.cumsum(falls)])
    reached = np.flatnonzero(psnr >= at)
    assert coarsest_level(lambda n: float(psnr[n]), at) == (reached[-1] if len(reached) else None)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.98, 1.0])
@pytest.mark.parametrize("start", [0, 60, 128, 255])
def test_a_psnr_is_found_with_few_tries(share: float, start: int) -> None:
    def psnr_at(level: int) -> float:
        asked.append(level)
        return 60.0 - 0.17 * level + 3e-5 * level**2

    asked: list[int] = []
    wanted = psnr_at(0) + share * (psnr_at(LEVELS - 1) - psnr_at(0))
    reached = [level for level in range(LEVELS) if psnr_at(level) >= wanted]
    asked.clear()
    assert coarsest_level(psnr_at, wanted, start) == reached[-1]
    assert len(asked) == len(set(asked)) <= 8


@pytest.mark.parametrize("bpp", [0.0, 1e-9, 0.01, 0.02, 0.1, 1.0, 5.0, 1e9])
def test_a_search_starts_on_the_scale(bpp: float) -> None:
    assert 0 <= usual_level(bpp) < LEVELS
    assert usual_level(bpp) >= usual_level(2 * bpp)


@pytest.mark.parametrize("start", [0, 90, 110, 255])
def test_a_good_start_saves_tries(start: int) -> None:
    asked: list[int] = []

    def size_at(level: int) -> float:
        asked.append(level)
        return 90_000 * math.exp(-0.021 * level)

    assert closest_level(size_at, size_at(100), start) in (99, 100, 101)
    # One of them was asked by the test.
    assert len(asked) - 1 <= (3 if abs(start - 100) < 20 else 4)


def test_steps_of_qualities() -> None:
    steps = (2.0, 0.5, 0.125, 0.03, 0.002)
    for quality, step in zip(QUALITIES, steps, strict=True):
        assert step_of_quality(quality, steps) == pytest.approx(step)
    # Half way between two of them lies the geometric mean.
    assert step_of_quality(37.5, steps) == pytest.approx(0.25)
    finer = [step_of_quality(quality, steps) for quality in range(1, 101)]
    assert all(a > b for a, b in itertools.pairwise(finer))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("quality", 0.5),
        ("quality", 101),
        ("quality", math.nan),
        ("ratio", 0),
        ("ratio", -1),
        ("bpp", 0),
        ("bpp", math.nan),
        ("psnr", 0),
        ("psnr", 201),
        ("level", -1),
        ("level", 256),
    ],
)
def test_targets_out_of_range(kind: TargetKind, value: float) -> None:
    with pytest.raises(UsageError, match=kind):
        Target(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("quality", 1), ("quality", 100), ("ratio", 0.1), ("level", 0), ("level", 255), ("usual", 0)],
)
def test_targets_in_range(kind: TargetKind, value: float) -> None:
    assert Target(kind, value).value == value
