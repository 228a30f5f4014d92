"""Rate-distortion curves drawn from rows of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

matplotlib.use("Agg")

from matplotlib import pyplot

from radcodec.bench.compare import RATES, Curve, curves, cut
from radcodec.bench.report.names import COLOURS
from radcodec.bench.rows import Row
from radcodec.bench.ticks import log_ticks

_LABELS = {
    "psnr": "PSNR, dB (peak = image range)",
    "ssim": "SSIM, -10 log10(1 - x), dB",
    "ms_ssim": "MS-SSIM, -10 log10(1 - x), dB",
}


def mean_curve(
    images: Sequence[Curve], rates: tuple[float, float], points: int = 60
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Average curves at equal rates.

    Parameters
    ----------
    images : sequence of list of (rate, quality)
        One curve an image.
    rates : (float, float)
        Range to average over; rates that not all images reach are left out.
    points : int
        Length of the result.

    Returns
    -------
    rate, quality : ndarray of float64, shape (points,)
        None where there is no rate that all images reach.
    """
    ready = [cut(curve, rates) for curve in images]
    if not ready or min(len(curve) for curve in ready) < 2:
        return None
    low, high = max(curve[0][0] for curve in ready), min(curve[-1][0] for curve in ready)
    if low >= high:
        return None
    grid = np.linspace(np.log(low), np.log(high), points)
    qualities = []
    for curve in ready:
        rate, quality = np.array(curve).T
        # Rounding of the ends must not ask for what lies outside the curve.
        at = np.clip(grid, np.log(rate[0]), np.log(rate[-1]))
        qualities.append(PchipInterpolator(np.log(rate), quality)(at))
    return np.exp(grid), np.mean(qualities, axis=0)


def plot_curves(
    rows: Sequence[Row], target: Path, metric: str = "psnr", rates: tuple[float, float] = RATES
) -> None:
    """Draw mean quality over bits per pixel, a panel for each modality, to an SVG file.

    Each panel averages over the images that were measured with all of its codecs, so that
    its curves show the same images; the title tells how many these are.
    """
    groups = curves(rows, metric)
    figure, axes = pyplot.subplots(
        1, len(groups), figsize=(4 * len(groups), 3.8), layout="constrained", squeeze=False
    )
    for axis, (modality, images) in zip(axes[0], groups.items(), strict=True):
        codecs = sorted({codec for each in images.values() for codec in each})
        common = [each for each in images.values() if len(each) == len(codecs)]
        for codec in codecs:
            mean = mean_curve([each[codec] for each in common], rates)
            if mean is not None:
                wide = 2.2 if codec.startswith("radcodec") else 1.2
                axis.semilogx(*mean, label=codec, color=COLOURS.get(codec), linewidth=wide)
        axis.set(title=f"{modality.upper()}, {len(common)} images", xlabel="bits per pixel")
        log_ticks(axis)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    axes[0][0].set_ylabel(_LABELS.get(metric, f"PSNR in the {metric} window, dB"))
    figure.savefig(target, format="svg")
    pyplot.close(figure)
