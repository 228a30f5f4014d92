"""Cutting a large plane into overlapping windows of one fixed shape.

Fixed shapes keep OpenVINO from compiling and caching a program for every image size.
A window reaches `halo` positions beyond what is kept of it, wider than what the network
sees, so that the joined result equals the run over the whole plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """One axis of a window: `start:stop` is read, `keep_start:keep_stop` is kept."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int


def windows(length: int, tile: int, halo: int) -> list[Window]:
    """Windows of equal size over an axis; one window where the axis is short.

    Parameters
    ----------
    length : int
        Positions on the axis, at least 1.
    tile, halo : int
        Positions kept of a window, at most, and positions read on each side of them.
    """
    size = tile + 2 * halo
    if length <= size:
        return [Window(0, length, 0, length)]
    out = []
    kept = 0
    while kept < length:
        # The last window moves inwards, so that all have one shape.
        start = min(max(kept - halo, 0), length - size)
        stop = start + size
        until = length if stop == length else stop - halo
        out.append(Window(start, stop, kept, until))
        kept = until
    return out


def run_windowed(
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    plane: NDArray[np.float32],
    tile: int,
    halo: int,
    up: int = 1,
    down: int = 1,
) -> NDArray[np.float32]:
    """Run a network over a plane in windows.

    Parameters
    ----------
    run : callable
        Maps (channels, r, c) to (outputs, r * up / down, c * up / down).
    plane : ndarray of float32, shape (channels, rows, columns)
        Input; rows and columns multiples of `down`.
    tile, halo : int
        See `windows`; multiples of `down`.
    up, down : int
        Change of resolution; one of them is 1.

    Returns
    -------
    ndarray of float32, shape (outputs, rows * up / down, columns * up / down)
    """
    rows = windows(plane.shape[1], tile, halo)
    cols = windows(plane.shape[2], tile, halo)
    if len(rows) == len(cols) == 1:
        return run(plane)

    def scaled(position: int) -> int:
        return position * up // down

    out: NDArray[np.float32] | None = None
    for r in rows:
        for c in cols:
            part = run(np.ascontiguousarray(plane[:, r.start : r.stop, c.start : c.stop]))
            if out is None:
                shape = (part.shape[0], scaled(plane.shape[1]), scaled(plane.shape[2]))
                out = np.empty(shape, np.float32)
            out[
                :,
                scaled(r.keep_start) : scaled(r.keep_stop),
                scaled(c.keep_start) : scaled(c.keep_stop),
            ] = part[
                :,
                scaled(r.keep_start - r.start) : scaled(r.keep_stop - r.start),
                scaled(c.keep_start - c.start) : scaled(c.keep_stop - c.start),
            ]
    assert out is not None
    return out
