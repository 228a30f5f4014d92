"""BD-rates over a stated range of rates, from rows of measurements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from radcodec.bench.bdrate import bd_rate, upper_envelope
from radcodec.bench.rows import Row
from radcodec.metrics.windows import CT_WINDOWS

#: Bits per pixel that count: a ratio of 400 from 8 bits allocated, up to where images
#: become hard to tell from the original.
RATES = (0.02, 2.5)
#: Windows inside which PSNR is compared: the file's own, and those of CT.
WINDOWS = ("display", *CT_WINDOWS)
#: What a rate may be compared at equal values of.
METRICS = ("psnr", "ssim", "ms_ssim", *WINDOWS)
#: Resampled means behind each interval.
RESAMPLES = 10_000

#: (bits per pixel, quality in dB) of one image and one codec.
Curve = list[tuple[float, float]]


def quality(row: Row, metric: str) -> float | None:
    """A row's quality in dB: PSNR as it is, x = SSIM or MS-SSIM as -10 log10(1 - x).

    Infinity for an exact restoration; None where the row has no such figure.
    """
    if metric in WINDOWS:
        return row.windows.get(metric)
    if metric == "psnr":
        return row.psnr
    similarity = {"ssim": row.ssim, "ms_ssim": row.ms_ssim}[metric]
    return -10 * math.log10(1 - similarity) if similarity < 1 else math.inf


def curves(rows: Sequence[Row], metric: str) -> dict[str, dict[str, dict[str, Curve]]]:
    """Curves by modality, image and codec."""
    out: dict[str, dict[str, dict[str, Curve]]] = {}
    for row in rows:
        value = quality(row, metric)
        if value is not None:
            images = out.setdefault(row.modality, {})
            images.setdefault(row.image, {}).setdefault(row.codec, []).append((row.bpp, value))
    return out


def cut(points: Curve, rates: tuple[float, float]) -> Curve:
    """Cut a curve to a range of rates.

    Parameters
    ----------
    points : list of (rate, quality)
        Any order; only the upper envelope counts.
    rates : (low, high)
        Points within count, ends included.  Where a curve has points on both sides of an
        end, its quality there, interpolated over log rate by monotone cubics, is one more
        point, so that the cut does not depend on where the points lie.
    """
    envelope = upper_envelope(points)
    inside = [point for point in envelope if rates[0] <= point[0] <= rates[1]]
    if len(envelope) > 1:
        at = PchipInterpolator([math.log(rate) for rate, _ in envelope], [q for _, q in envelope])
        for end in rates:
            if envelope[0][0] < end < envelope[-1][0] and end not in [p[0] for p in inside]:
                inside.append((end, float(at(math.log(end)))))
    return sorted(inside)


@dataclass(frozen=True)
class Comparison:
    """One codec against another over the images of one modality.

    Attributes
    ----------
    modality, test, anchor : str
        -0.3 means that `test` needs 30 % fewer bytes than `anchor`.
    images : int
        Measured with both.
    bd_rates : dict of str to float
        By image, of those where the curves overlap.
    mean : float or None
        Of `bd_rates`.
    interval : (float, float) or None
        95 % bootstrap interval of the mean over images; None for fewer than two.
    worst : str or None
        Image of the highest BD-rate.
    """

    modality: str
    test: str
    anchor: str
    images: int
    bd_rates: dict[str, float]
    mean: float | None
    interval: tuple[float, float] | None
    worst: str | None


def bootstrap(values: Sequence[float], seed: int = 0) -> tuple[float, float] | None:
    """95 % percentile interval of the mean of values drawn again with replacement."""
    if len(values) < 2:
        return None
    drawn = np.random.default_rng(seed).choice(np.array(values), (RESAMPLES, len(values)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def compare(
    rows: Sequence[Row],
    test: str = "radcodec",
    metric: str = "psnr",
    rates: tuple[float, float] = RATES,
    seed: int = 0,
) -> list[Comparison]:
    """Compare a codec with every other in each modality.

    Parameters
    ----------
    rows : sequence of Row
        Measurements of all codecs.
    test : str
        Codec to judge.
    metric : str
        One of `METRICS`.
    rates : (float, float)
        Bits per pixel that count, for both curves.
    seed : int
        Of the bootstrap.
    """
    anchors = [codec for codec in dict.fromkeys(row.codec for row in rows) if codec != test]
    out = []
    for modality, images in curves(rows, metric).items():
        for anchor in anchors:
            both = {name: c for name, c in images.items() if test in c and anchor in c}
            found: dict[str, float] = {}
            for name, codecs in both.items():
                value = bd_rate(cut(codecs[anchor], rates), cut(codecs[test], rates))
                if value is not None:
                    found[name] = value
            values = list(found.values())
            out.append(
                Comparison(
                    modality=modality,
                    test=test,
                    anchor=anchor,
                    images=len(both),
                    bd_rates=found,
                    mean=float(np.mean(values)) if values else None,
                    interval=bootstrap(values, seed),
                    worst=max(found, key=found.__getitem__) if found else None,
                )
            )
    return [comparison for comparison in out if comparison.images]


def print_table(
    comparisons: Sequence[Comparison],
    metric: str,
    rates: tuple[float, float],
    log: Callable[[str], None] = print,
) -> None:
    """Print one line a modality and anchor, under a line that says what is compared."""
    log(
        f"BD-rate at equal {metric}, {rates[0]:g} to {rates[1]:g} bits per pixel; "
        "negative: fewer bytes than the anchor"
    )
    log(f"{'':4}{'test':12}{'anchor':10}{'images':>8}{'mean':>10}  {'95 % interval':22}worst image")
    for c in comparisons:
        line = f"{c.modality:4}{c.test:12}{c.anchor:10}{f'{len(c.bd_rates)}/{c.images}':>8}"
        if c.mean is None or c.worst is None:
            log(f"{line}  the curves of no image overlap")
            continue
        between = ""
        if c.interval is not None:
            between = " .. ".join(f"{100 * end:+.1f}" for end in c.interval) + " %"
        worst = f"{100 * c.bd_rates[c.worst]:+.1f} % ({c.worst})"
        log(f"{line}{100 * c.mean:+8.1f} %  {between:22}{worst}")
