"""Ticks of logarithmic axes, as plain numbers."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator


def log_ticks(axes: Axes) -> None:
    """Mark 1, 2 and 5 of every decade along x."""
    axes.xaxis.set_major_locator(LogLocator(10, (1, 2, 5), numticks=20))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
