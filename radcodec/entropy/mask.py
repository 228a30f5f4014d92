"""The background mask, coded without loss.

docs/format.md is the law for what happens here.  The mask is cut into blocks of 16 x 16
pixels.  First the state of every block is coded (clear, set or mixed), then the pixels
of the mixed blocks, each in the context of ten pixels that are already known, as in JBIG2.
The bits go through the range coder, with an adaptation of 1/16.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.rangecoder import (
    IMPOSSIBLE_START,
    SPARE_BYTES,
    WHOLE,
    decode_bit,
    encode_bit,
    finish,
    new_decoder,
    new_encoder,
    taken,
)
from radcodec.errors import CorruptError

#: Pixels along the side of a block.
BLOCK = 16
#: States of a block.
CLEAR, SET, MIXED = 0, 1, 2
#: Contexts of a block's state: 27 of "is it mixed", then 27 of "is it set".
STATE_CONTEXTS = 27
#: Contexts of a pixel.
PIXEL_CONTEXTS = 1024
#: A probability moves by 1/16 of the way.
ADAPTATION = 4
#: Probabilities start in the middle.
START = WHOLE // 2
#: Rows and columns of zeros around the mask, so that contexts need no special cases.
BORDER = 2


@compiled
def _state_context(states: NDArray[np.uint8], row: int, col: int) -> int:
    left = states[row, col - 1] if col > 0 else 0
    up = states[row - 1, col] if row > 0 else 0
    right = states[row - 1, col + 1] if row > 0 and col + 1 < states.shape[1] else 0
    return int(left) + 3 * int(up) + 9 * int(right)


@compiled
def _pixel_context(padded: NDArray[np.uint8], row: int, col: int) -> int:
    """Ten known pixels around a pixel of the mask, most significant first, in raster order."""
    context = 0
    for step in range(1, 4):
        context = (context << 1) | int(padded[row, col + step])
    for step in range(5):
        context = (context << 1) | int(padded[row + 1, col + step])
    for step in range(2):
        context = (context << 1) | int(padded[row + 2, col + step])
    return context


@compiled
def _encode(padded: NDArray[np.uint8], states: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """Fill `out`; the number of bytes."""
    rows, cols = padded.shape[0] - BORDER, padded.shape[1] - 2 * BORDER
    probabilities = np.full(2 * STATE_CONTEXTS + PIXEL_CONTEXTS, START, dtype=np.int64)
    coder = new_encoder()
    for row in range(states.shape[0]):
        for col in range(states.shape[1]):
            context = _state_context(states, row, col)
            state = states[row, col]
            mixed = 1 if state == MIXED else 0
            encode_bit(coder, out, probabilities, context, mixed, ADAPTATION)
            if state != MIXED:
                place = STATE_CONTEXTS + context
                encode_bit(coder, out, probabilities, place, int(state), ADAPTATION)
    for row in range(rows):
        for block in range(states.shape[1]):
            if states[row // BLOCK, block] != MIXED:
                continue
            for col in range(block * BLOCK, min((block + 1) * BLOCK, cols)):
                context = 2 * STATE_CONTEXTS + _pixel_context(padded, row, col)
                bit = int(padded[row + BORDER, col + BORDER])
                encode_bit(coder, out, probabilities, context, bit, ADAPTATION)
    return finish(coder, out)


@compiled
def _decode(data: NDArray[np.uint8], padded: NDArray[np.uint8], states: NDArray[np.uint8]) -> int:
    """Fill `padded` and `states`; the number of bytes that were taken, those missing counted."""
    rows, cols = padded.shape[0] - BORDER, padded.shape[1] - 2 * BORDER
    probabilities = np.full(2 * STATE_CONTEXTS + PIXEL_CONTEXTS, START, dtype=np.int64)
    coder = new_decoder(data)
    for row in range(states.shape[0]):
        for col in range(states.shape[1]):
            context = _state_context(states, row, col)
            if decode_bit(coder, data, probabilities, context, ADAPTATION) != 0:
                states[row, col] = MIXED
                continue
            place = STATE_CONTEXTS + context
            if decode_bit(coder, data, probabilities, place, ADAPTATION) != 0:
                states[row, col] = SET
                bottom = min((row + 1) * BLOCK, rows)
                right = min((col + 1) * BLOCK, cols)
                for y in range(row * BLOCK, bottom):
                    for x in range(col * BLOCK, right):
                        padded[y + BORDER, x + BORDER] = 1
    for row in range(rows):
        for block in range(states.shape[1]):
            if states[row // BLOCK, block] != MIXED:
                continue
            for col in range(block * BLOCK, min((block + 1) * BLOCK, cols)):
                context = 2 * STATE_CONTEXTS + _pixel_context(padded, row, col)
                bit = decode_bit(coder, data, probabilities, context, ADAPTATION)
                padded[row + BORDER, col + BORDER] = bit
    return taken(coder)


def _block_states(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """State of every block; at the edges only the pixels inside the mask count."""
    rows, cols = mask.shape
    starts = np.arange(0, rows, BLOCK), np.arange(0, cols, BLOCK)
    any_set = np.logical_or.reduceat(np.logical_or.reduceat(mask, starts[0], 0), starts[1], 1)
    all_set = np.logical_and.reduceat(np.logical_and.reduceat(mask, starts[0], 0), starts[1], 1)
    states: NDArray[np.uint8] = np.where(
        all_set, np.uint8(SET), np.where(any_set, np.uint8(MIXED), np.uint8(CLEAR))
    ).astype(np.uint8)
    return states


def encode_mask(mask: NDArray[np.bool_]) -> bytes:
    """Encode a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)
        Of any size from 1 x 1.

    Returns
    -------
    bytes
        Does not end in a zero byte; nothing at all for a mask that is False everywhere.
    """
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"a mask has rows and columns, not shape {mask.shape}")
    states = _block_states(mask)
    padded = np.pad(mask.astype(np.uint8), ((BORDER, 0), (BORDER, BORDER)))
    # A binary decision costs at most 11 - log2(15) bits and a rounding: under a byte.
    pixels = int(np.count_nonzero(states == MIXED)) * BLOCK * BLOCK
    out = np.empty(2 * states.size + pixels + SPARE_BYTES, dtype=np.uint8)
    size = _encode(padded, states, out)
    return out[1:size].tobytes().rstrip(b"\0")


def decode_mask(data: bytes, rows: int, cols: int) -> NDArray[np.bool_]:
    """Decode a mask.

    Parameters
    ----------
    data : bytes
        What `encode_mask` returned, or anything else.
    rows, cols : int
        Shape of the mask.

    Returns
    -------
    ndarray of bool, shape (rows, cols)

    Raises
    ------
    CorruptError
        The stream holds more bytes than the mask takes, ends in a zero byte, or starts as
        none can.
    """
    if rows < 1 or cols < 1:
        raise ValueError(f"a mask has rows and columns, not shape {(rows, cols)}")
    if data.endswith(b"\0"):
        raise CorruptError("background mask: ends in zero; the file is damaged, get a new copy")
    if data.startswith(IMPOSSIBLE_START):
        raise CorruptError("background mask: not valid; the file is damaged, get a new copy")
    padded = np.zeros((rows + BORDER, cols + 2 * BORDER), dtype=np.uint8)
    states = np.zeros((-(-rows // BLOCK), -(-cols // BLOCK)), dtype=np.uint8)
    if len(data) > _decode(np.frombuffer(data, dtype=np.uint8), padded, states):
        raise CorruptError(
            "background mask: bytes behind its end; the file is damaged, get a new copy"
        )
    return np.ascontiguousarray(padded[BORDER:, BORDER:-BORDER]).astype(np.bool_)
