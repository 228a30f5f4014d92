"""Charts of the page: curves, BD-rates of each image, speed against quality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from radcodec.bench.compare import Curve
from radcodec.bench.plots import mean_curve
from radcodec.bench.report import names, words
from radcodec.bench.report.svg import FAINT, INK, inline
from radcodec.bench.report.tables import OWN, by_image, ordered
from radcodec.bench.ticks import log_ticks

#: Up to so many images their points are joined by lines.
SINGLE = 6
#: Similarities that get a tick, where 1 - x falls by a factor.
_SIMILARITIES = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999, 0.99999, 0.999999)


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    # A figure of its own, not pyplot's: nothing to close, no global state.
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    axes.tick_params(which="both", colors=INK, labelsize=8)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _finish(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set_title(title, color=INK, fontsize=10, loc="left", fontweight="bold")
    axes.set_xlabel(across, color=INK, fontsize=8.5)
    axes.set_ylabel(up, color=INK, fontsize=8.5)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_parse_math(False)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)


def _signed(value: float, _: object = None) -> str:
    return f"{value:+g}".replace("-", words.MINUS) if value else "0"


def _quality(row: dict[str, Any], metric: str) -> float | None:
    """A measurement's quality in dB; None where it has none or is exact."""
    value = row.get(metric)
    if value is None or metric == "psnr":
        return value
    return -10 * math.log10(1 - value) if value < 1 else None


def curves_of(results: dict[str, Any], modality: str, metric: str) -> dict[str, dict[str, Curve]]:
    """Measured points, rising in rate, by image and codec."""
    out: dict[str, dict[str, Curve]] = {}
    for row in results["measurements"]:
        value = _quality(row, metric) if row["modality"] == modality else None
        if value is not None:
            codecs = out.setdefault(row["image"], {})
            codecs.setdefault(row["codec"], []).append((row["bpp"], value))
    return {
        image: {codec: sorted(curve) for codec, curve in codecs.items()}
        for image, codecs in out.items()
    }


def _draw(axes: Axes, codec: str, line: tuple[Any, Any], faint: int, gid: str) -> None:
    """A curve: firm, or as one of `faint` images behind the means."""
    own = codec == OWN
    axes.plot(
        *line,
        color=names.colour(codec),
        marker=names.marker(codec) if faint else "",
        markersize=3,
        markeredgewidth=0,
        linestyle="-" if faint <= SINGLE else "",
        linewidth=0.6 if faint else 2.6 if own else 1.6,
        # The more images, the fainter each, or the means would drown in them.
        alpha=max(0.18, min(0.4, 3 / faint)) if faint else 1,
        zorder=2 if faint else 4 if own else 3,
        gid=gid,
    )


def rate_distortion(results: dict[str, Any], modality: str, metric: str, name: str) -> str | None:
    """Quality over bits per pixel: measured points of every image, and means.

    The means are over the images that were measured with all codecs, at rates that all of
    these reach.  None where nothing was measured near the rates that count.
    """
    images = curves_of(results, modality, metric)
    codecs = ordered(dict.fromkeys(c for each in images.values() for c in each), results["codecs"])
    if not codecs:
        return None
    common = [each for each in images.values() if len(each) == len(codecs)]
    figure, axes = _axes(4.6, 3.9)
    low, high = _rates(results)
    seen: list[float] = []
    for codec in codecs:
        alone = len(images) == 1
        for each in images.values():
            # Points that are far from what counts would only make the rest small.
            curve = [p for p in each.get(codec, []) if low / 1.5 <= p[0] <= high * 1.5]
            if curve:
                rate, value = zip(*curve, strict=True)
                seen += value
                part = "single" if alone else "each"
                _draw(axes, codec, (rate, value), 0 if alone else len(images), f"{codec}/{part}")
                if alone:
                    _points(axes, codec, rate, value)
        mean = None if alone else mean_curve([c[codec] for c in common], (low, high))
        if mean is not None:
            _draw(axes, codec, mean, 0, f"{codec}/mean")
    if not seen:
        return None
    axes.set_xscale("log")
    log_ticks(axes)
    up = "PSNR, dB"
    if metric != "psnr":
        up = f"{names.metric_name(metric)} (1 {words.MINUS} x on a log scale)"
        axes.yaxis.set_major_locator(FixedLocator([-10 * math.log10(1 - x) for x in _SIMILARITIES]))
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{1 - 10 ** (-value / 10):.6g}")
        )
    _finish(axes, names.metric_name(metric), "bits per pixel of the whole file (log scale)", up)
    label = f"{names.metric_name(metric)} over bits per pixel, {names.modality_name(modality)}"
    return inline(figure, name, label, codecs)


def _rates(results: dict[str, Any]) -> tuple[float, float]:
    low, high = results["rates"]
    return float(low), float(high)


def _points(axes: Axes, codec: str, across: Sequence[float], up: Sequence[float]) -> None:
    axes.plot(
        across,
        up,
        linestyle="",
        marker=names.marker(codec),
        markersize=5,
        color=names.colour(codec),
        markeredgewidth=0,
        zorder=5,
        gid=f"{codec}/single",
    )


def common_images(results: dict[str, Any], modality: str) -> tuple[int, int]:
    """Images that were measured with all codecs of the modality, and all of its images."""
    images = curves_of(results, modality, "psnr")
    codecs = {codec for each in images.values() for codec in each}
    return sum(len(each) == len(codecs) for each in images.values()), len(images)


def _short(name: str, most: int = 44) -> str:
    return name if len(name) <= most else "…" + name[1 - most :]


def strip(results: dict[str, Any], modality: str, name: str) -> str | None:
    """BD-rates in PSNR, a dot an image, a line a peer; the worst image by name."""
    peers, rows = by_image(results, modality)
    shown: list[tuple[str, list[tuple[float, str]]]] = []
    for index, peer in enumerate(peers):
        dots = [(v, image["name"]) for image, values in rows if (v := values[index]) is not None]
        if dots:
            shown.append((peer, sorted(dots)))
    if not shown:
        return None
    figure, axes = _axes(9.2, 0.9 + 0.52 * len(shown))
    generator = np.random.default_rng(0)
    titles: dict[str, list[str]] = {}
    ends = [100 * value for _, dots in shown for value, _ in dots]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (high - low) or 1.0
    for line, (peer, dots) in enumerate(shown):
        across = np.array([100 * value for value, _ in dots])
        # Dots lie at different heights only so that they do not hide each other.
        up = line + generator.uniform(-0.16, 0.16, len(dots)) * (len(dots) > 1) + 0.1
        gid = f"{peer}/strip"
        axes.scatter(across, up, s=22, color=names.colour(peer), alpha=0.75, linewidth=0, gid=gid)
        titles[gid] = [f"{image}: {words.percent(value)}" for value, image in dots]
        mean = float(across.mean())
        if len(dots) > 1:
            axes.plot([mean, mean], [line - 0.12, line + 0.32], color=INK, linewidth=2, zorder=4)
        worst, image = dots[-1]
        left = 100 * worst > low + 0.55 * span
        axes.annotate(
            f"{'worst: ' if len(dots) > 1 else ''}{_short(image)}, {words.percent(worst)}",
            (100 * worst, line - 0.3),
            color=INK,
            fontsize=7.5,
            ha="right" if left else "left",
            va="center",
            parse_math=False,
        )
    axes.axvline(0, color=INK, linewidth=1, alpha=0.5, zorder=1)
    axes.set_xlim(low - 0.06 * span, high + 0.06 * span)
    axes.set_ylim(len(shown) - 0.42, -0.5)
    axes.set_yticks(range(len(shown)), [names.codec_name(peer) for peer, _ in shown])
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter(FuncFormatter(_signed))
    across_label = "BD-rate of each image, %  (left of 0: radcodec is smaller; right: the other is)"
    _finish(axes, "", across_label, "")
    label = f"BD-rate of each image against each codec, {names.modality_name(modality)}"
    return inline(figure, name, label, peers, titles)


def speed_quality(results: dict[str, Any], modality: str, way: str, name: str) -> str | None:
    """Mean BD-rate in PSNR against a codec over its speed; radcodec itself at 0.

    Parameters
    ----------
    way : str
        "encode" or "decode".
    """
    summary = results["summary"][modality]
    found = (summary.get("bd_rate") or {}).get("psnr") or {}
    heights = {OWN: 0.0}
    heights |= {c: each["mean"] for c, each in found.items() if each.get("mean") is not None}
    speeds = summary.get("speed") or {}
    codecs = [
        codec
        for codec in ordered(heights, results["codecs"])
        if (speeds.get(codec) or {}).get(f"{way}_mpx_s")
    ]
    if len(codecs) < 2 or OWN not in codecs:
        return None
    figure, axes = _axes(4.6, 3.5)
    xs = [speeds[codec][f"{way}_mpx_s"] for codec in codecs]
    middle = math.sqrt(min(xs) * max(xs))
    for codec, across in zip(codecs, xs, strict=True):
        axes.scatter(
            [across],
            [100 * heights[codec]],
            s=70 if codec == OWN else 46,
            marker=names.marker(codec),
            color=names.colour(codec),
            linewidth=0,
            gid=f"{codec}/speed",
        )
        axes.annotate(
            names.codec_name(codec),
            (across, 100 * heights[codec]),
            # radcodec's own goes below the line on which its point lies.
            xytext=(0, -15) if codec == OWN else (-7 if across > middle else 7, 3),
            textcoords="offset points",
            ha="center" if codec == OWN else "right" if across > middle else "left",
            color=INK,
            fontsize=8,
            parse_math=False,
        )
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(min(xs) / 2, max(xs) * 2)
    axes.margins(y=0.15)
    log_ticks(axes)
    axes.yaxis.set_major_formatter(FuncFormatter(_signed))
    title = "Encoding" if way == "encode" else "Decoding"
    up = "BD-rate of radcodec against it, %\n(above 0: it is smaller than radcodec)"
    _finish(axes, title, "megapixels a second (log scale; right is faster)", up)
    label = f"{title} speed and BD-rate of each codec, {names.modality_name(modality)}"
    return inline(figure, name, label, codecs)
