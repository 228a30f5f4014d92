"""Plots of training logs."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot


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
