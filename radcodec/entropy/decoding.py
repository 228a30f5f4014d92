"""The decoder's loop over the decisions and the bits of a tile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.contexts import activity_at, neighbours_differ, predict
from radcodec.entropy.decisions import ADAPTATION
from radcodec.entropy.rangecoder import decode_bit, new_decoder, taken
from radcodec.entropy.symbols import (
    ACTIVITY_CLIP,
    BASES,
    DECISION_CONTEXTS,
    EMPTY_SYMBOL,
    EXTRA_BITS,
    LARGEST,
    NONZERO,
    SINGLE_SYMBOL,
)
from radcodec.entropy.tables import FAST_BITS, FAST_LENGTH_BITS

#: Bytes of zeros behind a stream: between two checks for its end the decoder's loop reads a
#: code of 16 bits, an escape of 24 and a sign, and looks four bytes ahead.
LOOK_AHEAD = 16
_TRUNCATED, _TOO_LARGE, _EARLY_END, _DECIDED = -1, -2, -3, -4
PROBLEMS = {
    _TRUNCATED: "the stream ends before its last position",
    _TOO_LARGE: "a value is out of range",
    _EARLY_END: "a block ends where it must not",
    _DECIDED: "a symbol stands for what its decisions have ruled out",
}
_FAST_LENGTH = (1 << FAST_LENGTH_BITS) - 1


@compiled
def _peek(data: NDArray[np.uint8], bit: int, count: int) -> int:
    """Return the next `count` bits, at most 24."""
    byte = bit >> 3
    # numba makes floats of sums of signed and unsigned numbers, so none are unsigned here.
    word = (
        (np.int64(data[byte]) << 24)
        | (np.int64(data[byte + 1]) << 16)
        | (np.int64(data[byte + 2]) << 8)
        | np.int64(data[byte + 3])
    )
    return int((word >> (32 - (bit & 7) - count)) & ((1 << count) - 1))


@compiled
def read_tile(
    data: NDArray[np.uint8],
    end: int,
    decisions: NDArray[np.uint8],
    probabilities: NDArray[np.int64],
    values: NDArray[np.int32],
    skip: NDArray[np.bool_],
    predicted: bool,
    order: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    class_of: NDArray[np.uint8],
    fast: NDArray[np.int32],
    limit: NDArray[np.int32],
    delta: NDArray[np.int32],
    ranked: NDArray[np.int32],
) -> tuple[int, int]:
    """Fill `values` (channels, h, w), all zeros, and change `probabilities`.

    Returns the bit after the last or a problem, and the bytes that `decisions` would need to
    hold to be read up to the same place.
    """
    channels, rows, cols = values.shape
    clipped = np.zeros((rows + 1, cols + 2), dtype=np.int32)
    plane = np.zeros((rows, cols), dtype=np.int32)
    coder = new_decoder(decisions)
    bit = 0
    for row in range(rows):
        for col in range(cols):
            prediction = predict(plane, row, col) if predicted else 0
            if skip[row, col]:
                plane[row, col] = prediction
                values[0, row, col] = prediction
                continue
            group = class_of[activity_at(clipped, row, col)]
            context = 2 * int(group) + neighbours_differ(plane, row, col)
            if decode_bit(coder, decisions, probabilities, context, ADAPTATION) == 0:
                plane[row, col] = prediction
                values[0, row, col] = prediction
                continue
            context += DECISION_CONTEXTS
            if decode_bit(coder, decisions, probabilities, context, ADAPTATION) == 0:
                value = prediction + 1 - 2 * _peek(data, bit, 1)
                bit += 1
                if bit > end:
                    return _TRUNCATED, 0
                if abs(value) > LARGEST:
                    return _TOO_LARGE, 0
                plane[row, col] = value
                values[0, row, col] = value
                clipped[row + 1, col + 1] = 1
                continue
            total = 0
            place = 0
            while place < channels:
                bits = _peek(data, bit, 16)
                entry = int(fast[group, place, bits >> (16 - FAST_BITS)])
                if entry != 0:
                    bit += entry & _FAST_LENGTH
                    symbol = entry >> FAST_LENGTH_BITS
                else:
                    length = FAST_BITS + 1
                    while bits >= limit[group, place, length]:
                        length += 1
                    bit += length
                    index = (bits >> (16 - length)) + int(delta[group, place, length])
                    symbol = int(ranked[group, offsets[place] + index])
                if place == 0:
                    if symbol in (EMPTY_SYMBOL, SINGLE_SYMBOL):
                        return _DECIDED, 0
                    category = symbol >> 1
                    scan = 0
                elif symbol == offsets[place + 1] - offsets[place] - 1:
                    if place == 1:
                        return _EARLY_END, 0
                    break
                else:
                    category = symbol % NONZERO + 1
                    scan = place + symbol // NONZERO
                value = 0
                if category > 0:
                    extra = int(EXTRA_BITS[category])
                    value = int(BASES[category]) + _peek(data, bit, extra)
                    bit += extra
                    if _peek(data, bit, 1) != 0:
                        value = -value
                    bit += 1
                if bit > end:
                    return _TRUNCATED, 0
                total += min(abs(value), ACTIVITY_CLIP)
                if scan == 0:
                    value += prediction
                    plane[row, col] = value
                if abs(value) > LARGEST:
                    return _TOO_LARGE, 0
                values[order[scan], row, col] = value
                if place == 0 and symbol & 1:
                    break
                place = scan + 1
            if bit > end:
                return _TRUNCATED, 0
            clipped[row + 1, col + 1] = total
    return bit, taken(coder)
