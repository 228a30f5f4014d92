"""Bjøntegaard rate difference (BD-rate)."""

from __future__ import annotations

import math

import numpy as np
from scipy.interpolate import PchipInterpolator


def upper_envelope(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep points (rate, quality) that no smaller or equal rate matches; both rise."""
    out: list[tuple[float, float]] = []
    for rate, quality in sorted(points):
        if math.isfinite(quality) and (not out or quality > out[-1][1] + 1e-6):
            if out and rate == out[-1][0]:
                out.pop()
            out.append((rate, quality))
    return out


def bd_rate(anchor: list[tuple[float, float]], test: list[tuple[float, float]]) -> float | None:
    """Mean rate difference of `test` against `anchor` at equal quality.

    Log rate is interpolated over quality by monotone cubics (PCHIP) and averaged over the
    qualities that both curves cover (Bjøntegaard, VCEG-M33, 2001; PCHIP as in
    JCTVC-L1100).

    Parameters
    ----------
    anchor, test : list of (rate, quality)
        Any order; only points on the upper envelope count.

    Returns
    -------
    float or None
        -0.3 for 30 % fewer bytes; None where the curves share less than 1 dB or have
        fewer than two points.
    """
    curves = [upper_envelope(anchor), upper_envelope(test)]
    if min(len(curve) for curve in curves) < 2:
        return None
    low = max(curve[0][1] for curve in curves)
    high = min(curve[-1][1] for curve in curves)
    if high - low < 1.0:
        return None
    means = []
    for curve in curves:
        rates, qualities = np.array(curve).T
        log_rate = PchipInterpolator(qualities, np.log(rates))
        means.append(float(log_rate.integrate(low, high)) / (high - low))
    return math.exp(means[1] - means[0]) - 1
