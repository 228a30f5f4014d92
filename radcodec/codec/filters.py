"""The filter of a plane: applied to what its layers decode to, and fitted to it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.area import Area
from radcodec.codec.layer import BAND, FixedImage
from radcodec.entropy.filter_weights import CLASSES, inputs_of
from radcodec.filtering.fit import fit
from radcodec.filtering.walk import MARGIN, OFFSETS, classes, filtered, products
from radcodec.quantising.levels import EXCHANGE

#: Pixels that a fit looks at: of larger images only every second, third... row.
ENOUGH = 2**19
#: Stands for the image before the refinement where there is none.
_NONE = np.zeros((1, 1), dtype=np.int64)


def around(area: Area, rows: int, columns: int) -> Area:
    """What of an image a filter needs to give an area."""
    return Area(
        max(area.top - MARGIN, 0),
        max(area.left - MARGIN, 0),
        min(area.bottom + MARGIN, rows),
        min(area.right + MARGIN, columns),
    )


def apply_filter(
    fixed: FixedImage, first: FixedImage | None, weights: NDArray[np.int32]
) -> FixedImage:
    """Filter an image, its border pixels repeated beyond its borders; exact.

    Parameters
    ----------
    fixed : FixedImage
        What the layers decode to.
    first : FixedImage or None
        What the first layer alone does, clamped; None where there is no other.
    weights : ndarray of int32, shape (`CLASSES`, `inputs_of(...)`)
        Of the filter.
    """
    bits = fixed.fraction_bits
    out = np.empty(fixed.values.shape, np.int32)
    for rows, image, before in _bands(fixed, first):
        found = classes(image, before, first is not None, bits)
        out[rows] = filtered(image, before, first is not None, bits, OFFSETS, found, weights)
    return FixedImage(out, bits)


def fit_filter(
    fixed: FixedImage,
    first: FixedImage | None,
    wanted: NDArray[np.float32],
    covered: NDArray[np.bool_] | None,
    step: float,
) -> bytes | None:
    """Fit a filter to an image; None where none pays.

    Parameters
    ----------
    fixed, first
        As for `apply_filter`.
    wanted : ndarray of float32, shape (rows, columns)
        The source, 0 to 1.
    covered : ndarray of bool, same shape, or None
        Pixels that come from elsewhere.
    step : float
        Nominal quantiser step, which says what an error is worth.
    """
    bits = fixed.fraction_bits
    count = inputs_of(first is not None)
    sums = np.zeros((CLASSES, count + 1, count + 1))
    stride = max(math.ceil(wanted.size / ENOUGH), 1)
    hidden = np.zeros(wanted.shape, dtype=bool) if covered is None else covered
    for rows, image, before in _bands(fixed, first):
        found = classes(image, before, first is not None, bits)
        here = np.ascontiguousarray(wanted[rows]), np.ascontiguousarray(hidden[rows])
        products(image, before, first is not None, bits, OFFSETS, found, *here, stride, sums)
    return fit(stride * sums, EXCHANGE / step**2)


def _bands(
    fixed: FixedImage, first: FixedImage | None
) -> Iterator[tuple[slice, NDArray[np.int64], NDArray[np.int64]]]:
    """Bands of rows, which bound the memory: which they are, and both images with margins."""
    rows = len(fixed.values)
    for top in range(0, rows, BAND):
        band = slice(top, min(top + BAND, rows))
        before = _NONE if first is None else _padded(first, band, fixed.fraction_bits)
        yield band, _padded(fixed, band, fixed.fraction_bits), before


def _padded(image: FixedImage, band: slice, bits: int) -> NDArray[np.int64]:
    """A band in 64 bits and units of 2**-bits, with `MARGIN` more pixels on each side."""
    last = len(image.values) - 1
    rows = np.arange(band.start - MARGIN, band.stop + MARGIN).clip(0, last)
    taken = image.values[rows].astype(np.int64) << (bits - image.fraction_bits)
    return np.pad(taken, ((0, 0), (MARGIN, MARGIN)), mode="edge")
