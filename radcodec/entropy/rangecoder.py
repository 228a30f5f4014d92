"""The adaptive binary range coder of LZMA, for masks, decisions of tiles and pixel blocks.

Each decision has a context, whose probability of a 0 follows what was coded in it.  How fast
it does is the caller's choice: by 1/2**adaptation of the way.  Everything is integer
arithmetic.

numba compiles these functions into those that call them, and its cache looks only at the
caller's file: after a change here remove the ``__pycache__`` of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled, inner

#: Bits of a probability.
PROBABILITY_BITS = 11
#: Probability 1.
WHOLE = 1 << PROBABILITY_BITS
#: Bits of the chances that come from elsewhere, as `code_chance` takes them.
CHANCE_BITS = 16
#: Below this the coder takes the next byte.
SMALLEST_RANGE = 1 << 24
FULL_RANGE = (1 << 32) - 1
#: Bytes that an encoder puts out beyond those that its decisions take.
SPARE_BYTES = 16
# Places in the coder's state: encoder (low, range, byte held back, bytes of 0xFF behind it
# and itself, end of output) and decoder (code, range, next byte).
_LOW, _RANGE, _CACHE, _PENDING, _END = 0, 1, 2, 3, 4
_CODE, _NEXT = 0, 2


#: No stream starts with these bytes, since what is coded lies below the whole range.  A decoder
#: that took them would leave the numbers for which the coder is defined.
IMPOSSIBLE_START = b"\xff\xff\xff\xff"


@compiled
def new_encoder() -> NDArray[np.int64]:
    """Return the state of an encoder that has coded nothing."""
    return np.array([0, FULL_RANGE, 0, 1, 0], dtype=np.int64)


@compiled
def new_decoder(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the state of a decoder that has taken the first four bytes."""
    coder = np.array([0, FULL_RANGE, 4], dtype=np.int64)
    for place in range(4):
        coder[_CODE] = (coder[_CODE] << 8) | (data[place] if place < len(data) else 0)
    return coder


@compiled
def _shift_low(coder: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Move the top byte of `low` out, once no carry can change it."""
    if coder[_LOW] < 0xFF000000 or coder[_LOW] > FULL_RANGE:
        carry = coder[_LOW] >> 32
        byte = coder[_CACHE]
        for _ in range(coder[_PENDING]):
            out[coder[_END]] = (byte + carry) & 255
            coder[_END] += 1
            byte = 255
        coder[_PENDING] = 0
        coder[_CACHE] = (coder[_LOW] >> 24) & 255
    coder[_PENDING] += 1
    coder[_LOW] = (coder[_LOW] & 0x00FFFFFF) << 8


@inner
def _push(coder: NDArray[np.int64], out: NDArray[np.uint8], bound: int, bit: int) -> None:
    """Encode a decision: the lower part of the range for a 0, the upper one for a 1."""
    if bit == 0:
        coder[_RANGE] = bound
    else:
        coder[_LOW] += bound
        coder[_RANGE] -= bound
    while coder[_RANGE] < SMALLEST_RANGE:
        coder[_RANGE] <<= 8
        _shift_low(coder, out)


@inner
def _pull(coder: NDArray[np.int64], data: NDArray[np.uint8], bound: int) -> int:
    """Decode what `_push` encoded; zeros follow the last byte of `data`."""
    if coder[_CODE] < bound:
        coder[_RANGE] = bound
        bit = 0
    else:
        coder[_CODE] -= bound
        coder[_RANGE] -= bound
        bit = 1
    while coder[_RANGE] < SMALLEST_RANGE:
        coder[_RANGE] <<= 8
        following = data[coder[_NEXT]] if coder[_NEXT] < len(data) else 0
        coder[_CODE] = (coder[_CODE] << 8) | following
        coder[_NEXT] += 1
    return bit


@inner
def narrow(
    coder: NDArray[np.int64], data: NDArray[np.uint8], bound: int, bit: int, encoding: bool
) -> int:
    """Code a decision, or find the one that was coded; return it.

    What is encoded goes into `data`, which must have room, for it is not checked.
    """
    if encoding:
        _push(coder, data, bound, bit)
        return bit
    return _pull(coder, data, bound)


@inner
def code_chance(
    coder: NDArray[np.int64], data: NDArray[np.uint8], chance: int, bit: int, encoding: bool
) -> int:
    """Code a decision whose chance of a 1 in 1/65536 comes from elsewhere; 1 is the lower part."""
    bound = (coder[_RANGE] >> CHANCE_BITS) * chance
    if encoding:
        _push(coder, data, bound, 1 - bit)
        return bit
    return 1 - _pull(coder, data, bound)


@inner
def _follow(probabilities: NDArray[np.int64], context: int, bit: int, adaptation: int) -> None:
    """Move a context's probability of a 0 towards what was coded in it."""
    zero = probabilities[context]
    if bit == 0:
        probabilities[context] = zero + ((WHOLE - zero) >> adaptation)
    else:
        probabilities[context] = zero - (zero >> adaptation)


@compiled
def encode_bit(
    coder: NDArray[np.int64],
    out: NDArray[np.uint8],
    probabilities: NDArray[np.int64],
    context: int,
    bit: int,
    adaptation: int,
) -> None:
    """Code one decision; `out` must have room, for it is not checked."""
    bound = (coder[_RANGE] >> PROBABILITY_BITS) * probabilities[context]
    _push(coder, out, bound, bit)
    _follow(probabilities, context, bit, adaptation)


@compiled
def finish(coder: NDArray[np.int64], out: NDArray[np.uint8]) -> int:
    """Put out what is left; the end of the output, whose first byte is to be dropped.

    The first byte is zero always, as no carry can get that far.
    """
    # Of all numbers that decode alike, the one that ends in most zeros.
    for zeros in range(32, -1, -1):
        value = ((coder[_LOW] + coder[_RANGE] - 1) >> zeros) << zeros
        if value >= coder[_LOW]:
            coder[_LOW] = value
            break
    for _ in range(5):
        _shift_low(coder, out)
    return int(coder[_END])


@compiled
def decode_bit(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    probabilities: NDArray[np.int64],
    context: int,
    adaptation: int,
) -> int:
    """Decode one decision; zeros follow the last byte of `data`."""
    bound = (coder[_RANGE] >> PROBABILITY_BITS) * probabilities[context]
    bit = _pull(coder, data, bound)
    _follow(probabilities, context, bit, adaptation)
    return bit


@compiled
def taken(coder: NDArray[np.int64]) -> int:
    """Return how many bytes a decoder has taken, zeros behind the last counted."""
    return int(coder[_NEXT])
