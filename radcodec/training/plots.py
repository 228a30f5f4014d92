"""Plots of training logs and rate-distortion curves."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib import pyplot

from radcodec.bench.validation import Row

_COLOURS = {
    "jpeg": "#999999",
    "jpeg2000": "#d08000",
    "radcodec-d2": "#0060c0",
    "radcodec-d3": "#b00060",
}


def plot_log(log: Path, target: Path) -> None:
    """Draw cost, rate and error of a training log (JSON lines) over the steps."""
    records = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [record["step"] for record in records]
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    for axis, key, label in zip(
        axes,
        ("cost", "bpp", "mse"),
        ("rate-distortion cost", "bits per pixel (model)", "mean square error"),
        strict=True,
    ):
        axis.semilogy(steps, [record[key] for record in records])
        axis.set(xlabel="step", title=label)
        axis.grid(alpha=0.3)
    figure.savefig(target)
    pyplot.close(figure)


def plot_curves(rows: list[Row], target: Path) -> None:
    """Draw mean PSNR over bits per pixel for each modality and codec.

    Curves of single images are interpolated over log rate and averaged at the rates that
    all images of the modality cover.
    """
    modalities = sorted({row.modality for row in rows})
    figure, axes = pyplot.subplots(
        1, len(modalities), figsize=(4 * len(modalities), 3.6), layout="constrained", squeeze=False
    )
    for axis, modality in zip(axes[0], modalities, strict=True):
        for codec in sorted({row.codec for row in rows}):
            curves = []
            for image in sorted({r.image for r in rows if r.modality == modality}):
                points = sorted(
                    (r.bpp, r.psnr)
                    for r in rows
                    if r.image == image and r.codec == codec and np.isfinite(r.psnr)
                )
                if len(points) > 1:
                    curves.append(np.array(points).T)
            if not curves:
                continue
            low = max(c[0].min() for c in curves)
            high = min(min(c[0].max() for c in curves), 2.0)
            if low >= high:
                continue
            grid = np.geomspace(low, high, 60)
            mean = np.mean([np.interp(np.log(grid), np.log(c[0]), c[1]) for c in curves], axis=0)
            axis.semilogx(grid, mean, label=codec, color=_COLOURS.get(codec))
        axis.set(title=modality.upper(), xlabel="bits per pixel (whole file)")
        axis.grid(alpha=0.3, which="both")
    axes[0][0].set_ylabel("PSNR, dB (peak = image range)")
    axes[0][0].legend(fontsize=8)
    figure.savefig(target)
    pyplot.close(figure)
