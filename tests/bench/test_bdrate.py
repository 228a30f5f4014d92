"""BD-rate of curves whose difference is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("scipy")

from radcodec.bench.bdrate import bd_rate, upper_envelope

CURVE = [(rate, 30 + 6 * math.log2(rate)) for rate in (0.5, 1.0, 2.0, 4.0, 8.0)]


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 2.0])
def test_scaled_rates(factor: float) -> None:
    test = [(factor * rate, quality) for rate, quality in CURVE]
    value = bd_rate(CURVE, test)
    assert value == pytest.approx(factor - 1, abs=1e-9)


def test_better_quality_at_equal_rate() -> None:
    # Six decibels are a factor of two on this line.
    test = [(rate, quality + 6) for rate, quality in CURVE]
    assert bd_rate(CURVE, test) == pytest.approx(-0.5, abs=1e-9)
    assert bd_rate(test, CURVE) == pytest.approx(1.0, abs=1e-9)


def test_no_overlap_is_no_figure() -> None:
    assert bd_rate(CURVE, [(rate, quality + 50) for rate, quality in CURVE]) is None
    low, high = CURVE[0], (CURVE[0][0] * 1.1, CURVE[0][1] + 0.9)
    assert bd_rate(CURVE, [low, high]) is None


def test_one_point_is_no_curve() -> None:
    assert bd_rate(CURVE, CURVE[:1]) is None
    assert bd_rate([], CURVE) is None


def test_order_and_worse_points_do_not_matter() -> None:
    test = [(rate / 2, quality) for rate, quality in CURVE]
    worse = [(3.0, 20.0), (9.0, 30.0), (9.5, math.inf), (10.0, math.nan)]
    assert bd_rate([*worse, *CURVE[::-1]], [*test[::-1], *worse]) == pytest.approx(-0.5, abs=1e-9)


def test_envelope() -> None:
    points = [(2.0, 30.0), (1.0, 20.0), (1.0, 25.0), (3.0, 29.0), (4.0, math.inf)]
    assert upper_envelope(points) == [(1.0, 25.0), (2.0, 30.0)]


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_bjontegaard_package(seed: int) -> None:
    bjontegaard = pytest.importorskip("bjontegaard")
    random = np.random.default_rng(seed)
    rates = np.cumsum(random.uniform(0.05, 0.5, (2, 6)), axis=1)
    qualities = 25 + np.cumsum(random.uniform(1.0, 4.0, (2, 6)), axis=1)
    expected = bjontegaard.bd_rate(
        rates[0], qualities[0], rates[1], qualities[1], method="pchip", min_overlap=0
    )
    anchor, test = (
        [(float(r), float(q)) for r, q in zip(*curve, strict=True)]
        for curve in zip(rates, qualities, strict=True)
    )
    assert bd_rate(anchor, test) == pytest.approx(expected / 100, rel=1e-3)
