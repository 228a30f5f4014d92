"""The stream of a filter's weights.

docs/format.md, section 8.9, is the law for what happens here.  Most classes go on with the
weights of the class before, so that a stream takes tens of bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.rangecoder import (
    IMPOSSIBLE_START,
    SPARE_BYTES,
    finish,
    new_decoder,
    new_encoder,
    taken,
)
from radcodec.entropy.residual_bits import code_even, new_contexts
from radcodec.entropy.residual_head import KIND_CONTEXTS, code_weights
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
# Of weights of three kinds.
_CONTEXTS = 1 + 3 * KIND_CONTEXTS
#: Most bytes that one weight can take, with room to spare: it is coded in at most 38 decisions,
#: each of which takes less than twelve bits.
_MOST_BYTES = 64


def inputs_of(refined: bool) -> int:
    """Number of inputs of a filter, and of its weights in each class."""
    return NEIGHBOURS + TONES + (CHANGES if refined else 0)


def _code(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    weights: NDArray[np.int32],
    shift: int,
    encoding: bool,
) -> None:
    """Code shift and weights, shape (classes, inputs), or fill the weights."""
    kinds = np.repeat(np.arange(3), (NEIGHBOURS, TONES, CHANGES))[: weights.shape[1]]
    shift = code_even(coder, data, SHIFT_BITS, shift, encoding)
    contexts = new_contexts(_CONTEXTS)
    code_weights(coder, data, contexts, weights, kinds, LARGEST_WEIGHT, shift, encoding)


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
    _code(coder, out, np.array(weights, dtype=np.int32), shift, True)
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
    _code(coder, stream, weights, 0, False)
    if len(data) > taken(coder):
        raise CorruptError("filter: bytes behind the weights; get a new copy of the file")
    return weights
