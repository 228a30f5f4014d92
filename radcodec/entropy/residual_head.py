"""What stands before the pixels in a residual stream: the values in use, and the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.residual_bits import NUMBER_CONTEXTS, code_bit, code_number

#: Largest magnitude of a weight.
LARGEST_WEIGHT = 4095
#: Contexts of the values in use: are they listed, two of "the same gap again", and the gap.
PALETTE_CONTEXTS = 3 + NUMBER_CONTEXTS
#: Contexts of weights of one kind: does one differ, its sign, its size.  Before all kinds comes one
#: more: has a class its own.
KIND_CONTEXTS = 2 + NUMBER_CONTEXTS
#: Contexts of the weights of residuals, which are of one kind.
WEIGHT_CONTEXTS = 1 + KIND_CONTEXTS


@compiled
def code_palette(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    contexts: NDArray[np.int32],
    used: NDArray[np.int32],
    low: int,
    high: int,
    encoding: bool,
) -> int:
    """Code which values of `low` to `high` are in use.

    Parameters
    ----------
    used : ndarray of int32
        The values, ascending, with high + 1 as the last, or nothing where they are not listed;
        a decoder gives room for high - low + 2 of them.

    Returns
    -------
    int
        How many there are, high + 1 not counted; -1 where they are not listed.
    """
    if code_bit(coder, data, contexts, 0, 1 if len(used) > 0 else 0, encoding) == 0:
        return -1
    count, same = 0, 0
    value, gap = low - 1, 1
    while True:
        wanted = int(used[count]) - value if encoding else 0
        same = code_bit(coder, data, contexts, 1 + same, 1 if wanted == gap else 0, encoding)
        if same == 0:
            gap = code_number(coder, data, contexts, 3, wanted, encoding)
        value += gap
        if value > high:
            return count
        used[count] = value
        count += 1


@compiled
def code_weights(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    contexts: NDArray[np.int32],
    weights: NDArray[np.int32],
    kinds: NDArray[np.int64],
    largest: int,
    shift: int,
    encoding: bool,
) -> None:
    """Code weights, shape (classes, taps), or fill them.

    Parameters
    ----------
    kinds : ndarray of int64, shape (taps,)
        Kind of each weight, from 0, which has contexts of its own.
    largest : int
        Largest magnitude of a weight.
    shift : int
        Weights are multiples of 2**shift.
    """
    groups, taps = weights.shape
    before = np.zeros(taps, dtype=np.int64)
    for group in range(groups):
        own = 0
        if encoding:
            for k in range(taps):
                own = 1 if weights[group, k] != before[k] else own
        if code_bit(coder, data, contexts, 0, own, encoding) != 0:
            for k in range(taps):
                place = 1 + kinds[k] * KIND_CONTEXTS
                more = (weights[group, k] - before[k]) >> shift if encoding else 0
                if code_bit(coder, data, contexts, place, 1 if more != 0 else 0, encoding) == 0:
                    continue
                sign = 1 if more < 0 else 0
                negative = code_bit(coder, data, contexts, place + 1, sign, encoding)
                size = code_number(coder, data, contexts, place + 2, abs(more), encoding) << shift
                found = before[k] + (-size if negative != 0 else size)
                before[k] = min(max(found, -largest), largest)
        weights[group] = before
