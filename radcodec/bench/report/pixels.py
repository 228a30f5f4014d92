"""Pixels as text: exact, compact, and decoded by a browser without any library.

An array of int32 becomes byte planes, deflated, in base64.  Before that it may be replaced
by its difference to another array that the reader has already, and by the differences of
horizontal neighbours.  All of that wraps at 32 bits, so it is exact for every int32.
`pixels.js` is the reader; `decode_plane` says the same in Python.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEVEL = 6


@dataclass(frozen=True)
class Plane:
    """An encoded array.

    Attributes
    ----------
    text : str
        Base64 of the zlib stream of the byte planes, lowest first.
    planes : int
        How many bytes each value takes, 1 to 4.
    delta : bool
        Whether values are differences to the left neighbour (the first of a row: to the
        first of the row above).
    residual : bool
        Whether a reference must be added.
    """

    text: str
    planes: int
    delta: bool
    residual: bool


def _differences(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    out = values.copy()
    out[:, 1:] -= values[:, :-1]
    out[1:, 0] -= values[:-1, 0]
    return out


def _sums(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    out = values.copy()
    out[:, 0] = np.cumsum(out[:, 0], dtype=np.uint32)
    summed: NDArray[np.uint32] = np.cumsum(out, axis=1, dtype=np.uint32)
    return summed


def _zigzag(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """0, -1, 1, -2, ... become 0, 1, 2, 3, ..., so that small differences need few bytes."""
    sign = (values.view(np.int32) >> 31).view(np.uint32)
    folded: NDArray[np.uint32] = (values << np.uint32(1)) ^ sign
    return folded


def _bytes(folded: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Byte planes, lowest first, as many as the largest value needs; shape (planes, size)."""
    largest = int(folded.max(initial=0))
    planes = max(1, (largest.bit_length() + 7) // 8)
    split = folded.astype("<u4").reshape(-1, 1).view(np.uint8)
    return np.ascontiguousarray(split.T[:planes])


def _cost(planes: NDArray[np.uint8]) -> float:
    """Bits of an ideal coder without context: near enough to choose by, and fast."""
    total = 0.0
    for plane in planes:
        counts = np.bincount(plane, minlength=256)
        shares = counts[counts > 0] / max(1, plane.size)
        total -= float(plane.size * np.sum(shares * np.log2(shares)))
    return total


def encode_plane(values: NDArray[np.int32], reference: NDArray[np.int32] | None = None) -> Plane:
    """Encode an array, with the smallest of the ways there are.

    Parameters
    ----------
    values : ndarray of int32, shape (rows, columns)
        What to encode.
    reference : ndarray of int32 or None
        What the reader knows already, of the same shape.  At low ratios the difference to
        it is smaller than the values; at high ones, where the values are smooth, it is not.

    Raises
    ------
    ValueError
        Where the arrays have no two dimensions, or not the same shape.
    """
    if values.ndim != 2 or (reference is not None and reference.shape != values.shape):
        raise ValueError("pixels must be (rows, columns), and of their reference's shape")
    own = np.ascontiguousarray(values, np.int32).view(np.uint32)
    ways = [(True, False, _differences(own))]
    if reference is not None:
        rest = own - np.ascontiguousarray(reference, np.int32).view(np.uint32)
        ways += [(False, True, rest), (True, True, _differences(rest))]
    best: tuple[float, bool, bool, NDArray[np.uint8]] | None = None
    for delta, residual, array in ways:
        planes = _bytes(_zigzag(array))
        cost = _cost(planes)
        if best is None or cost < best[0]:
            best = cost, delta, residual, planes
    assert best is not None
    _, delta, residual, planes = best
    text = base64.b64encode(zlib.compress(planes.tobytes(), _LEVEL)).decode("ascii")
    return Plane(text, len(planes), delta, residual)


def decode_plane(
    plane: Plane, shape: tuple[int, int], reference: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """Undo `encode_plane`.

    Parameters
    ----------
    plane : Plane
        What `encode_plane` returned.
    shape : (int, int)
        Rows and columns.
    reference : ndarray of int32 or None
        The same as for `encode_plane`.
    """
    data = np.frombuffer(zlib.decompress(base64.b64decode(plane.text)), np.uint8)
    folded = np.zeros(shape[0] * shape[1], np.uint32)
    for index, part in enumerate(data.reshape(plane.planes, -1)):
        folded |= part.astype(np.uint32) << np.uint32(8 * index)
    sign = np.uint32(0) - (folded & np.uint32(1))
    values = ((folded >> np.uint32(1)) ^ sign).reshape(shape)
    if plane.delta:
        values = _sums(values)
    if plane.residual and reference is not None:
        values = values + np.ascontiguousarray(reference, np.int32).view(np.uint32)
    return values.view(np.int32)
