"""The walk over a tile's pixels that codes what a prediction leaves of each, both ways.

docs/format.md, section 8.7, is the law for what happens here.  A pixel is predicted by weights
that its tile's stream brings along, one set for each class of local activity, from pixels that
are coded already and, where networks coded the image before, from what they gave.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled, inner
from radcodec.entropy.residual_bits import NUMBER_CONTEXTS, code_bit, code_even, code_number

#: Columns beside and rows above a tile that are made up from its outermost pixels.
PAD = 3
#: Neighbours (row, column) that a pixel is predicted from, each less the left one.
NEIGHBOURS = (
    *((0, -2), (0, -3)),
    *((-1, -3), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2), (-1, 3)),
    *((-2, -3), (-2, -2), (-2, -1), (-2, 0), (-2, 1), (-2, 2), (-2, 3)),
    *((-3, -1), (-3, 0), (-3, 1)),
)
#: Pixels of the base that it is predicted from as well, each less the one in its own place.
AROUND = ((0, -1), (0, 1), (-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0), (1, 1))
#: Binary places of the weights, of predictions, and of corrections beyond those.
WEIGHT_BITS = 10
FINE_BITS = 6
BIAS_BITS = 6
#: Classes of activity, each with weights of its own.
ACTIVITIES = 40
#: Classes of how large the neighbours' errors are.
CLASSES = 48
#: Classes of how far a prediction lies from the whole value nearest to it.
FRACTIONS = 4
#: Contexts of a correction that have a class in common.
TEXTURES = 64
#: Unary decisions of a quotient, before the rest of it is coded as a number.
UNARY = 24
#: Quotients that are told apart by the digits of a remainder.
QUOTIENTS = 4
# Where each group of contexts begins.
_ERROR = 0
_SIGN = _ERROR + CLASSES * 3 * FRACTIONS
_QUOTIENT = _SIGN + CLASSES * FRACTIONS
_DIGIT = _QUOTIENT + CLASSES * UNARY
_REST = _DIGIT + CLASSES * 3 * QUOTIENTS
CONTEXTS = _REST + NUMBER_CONTEXTS
#: Most bytes that a pixel can take.
MOST_BYTES = 160


def _half_octaves(value: int) -> int:
    if value < 4:
        return value
    log = value.bit_length() - 1
    return 2 * log + ((value >> (log - 1)) & 1)


#: Twice the binary logarithm of small numbers, roughly: 0 to 3 for 0 to 3, then 4, 4, 5, 5, 6.
HALF_OCTAVES = np.array([_half_octaves(value) for value in range(4096)], dtype=np.int64)


@inner
def half_octaves(value: int) -> int:
    """Continue `HALF_OCTAVES` to all numbers below 2**32."""
    if value < 1 << 12:
        return int(HALF_OCTAVES[value])
    if value < 1 << 22:
        return int(HALF_OCTAVES[value >> 10]) + 20
    return int(HALF_OCTAVES[value >> 20]) + 40


def places(cols: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where `NEIGHBOURS` and `AROUND` lie in a padded tile that is read row by row."""
    wide = cols + 2 * PAD
    neighbours, around = (
        np.array([row * wide + col for row, col in group], dtype=np.int64)
        for group in (NEIGHBOURS, AROUND)
    )
    return neighbours, around


@inner
def activity(work: NDArray[np.int32], at: int, wide: int) -> int:
    """Class of how much the neighbours of a pixel differ, 0 to `ACTIVITIES` - 1."""
    west, north = int(work[at - 1]), int(work[at - wide])
    corner, east = int(work[at - wide - 1]), int(work[at - wide + 1])
    found = abs(west - corner) + abs(north - corner) + abs(north - east)
    found += abs(west - work[at - 2]) + abs(north - work[at - 2 * wide])
    return min(half_octaves(found), ACTIVITIES - 1)


@inner
def foresee(
    work: NDArray[np.int32],
    base: NDArray[np.int32],
    at: int,
    weights: NDArray[np.int32],
    neighbours: NDArray[np.int64],
    around: NDArray[np.int64],
) -> int:
    """Predict a pixel in units of 1/64 with its class's weights; an empty base is none."""
    west = int(work[at - 1])
    total = 0
    for k in range(len(neighbours)):
        total += int(weights[k]) * (work[at + neighbours[k]] - west)
    if len(base) > 0:
        here, first = int(base[at]), len(neighbours)
        total += int(weights[first]) * (here - west)
        for k in range(len(around)):
            total += int(weights[first + 1 + k]) * (base[at + around[k]] - here)
    return (west << FINE_BITS) + (total >> (WEIGHT_BITS - FINE_BITS))


@inner
def extend(row: NDArray[np.int32], known: NDArray[np.bool_]) -> bool:
    """Give background and padding of a padded row the value of the coded pixel before it.

    Those before the first get the first one's.  False, and nothing done, where none is coded.
    """
    cols = len(known)
    first = 0
    while first < cols and known[first]:
        first += 1
    if first == cols:
        return False
    row[: PAD + first] = row[PAD + first]
    for col in range(first, cols):
        if known[col]:
            row[PAD + col] = row[PAD + col - 1]
    row[PAD + cols :] = row[PAD + cols - 1]
    return True


@compiled
def padded(values: NDArray[np.int32], known: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return a tile with its background filled, `PAD` around it and a row below it made up."""
    rows, cols = values.shape
    out = np.zeros((PAD + rows + 1, cols + 2 * PAD), dtype=np.int32)
    begun = False
    for row in range(rows):
        line = PAD + row
        out[line, PAD : PAD + cols] = values[row]
        if not extend(out[line], known[row]):
            out[line] = out[line - 1]
        elif not begun:
            out[:line] = out[line]
            begun = True
    out[PAD + rows] = out[PAD + rows - 1]
    return out


@inner
def _size(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    contexts: NDArray[np.int32],
    level: int,
    size: int,
    encoding: bool,
) -> int:
    """Code the magnitude, at least 1, of an error that is not 0."""
    shift = max((level >> 1) - 6, 0)
    rest = size - 1
    quotient = rest >> shift
    count = 0
    while count < UNARY:
        place = _QUOTIENT + level * UNARY + count
        if code_bit(coder, data, contexts, place, 1 if quotient > count else 0, encoding) == 0:
            break
        count += 1
    if count == UNARY:
        more = code_number(coder, data, contexts, _REST, quotient - UNARY + 1, encoding)
        count += more - 1
    place = _DIGIT + level * 3 * QUOTIENTS + min(count, QUOTIENTS - 1)
    if shift > 0:
        bit = code_bit(coder, data, contexts, place, (rest >> (shift - 1)) & 1, encoding)
        count = 2 * count + bit
        if shift > 1:
            place += QUOTIENTS * (1 + bit)
            bit = code_bit(coder, data, contexts, place, (rest >> (shift - 2)) & 1, encoding)
            count = 2 * count + bit
            if shift > 2:
                lower = code_even(coder, data, shift - 2, rest, encoding)
                count = (count << (shift - 2)) + lower
    return int(count) + 1


@compiled
def walk(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    contexts: NDArray[np.int32],
    values: NDArray[np.int32],
    known: NDArray[np.bool_],
    base: NDArray[np.int32],
    weights: NDArray[np.int32],
    neighbours: NDArray[np.int64],
    around: NDArray[np.int64],
    step: int,
    low: int,
    high: int,
    encoding: bool,
    rounding: int,
) -> bool:
    """Code the pixels that are not known; `values` becomes what a decoder restores.

    An encoder adds `rounding` / 256 of a step before it divides by it.  False where `data`, while encoding, might not have room enough.
    """
    rows, cols = values.shape
    wide = cols + 2 * PAD
    grid = np.full((PAD + rows, wide), (low + high) >> 1, dtype=np.int32)
    misses = np.zeros((PAD + rows, wide), dtype=np.int32)
    work, miss_of = grid.reshape(-1), misses.reshape(-1)
    bias = np.zeros(CLASSES * TEXTURES, dtype=np.int64)
    half = 1 << (FINE_BITS - 1)
    begun = False
    for row in range(rows):
        if encoding and coder[4] + coder[3] + (cols + 1) * MOST_BYTES > len(data):
            return False
        line = PAD + row
        if row > 0:
            grid[line], misses[line] = grid[line - 1], misses[line - 1]
        any_coded = False
        for col in range(cols):
            at = line * wide + PAD + col
            if known[row, col]:
                if any_coded:
                    work[at], miss_of[at] = work[at - 1], miss_of[at - 1]
                continue
            any_coded = True
            if begun:
                group = activity(work, at, wide)
                fine = foresee(work, base, at, weights[group], neighbours, around)
            else:
                fine = int(base[at] if len(base) > 0 else work[at - 1]) << FINE_BITS
            near = 2 * int(miss_of[at - 1]) + 2 * int(miss_of[at - wide])
            near += miss_of[at - wide - 1] + miss_of[at - wide + 1]
            near += miss_of[at - 2] + miss_of[at - 2 * wide]
            level = min(half_octaves((near if step == 1 else near // step) >> 3), CLASSES - 1)
            about = fine >> FINE_BITS
            texture = TEXTURES * level
            texture += 1 if work[at - 1] > about else 0
            texture += 2 if work[at - wide] > about else 0
            texture += 4 if work[at - wide - 1] > about else 0
            texture += 8 if work[at - wide + 1] > about else 0
            texture += 16 if work[at - 2] > about else 0
            texture += 32 if work[at - 2 * wide] > about else 0
            fine += bias[texture] >> BIAS_BITS
            fine = min(max(fine, int(low) << FINE_BITS), int(high) << FINE_BITS)
            guess = (fine + half) >> FINE_BITS
            part = fine - (guess << FINE_BITS)
            # Errors count as positive on the side of the guess on which the prediction lies.
            turned = part < 0
            part = 4 * abs(part)
            share = 1 if part >= half * step else 0
            share += 1 if part >= 2 * half * step else 0
            share += 1 if part >= 3 * half * step else 0
            missed = 1 if miss_of[at - 1] > half * step else 0
            missed += 1 if miss_of[at - wide] > half * step else 0
            error = 0
            if encoding:
                difference = int(values[row, col]) - guess
                error = (abs(difference) + ((step * rounding) >> 8)) // step
                error = -error if (difference < 0) != turned else error
            place = _ERROR + (level * 3 + missed) * FRACTIONS + share
            if code_bit(coder, data, contexts, place, 1 if error != 0 else 0, encoding) != 0:
                place = _SIGN + level * FRACTIONS + share
                negative = code_bit(coder, data, contexts, place, 1 if error < 0 else 0, encoding)
                error = int(_size(coder, data, contexts, level, abs(error), encoding))
                error = -error if (negative != 0) != turned else error
            else:
                error = 0
            restored = min(max(guess + error * step, int(low)), int(high))
            values[row, col] = work[at] = restored
            miss = (restored << FINE_BITS) - fine
            miss_of[at] = abs(miss)
            bias[texture] += miss
        if any_coded:
            extend(grid[line], known[row])
            extend(misses[line], known[row])
            if not begun:
                grid[:line], misses[:line] = grid[line], misses[line]
                begun = True
    return True
