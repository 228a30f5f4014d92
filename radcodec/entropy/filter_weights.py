"""The stream of a filter's weights.

docs/format.md, section 8.9, is the law for what happens here.  Most classes go on with the
weights of the class before, so that a stream takes tens of bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.rangecoder import (
    IMPOSSIBLE_START,
    SPARE_BYTES,
    finish,
    new_decoder,
    new_encoder,
    taken,
)
from radcodec.entropy.residual_bits import (
    NUMBER_CONTEXTS,
    code_bit,
    code_even,
    code_number,
    new_contexts,
)
from radcodec.errors import CorruptError

#: Classes of activity.
CLASSES = 42
#: Inputs of three kinds: sums of opposite neighbours, functions of the pixel's own value, and,
#: where a refinement is, of what it has changed.
NEIGHBOURS, TONES, CHANGES = 12, 9, 3
#: Largest magnitude of a weight.
LARGEST_WEIGHT = 2047
#: Bits of the number that says by what power of two all weights can be divided.
SHIFT_BITS = 2
# Contexts: whether a class has its own weights; for each kind of input whether a weight differs
# from the one before, the sign of the difference, its size.
_KIND_CONTEXTS = 2 + NUMBER_CONTEXTS
_CONTEXTS = 1 + 3 * _KIND_CONTEXTS
#: Most bytes that one weight can take, with room to spare: it is coded in at most 38 decisions,
#: each of which takes less than twelve bits.
_MOST_BYTES = 64


def inputs_of(refined: bool) -> int:
    """Number of inputs of a filter, and of its weights in each class."""
    return NEIGHBOURS + TONES + (CHANGES if refined else 0)


@compiled
def _code(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    contexts: NDArray[np.int32],
    weights: NDArray[np.int32],
    shift: int,
    encoding: bool,
) -> int:
    """Code weights, shape (classes, inputs), or fill them; return the shift."""
    groups, inputs = weights.shape
    shift = code_even(coder, data, SHIFT_BITS, shift, encoding)
    before = np.zeros(inputs, dtype=np.int64)
    for group in range(groups):
        own = 0
        if encoding:
            for k in range(inputs):
                own = 1 if weights[group, k] != before[k] else own
        if code_bit(coder, data, contexts, 0, own, encoding) != 0:
            for k in range(inputs):
                kind = 0 if k < NEIGHBOURS else 1 if k < NEIGHBOURS + TONES else 2
                place = 1 + kind * _KIND_CONTEXTS
                more = (weights[group, k] - before[k]) >> shift if encoding else 0
                if code_bit(coder, data, contexts, place, 1 if more != 0 else 0, encoding) == 0:
                    continue
                negative = code_bit(
                    coder, data, contexts, place + 1, 1 if more < 0 else 0, encoding
                )
                size = code_number(coder, data, contexts, place + 2, abs(more), encoding) << shift
                found = before[k] + (-size if negative != 0 else size)
                before[k] = min(max(found, -LARGEST_WEIGHT), LARGEST_WEIGHT)
        weights[group] = before
    return shift


def encode_weights(weights: NDArray[np.int32], shift: int) -> bytes:
    """Code the weights of a filter.

    Parameters
    ----------
    weights : ndarray of int32, shape (`CLASSES`, `inputs_of(...)`)
        Of magnitudes up to `LARGEST_WEIGHT`, multiples of 2**shift.
    shift : int
        0 to 3.

    Returns
    -------
    bytes
        A stream, which does not end in a zero byte; it may have no bytes.
    """
    out = np.empty(weights.size * _MOST_BYTES + SPARE_BYTES, dtype=np.uint8)
    coder = new_encoder()
    _code(coder, out, new_contexts(_CONTEXTS), np.array(weights, dtype=np.int32), shift, True)
    size = finish(coder, out)
    return out[1:size].tobytes().rstrip(b"\0")


def decode_weights(data: bytes, refined: bool) -> NDArray[np.int32]:
    """Decode `encode_weights`'s bytes, or anything else.

    Parameters
    ----------
    data : bytes
        The stream.
    refined : bool
        Whether the plane has a refinement.

    Returns
    -------
    ndarray of int32, shape (`CLASSES`, `inputs_of(refined)`)

    Raises
    ------
    CorruptError
        The stream breaks the rules of the range coder.
    """
    if data.endswith(b"\0") or data.startswith(IMPOSSIBLE_START):
        raise CorruptError("filter: the stream is not valid; get a new copy of the file")
    stream = np.array(bytearray(data), dtype=np.uint8)
    coder = new_decoder(stream)
    weights = np.zeros((CLASSES, inputs_of(refined)), dtype=np.int32)
    _code(coder, stream, new_contexts(_CONTEXTS), weights, 0, False)
    if len(data) > taken(coder):
        raise CorruptError("filter: bytes behind the weights; get a new copy of the file")
    return weights
