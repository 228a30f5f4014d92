"""What layers leave of a plane, tile by tile, within a bound on the error of each value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.area import Area
from radcodec.container.layers import Grid, Residual
from radcodec.entropy.residual import NEAREST, decode_residual, encode_residual


def step_of_bound(bound: int) -> int:
    """Quantiser step by which no value is off by more than `bound`."""
    return 2 * bound + 1


def pack_residuals(
    stored: NDArray[np.int32],
    base: NDArray[np.int32] | None,
    mask: NDArray[np.bool_] | None,
    step: int,
    low: int,
    high: int,
    grid: Grid,
    rounding: int = NEAREST,
) -> tuple[Residual, NDArray[np.int32]]:
    """Code what a plane is beside its layers.

    Parameters
    ----------
    stored : ndarray of int32, shape (rows, columns)
        Values, within `low` to `high` where they are not background.
    base : ndarray of int32, same shape, or None
        What the layers decode to; None without layers.
    mask : ndarray of bool, same shape, or None
        Background, whose values are known.
    step : int
        Quantiser step in stored values.
    low, high : int
        Range of the values.
    grid : Grid
        Of any layer.
    rounding : int
        As of `encode_residual`.

    Returns
    -------
    (Residual, ndarray of int32)
        What is coded, and the values that it decodes to.
    """
    tiles, decoded = [], np.empty(stored.shape, np.int32)
    for part in grid.pixel_tiles:
        known = _known(mask, part, stored[part].shape)
        under = None if base is None else base[part]
        coded, decoded[part] = encode_residual(
            stored[part], under, known, step, low, high, rounding
        )
        tiles.append(coded)
    return Residual(step, tiles), decoded


def unpack_residuals(
    residual: Residual,
    base: NDArray[np.int32] | None,
    stored: NDArray[np.int32],
    mask: NDArray[np.bool_] | None,
    low: int,
    high: int,
    grid: Grid,
    area: Area,
) -> NDArray[np.int32]:
    """Decode an area of whole tiles.

    Parameters
    ----------
    residual : Residual
        What is coded.
    base : ndarray of int32, shape `area.shape`, or None
        What the layers decode to there; None without layers.
    stored : ndarray of int32, shape `area.shape`
        Holds the background's values.
    mask : ndarray of bool, shape (rows, columns), or None
        Background of the whole image.
    low, high : int
        Range of the values.
    grid : Grid
        Of any layer.
    area : Area
        Whole tiles.

    Returns
    -------
    ndarray of int32, shape `area.shape`

    Raises
    ------
    CorruptError
        A stream is damaged.
    """
    out = np.array(stored)
    for data, part in zip(residual.tiles, grid.pixel_tiles, strict=True):
        if area.meets(*part):
            here = Area(part[0].start, part[1].start, part[0].stop, part[1].stop).within(area)
            known = _known(mask, part, out[here].shape)
            under = None if base is None else base[here]
            out[here] = decode_residual(data, under, known, out[here], residual.step, low, high)
    return out


def _known(
    mask: NDArray[np.bool_] | None, part: tuple[slice, slice], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    return np.zeros(shape, dtype=bool) if mask is None else mask[part]
