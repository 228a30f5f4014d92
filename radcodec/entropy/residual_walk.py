"""The walk over a tile's pixels that codes what a prediction leaves of each, both ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.residual_bits import (
    NUMBER_CONTEXTS,
    code_bit,
    code_even,
    code_number,
)

#: Columns beside and rows above a tile that are made up from its outermost pixels.
PAD = 3
#: Neighbours (row, column) that a pixel is predicted from; all less the left one.
NEIGHBOURS = (
    *((0, -2), (0, -3)),
    *((-1, -3), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2), (-1, 3)),
    *((-2, -3), (-2, -2), (-2, -1), (-2, 0), (-2, 1), (-2, 2), (-2, 3)),
    *((-3, -1), (-3, 0), (-3, 1)),
)
#: Pixels of the base that it is predicted from as well; all less the one in its place.
AROUND = ((0, -1), (0, 1), (-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0), (1, 1))
#: Binary places of the weights, and of predictions.
WEIGHT_BITS = 10
FINE_BITS = 6
#: Classes of activity, each with weights of its own.
ACTIVITIES = 40
#: Classes of how large the neighbours' errors are.
CLASSES = 48
FRACTIONS = 4
#: Unary decisions of a quotient before the rest is coded as a number.
UNARY = 24
_DIGITS = 4
_ZERO = 0
_SIGN = _ZERO + CLASSES * FRACTIONS * 3
_UNARY = _SIGN + CLASSES * FRACTIONS
_LOWER = _UNARY + CLASSES * UNARY
_REST = _LOWER + CLASSES * _DIGITS * 3
CONTEXTS = _REST + NUMBER_CONTEXTS
_BIAS_SHIFT = 6
MOST_BITS = 2 + UNARY + 36 + 18


def _half_octaves(value: int) -> int:
    if value < 4:
        return value
    log = value.bit_length() - 1
    return 2 * log + ((value >> (log - 1)) & 1)


#: Twice the binary logarithm of small numbers, roughly: 0 to 3 for 0 to 3, then 4, 4, 5, 5, 6.
HALF_OCTAVES = np.array([_half_octaves(value) for value in range(4096)], dtype=np.int64)


@compiled
def half_octaves(value: int) -> int:
    """Twice the binary logarithm of a number below 2**32, continued from `HALF_OCTAVES`."""
    if value < 1 << 12:
        return HALF_OCTAVES[value]
    if value < 1 << 22:
        return HALF_OCTAVES[value >> 10] + 20
    return HALF_OCTAVES[value >> 20] + 40


@compiled
def activity(work: NDArray[np.int32], at: int, wide: int) -> int:
    west, north = np.int64(work[at - 1]), np.int64(work[at - wide])
    corner, east = np.int64(work[at - wide - 1]), np.int64(work[at - wide + 1])
    found = abs(west - corner) + abs(north - corner) + abs(north - east)
    found += abs(west - work[at - 2]) + abs(north - work[at - 2 * wide])
    return min(half_octaves(found), ACTIVITIES - 1)


@compiled
def fill_row(row: NDArray[np.int32], known: NDArray[np.bool_]) -> bool:
    """Give known (background) pixels and the padding the value of the coded pixel before them."""
    cols = len(known)
    first = 0
    while first < cols and known[first]:
        first += 1
    if first == cols:
        return False
    for col in range(PAD + first):
        row[col] = row[PAD + first]
    for col in range(first, cols):
        if known[col]:
            row[PAD + col] = row[PAD + col - 1]
    for col in range(PAD + cols, 2 * PAD + cols):
        row[col] = row[col - 1]
    return True


@compiled
def padded(values: NDArray[np.int32], known: NDArray[np.bool_], below: int) -> NDArray[np.int32]:
    """Return values with background and surroundings filled."""
    rows, cols = values.shape
    out = np.zeros((PAD + rows + below, cols + 2 * PAD), dtype=np.int32)
    begun = False
    for row in range(rows):
        out[PAD + row, PAD : PAD + cols] = values[row]
        if fill_row(out[PAD + row], known[row]):
            if not begun:
                for above in range(PAD + row):
                    out[above] = out[PAD + row]
            begun = True
        elif row > 0:
            out[PAD + row] = out[PAD + row - 1]
    for row in range(below):
        out[PAD + rows + row] = out[PAD + rows - 1]
    return out


@compiled
def walk(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    contexts: NDArray[np.int32],
    values: NDArray[np.int32],
    known: NDArray[np.bool_],
    base: NDArray[np.int32],
    has_base: bool,
    weights: NDArray[np.int32],
    offsets: NDArray[np.int64],
    around: NDArray[np.int64],
    step: int,
    low: int,
    high: int,
    encoding: bool,
) -> None:
    rows, cols = values.shape
    wide = cols + 2 * PAD
    grid = np.full((rows + PAD, wide), (low + high) >> 1, dtype=np.int32)
    sizes = np.zeros((rows + PAD, wide), dtype=np.int32)
    work, size_of = grid.reshape(-1), sizes.reshape(-1)
    bias = np.zeros(CLASSES * 64, dtype=np.int64)
    begun = False
    half = 1 << (FINE_BITS - 1)
    taps, extra = len(offsets), len(around)
    for row in range(rows):
        line = PAD + row
        if row > 0:
            grid[line] = grid[line - 1]
            sizes[line] = sizes[line - 1]
        seen = False
        for col in range(cols):
            at = line * wide + PAD + col
            if known[row, col]:
                if seen:
                    work[at] = work[at - 1]
                    size_of[at] = size_of[at - 1]
                continue
            seen = True
            west = np.int64(work[at - 1])
            # prediction
            if begun:
                group = activity(work, at, wide)
                total = np.int64(0)
                for k in range(taps):
                    total += np.int64(weights[group, k]) * (work[at + offsets[k]] - west)
                if has_base:
                    here = np.int64(base[at])
                    total += np.int64(weights[group, taps]) * (here - west)
                    for k in range(extra):
                        total += np.int64(weights[group, taps + 1 + k]) * (
                            base[at + around[k]] - here
                        )
                fine = (west << FINE_BITS) + (total >> (WEIGHT_BITS - FINE_BITS))
            elif has_base:
                fine = np.int64(base[at]) << FINE_BITS
            else:
                fine = west << FINE_BITS
            # class of errors
            near = 2 * np.int64(size_of[at - 1]) + 2 * np.int64(size_of[at - wide])
            near += size_of[at - wide - 1] + size_of[at - wide + 1]
            near += size_of[at - 2] + size_of[at - 2 * wide]
            if step > 1:
                near = near // step
            level = half_octaves(near >> 3)
            level = min(level, CLASSES - 1)
            # bias
            about = fine >> FINE_BITS
            texture = 1 if west > about else 0
            texture += 2 if work[at - wide] > about else 0
            texture += 4 if work[at - wide - 1] > about else 0
            texture += 8 if work[at - wide + 1] > about else 0
            texture += 16 if work[at - 2] > about else 0
            texture += 32 if work[at - 2 * wide] > about else 0
            texture += level * 64
            fine += bias[texture] >> 6
            fine = min(max(fine, low << FINE_BITS), high << FINE_BITS)
            guess = (fine + half) >> FINE_BITS
            part = fine - (guess << FINE_BITS)
            turned = part < 0
            if turned:
                part = -part
            share = (1 if 4 * part >= half * step else 0) + (1 if 2 * part >= half * step else 0)
            share += 1 if 4 * part >= 3 * half * step else 0
            # code
            error = np.int64(0)
            if encoding:
                difference = np.int64(values[row, col]) - guess
                error = (abs(difference) + (step >> 1)) // step
                if (difference < 0) != turned:
                    error = -error
            size = abs(error)
            w0 = 1 if size_of[at - 1] > (step << (FINE_BITS - 1)) else 0
            w0 += 1 if size_of[at - wide] > (step << (FINE_BITS - 1)) else 0
            place = _ZERO + (level * 3 + w0) * FRACTIONS + share
            if code_bit(coder, data, contexts, place, 1 if size > 0 else 0, encoding) == 0:
                error = np.int64(0)
            else:
                place = _SIGN + level * FRACTIONS + share
                negative = code_bit(coder, data, contexts, place, 1 if error < 0 else 0, encoding)
                shift = max((level >> 1) - 6, 0)
                rest = size - 1
                whole = rest >> shift
                count = np.int64(0)
                while count < UNARY:
                    place = _UNARY + level * UNARY + count
                    more = 1 if whole > count else 0
                    if code_bit(coder, data, contexts, place, more, encoding) == 0:
                        break
                    count += 1
                if count == UNARY:
                    count += code_number(
                        coder, data, contexts, _REST, whole - UNARY + 1, encoding
                    ) - 1
                found = count
                if shift > 0:
                    place = _LOWER + (level * 3) * _DIGITS + min(count, _DIGITS - 1)
                    bit = code_bit(
                        coder, data, contexts, place, (rest >> (shift - 1)) & 1, encoding
                    )
                    found = 2 * found + bit
                    if shift > 1:
                        place = _LOWER + (level * 3 + 1 + bit) * _DIGITS + min(count, _DIGITS - 1)
                        bit = code_bit(
                            coder, data, contexts, place, (rest >> (shift - 2)) & 1, encoding
                        )
                        found = 2 * found + bit
                        if shift > 2:
                            lower = code_even(coder, data, shift - 2, rest, encoding)
                            found = (found << (shift - 2)) + lower
                error = found + 1
                if negative:
                    error = -error
            if turned:
                error = -error
            restored = min(max(guess + error * step, low), high)
            values[row, col] = restored
            work[at] = restored
            miss = (restored << FINE_BITS) - fine
            size_of[at] = abs(miss)
            # bias with 6 more bits
            bias[texture] += ((miss << 6) - 0 * bias[texture]) >> _BIAS_SHIFT
        if seen:
            fill_row(grid[line], known[row])
            fill_row(sizes[line], known[row])
            if not begun:
                for above in range(line):
                    grid[above] = grid[line]
                    sizes[above] = sizes[line]
                begun = True
