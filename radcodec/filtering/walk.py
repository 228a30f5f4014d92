"""A filter applied to an image, and the sums that a fit of its weights needs.

docs/format.md, section 8.9, is the law.  Everything that decoding depends on is integer
arithmetic; 64 bits are enough, as the document shows.

Both loops see an image with `MARGIN` pixels more on each side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled, inner
from radcodec.entropy.filter_weights import CHANGES, CLASSES, NEIGHBOURS, TONES
from radcodec.entropy.residual_walk import half_octaves

#: Pixels that a filter reaches over on each side.
MARGIN = 3
#: Binary places of the sum of products, beyond those of the image.
PLACES = 15
#: Row and column of one of each two opposite neighbours, the order being that of their weights.
OFFSETS = np.array(
    [(y, x) for y in range(4) for x in range(-3, 4) if (y, x) > (0, 0) and y + abs(x) <= MARGIN],
    dtype=np.int64,
)
#: Hinges of the tone curve lie at 1/2, 1/4, ... of the range.
HINGES = 7


@inner
def _activity(
    image: NDArray[np.int64], first: NDArray[np.int64], refined: bool, row: int, col: int
) -> int:
    """How much the image changes at a pixel, and how much the refinement has changed there."""
    found = abs(image[row, col + 1] - image[row, col - 1])
    found += abs(image[row + 1, col] - image[row - 1, col])
    if refined:
        found += abs(image[row, col] - first[row, col])
    return int(found)


@inner
def _class_of(total: int, bits: int) -> int:
    """Class of the activities of 3 x 3 pixels: two for each doubling."""
    return min(half_octaves((total << 16) >> bits), CLASSES - 1)


@inner
def _inputs(
    image: NDArray[np.int64],
    first: NDArray[np.int64],
    refined: bool,
    row: int,
    col: int,
    bits: int,
    offsets: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """The inputs at a pixel, in units of 2**-(bits + `PLACES`)."""
    here = image[row, col]
    for k in range(NEIGHBOURS):
        y, x = offsets[k, 0], offsets[k, 1]
        out[k] = (image[row + y, col + x] + image[row - y, col - x] - 2 * here) << 7
    out[NEIGHBOURS] = 1 << (bits - 1)
    out[NEIGHBOURS + 1] = (here - (1 << (bits - 1))) << 1
    for k in range(1, HINGES + 1):
        out[NEIGHBOURS + 1 + k] = max((1 << (bits - k)) - here, 0) << k
    if refined:
        change = first[row, col] - here
        at = NEIGHBOURS + TONES
        across = first[row, col + 1] - image[row, col + 1] + first[row, col - 1]
        down = first[row + 1, col] - image[row + 1, col] + first[row - 1, col]
        out[at] = change << 7
        out[at + 1] = (across - image[row, col - 1] - 2 * change) << 7
        out[at + 2] = (down - image[row - 1, col] - 2 * change) << 7


@compiled
def classes(
    image: NDArray[np.int64], first: NDArray[np.int64], refined: bool, bits: int
) -> NDArray[np.uint8]:
    """Class of every pixel inside the margin.

    Parameters
    ----------
    image, first : ndarray of int64, shape (rows + 2 * `MARGIN`, columns + 2 * `MARGIN`)
        The image, and what it was before the refinement; the latter without meaning, of any
        shape, where nothing was refined.
    refined : bool
        Whether there is a refinement.
    bits : int
        Binary places of both.
    """
    rows, cols = image.shape[0] - 2 * MARGIN, image.shape[1] - 2 * MARGIN
    lively = np.zeros((rows + 2, cols + 2), dtype=np.int64)
    for row in range(rows + 2):
        for col in range(cols + 2):
            at_row, at_col = row + MARGIN - 1, col + MARGIN - 1
            lively[row, col] = _activity(image, first, refined, at_row, at_col)
    out = np.empty((rows, cols), dtype=np.uint8)
    for row in range(rows):
        for col in range(cols):
            total = 0
            for y in range(3):
                total += lively[row + y, col] + lively[row + y, col + 1] + lively[row + y, col + 2]
            out[row, col] = _class_of(total, bits)
    return out


@compiled
def filtered(
    image: NDArray[np.int64],
    first: NDArray[np.int64],
    refined: bool,
    bits: int,
    offsets: NDArray[np.int64],
    found: NDArray[np.uint8],
    weights: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Apply a filter to all that is inside the margin.

    Parameters
    ----------
    image, first, refined, bits
        As for `classes`.
    offsets : ndarray of int64
        `OFFSETS`.
    found : ndarray of uint8, shape (rows, columns)
        Of `classes`.
    weights : ndarray of int32, shape (`CLASSES`, inputs)
        Of the filter.
    """
    rows, cols = found.shape
    inputs = np.empty(NEIGHBOURS + TONES + CHANGES, dtype=np.int64)
    out = np.empty((rows, cols), dtype=np.int32)
    for row in range(rows):
        for col in range(cols):
            group = found[row, col]
            _inputs(image, first, refined, row + MARGIN, col + MARGIN, bits, offsets, inputs)
            total = 1 << (PLACES - 1)
            for k in range(weights.shape[1]):
                total += weights[group, k] * inputs[k]
            value = image[row + MARGIN, col + MARGIN] + (total >> PLACES)
            out[row, col] = min(max(value, 0), 1 << bits)
    return out


@compiled
def products(
    image: NDArray[np.int64],
    first: NDArray[np.int64],
    refined: bool,
    bits: int,
    offsets: NDArray[np.int64],
    found: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    covered: NDArray[np.bool_],
    stride: int,
    sums: NDArray[np.float64],
) -> None:
    """Add up, for each class, products of the inputs and of what is to be gained.

    Parameters
    ----------
    image, first, refined, bits, offsets, found
        As for `filtered`.
    wanted : ndarray of float32, shape (rows, columns)
        What the image should be, 0 to 1.
    covered : ndarray of bool, shape (rows, columns)
        Pixels that do not matter.
    stride : int
        Every so many rows are looked at.
    sums : ndarray of float64, shape (`CLASSES`, inputs + 1, inputs + 1)
        Added to, on and below the diagonal, in units of the range; what is wanted is the last.
    """
    rows, cols = found.shape
    count = sums.shape[1] - 1
    inputs = np.empty(NEIGHBOURS + TONES + CHANGES, dtype=np.int64)
    x = np.empty(count + 1)
    unit, one = 2.0 ** -(bits + PLACES), 2.0**-bits
    for row in range(stride // 2, rows, stride):
        for col in range(cols):
            if covered[row, col]:
                continue
            _inputs(image, first, refined, row + MARGIN, col + MARGIN, bits, offsets, inputs)
            for k in range(count):
                x[k] = inputs[k] * unit
            x[count] = wanted[row, col] - image[row + MARGIN, col + MARGIN] * one
            group = found[row, col]
            for i in range(count + 1):
                for j in range(i + 1):
                    sums[group, i, j] += x[i] * x[j]
