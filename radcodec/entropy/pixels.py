"""Blocks that are coded as pixels, quantised but not transformed.

docs/format.md, section 8.6, is the law for what happens here.  Letters that are burned into a
radiograph, and other marks with hard edges, cost networks more than anatomy does.  Blocks of
8 x 8 pixels are taken out and coded pixel by pixel: each is predicted from its neighbours,
as in LOCO-I, and what remains of it, divided by a step, goes through the range coder.  What
networks give for the pixels around does not matter, so that blocks decode by themselves.
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
from radcodec.intensity.background import whole_blocks

#: Pixels along the side of a block.
SIDE = 8
#: A probability moves by 1/16 of the way.
ADAPTATION = 4
#: Contexts of a block's flag.
FLAG_CONTEXTS = 8
#: Classes of how much the neighbours differ.
CLASSES = 8
#: Sums of the neighbours' errors, each counted up to 2.
SUMS = 5
#: Largest binary logarithm of an error's magnitude, in steps.
LARGEST_LOG = 17
# Where each group of contexts begins: is there an error, its sign, the logarithm of its
# magnitude (of each class), and the bits below the first (of each logarithm).
_ERROR = 0
_SIGN = _ERROR + CLASSES * SUMS
_LOG = _SIGN + 9
_BITS = _LOG + CLASSES * (LARGEST_LOG + 1)
_CONTEXTS = _BITS + (LARGEST_LOG + 1) * LARGEST_LOG
#: Most decisions for a pixel.
_MOST = 2 + LARGEST_LOG + 1 + LARGEST_LOG


@compiled
def _flag_context(flags: NDArray[np.uint8], row: int, col: int) -> int:
    left = flags[row, col - 1] if col > 0 else 0
    up = flags[row - 1, col] if row > 0 else 0
    right = flags[row - 1, col + 1] if row > 0 and col + 1 < flags.shape[1] else 0
    return int(left) + 2 * int(up) + 4 * int(right)


@compiled
def _encode_flags(
    flags: NDArray[np.uint8], open_: NDArray[np.bool_], out: NDArray[np.uint8]
) -> int:
    probabilities = np.full(FLAG_CONTEXTS, WHOLE // 2, dtype=np.int64)
    coder = new_encoder()
    for row in range(flags.shape[0]):
        for col in range(flags.shape[1]):
            if open_[row, col]:
                context = _flag_context(flags, row, col)
                encode_bit(coder, out, probabilities, context, int(flags[row, col]), ADAPTATION)
    return finish(coder, out)


@compiled
def _decode_flags(
    data: NDArray[np.uint8], open_: NDArray[np.bool_], flags: NDArray[np.uint8]
) -> int:
    probabilities = np.full(FLAG_CONTEXTS, WHOLE // 2, dtype=np.int64)
    coder = new_decoder(data)
    for row in range(flags.shape[0]):
        for col in range(flags.shape[1]):
            if open_[row, col]:
                context = _flag_context(flags, row, col)
                flags[row, col] = decode_bit(coder, data, probabilities, context, ADAPTATION)
    return taken(coder)


@compiled
def _foresee(
    values: NDArray[np.int32],
    known: NDArray[np.bool_],
    errors: NDArray[np.int32],
    row: int,
    col: int,
    last: int,
    step: int,
    found: NDArray[np.int64],
) -> None:
    """Put prediction, class, sum of errors and context of the sign into `found`."""
    left = col > 0 and known[row, col - 1]
    up = row > 0 and known[row - 1, col]
    corner = row > 0 and col > 0 and known[row - 1, col - 1]
    right = row > 0 and col + 1 < values.shape[1] and known[row - 1, col + 1]
    west = int(values[row, col - 1]) if left else 0
    north = int(values[row - 1, col]) if up else 0
    differ = 0
    if left and up:
        if corner:
            angle = int(values[row - 1, col - 1])
            if angle >= max(west, north):
                guess = min(west, north)
            elif angle <= min(west, north):
                guess = max(west, north)
            else:
                guess = west + north - angle
            differ += abs(north - angle) + abs(west - angle)
        else:
            guess = (west + north) >> 1
            differ += abs(north - west)
    elif left:
        guess = west
    elif up:
        guess = north
    else:
        guess = last
    if up and right:
        differ += abs(int(values[row - 1, col + 1]) - north)
    group = 0
    differ //= step
    while differ > 0 and group < CLASSES - 1:
        group += 1
        differ >>= 1
    before = int(errors[row, col - 1]) if left else 0
    above = int(errors[row - 1, col]) if up else 0
    found[0] = guess
    found[1] = group
    found[2] = min(abs(before), 2) + min(abs(above), 2)
    sign_before = 1 if before > 0 else (2 if before < 0 else 0)
    sign_above = 1 if above > 0 else (2 if above < 0 else 0)
    found[3] = 3 * sign_before + sign_above


@compiled
def _encode(
    values: NDArray[np.int32],
    coded: NDArray[np.bool_],
    known: NDArray[np.bool_],
    step: int,
    low: int,
    high: int,
    out: NDArray[np.uint8],
) -> int:
    """Fill `out`; `values` becomes what a decoder restores."""
    probabilities = np.full(_CONTEXTS, WHOLE // 2, dtype=np.int64)
    errors = np.zeros(values.shape, dtype=np.int32)
    found = np.zeros(4, dtype=np.int64)
    coder = new_encoder()
    last = (low + high) >> 1
    for row in range(values.shape[0]):
        for col in range(values.shape[1]):
            if not coded[row, col]:
                continue
            _foresee(values, known, errors, row, col, last, step, found)
            guess, group = int(found[0]), int(found[1])
            difference = int(values[row, col]) - guess
            size = (abs(difference) + (step >> 1)) // step
            place = _ERROR + SUMS * group + int(found[2])
            encode_bit(coder, out, probabilities, place, 1 if size > 0 else 0, ADAPTATION)
            error = 0
            if size > 0:
                negative = 1 if difference < 0 else 0
                place = _SIGN + int(found[3])
                encode_bit(coder, out, probabilities, place, negative, ADAPTATION)
                log = 0
                while (size >> (log + 1)) > 0:
                    log += 1
                for k in range(log):
                    place = _LOG + (LARGEST_LOG + 1) * group + k
                    encode_bit(coder, out, probabilities, place, 1, ADAPTATION)
                if log < LARGEST_LOG:
                    place = _LOG + (LARGEST_LOG + 1) * group + log
                    encode_bit(coder, out, probabilities, place, 0, ADAPTATION)
                for k in range(log - 1, -1, -1):
                    place = _BITS + LARGEST_LOG * log + k
                    encode_bit(coder, out, probabilities, place, (size >> k) & 1, ADAPTATION)
                error = -size if negative else size
            restored = min(max(guess + error * step, low), high)
            values[row, col] = restored
            errors[row, col] = error
            known[row, col] = True
            last = restored
    return finish(coder, out)


@compiled
def _decode(
    data: NDArray[np.uint8],
    values: NDArray[np.int32],
    coded: NDArray[np.bool_],
    known: NDArray[np.bool_],
    step: int,
    low: int,
    high: int,
) -> int:
    """Fill `values` where `coded`; the bytes that were taken, those missing counted."""
    probabilities = np.full(_CONTEXTS, WHOLE // 2, dtype=np.int64)
    errors = np.zeros(values.shape, dtype=np.int32)
    found = np.zeros(4, dtype=np.int64)
    coder = new_decoder(data)
    last = (low + high) >> 1
    for row in range(values.shape[0]):
        for col in range(values.shape[1]):
            if not coded[row, col]:
                continue
            _foresee(values, known, errors, row, col, last, step, found)
            guess, group = int(found[0]), int(found[1])
            place = _ERROR + SUMS * group + int(found[2])
            error = 0
            if decode_bit(coder, data, probabilities, place, ADAPTATION) != 0:
                place = _SIGN + int(found[3])
                negative = decode_bit(coder, data, probabilities, place, ADAPTATION)
                log = 0
                while log < LARGEST_LOG:
                    place = _LOG + (LARGEST_LOG + 1) * group + log
                    if decode_bit(coder, data, probabilities, place, ADAPTATION) == 0:
                        break
                    log += 1
                size = 1
                for k in range(log - 1, -1, -1):
                    place = _BITS + LARGEST_LOG * log + k
                    size = 2 * size + decode_bit(coder, data, probabilities, place, ADAPTATION)
                error = -size if negative != 0 else size
            restored = min(max(guess + error * step, low), high)
            values[row, col] = restored
            errors[row, col] = error
            known[row, col] = True
            last = restored
    return taken(coder)


def open_blocks(background: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks, shape (ceil(rows / 8), ceil(columns / 8)), that hold more than background."""
    return ~whole_blocks(background, SIDE)


def area_of(flags: NDArray[np.bool_], rows: int, cols: int) -> NDArray[np.bool_]:
    """Pixels, shape (rows, cols), of the blocks that are flagged."""
    return np.ascontiguousarray(flags.repeat(SIDE, axis=0).repeat(SIDE, axis=1)[:rows, :cols])


def encode_flags(flags: NDArray[np.bool_], open_: NDArray[np.bool_]) -> bytes:
    """Encode which blocks are coded as pixels; those not in `open_` never are."""
    out = np.empty(2 * flags.size + SPARE_BYTES, dtype=np.uint8)
    size = _encode_flags((flags & open_).astype(np.uint8), open_, out)
    return out[1:size].tobytes().rstrip(b"\0")


def decode_flags(data: bytes, open_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Decode `encode_flags`'s bytes, or anything else.

    Raises
    ------
    CorruptError
        The stream breaks the rules of the range coder.
    """
    flags = np.zeros(open_.shape, dtype=np.uint8)
    _check(data, "flags", bool(open_.any()))
    if len(data) > _decode_flags(np.frombuffer(data, dtype=np.uint8), open_, flags):
        raise CorruptError("pixel blocks: bytes behind the flags; get a new copy of the file")
    return flags.astype(np.bool_)


def encode_pixels(
    stored: NDArray[np.int32],
    coded: NDArray[np.bool_],
    background: NDArray[np.bool_],
    step: int,
    low: int,
    high: int,
) -> bytes:
    """Encode the pixels of one tile.

    Parameters
    ----------
    stored : ndarray of int32, shape (rows, columns)
        Stored values, within `low` to `high` where `coded`.
    coded, background : ndarray of bool, same shape
        Pixels to code; and those whose value is known, none of them coded.
    step : int
        1 to 65535.  No pixel is off by more than half of it, rounded down.
    low, high : int
        Range of the image's values.

    Returns
    -------
    bytes
        Nothing where nothing is coded.
    """
    values = np.array(stored, dtype=np.int32, order="C")
    out = np.empty(int(np.count_nonzero(coded)) * _MOST * 2 + SPARE_BYTES, dtype=np.uint8)
    pixels = np.ascontiguousarray(coded)
    size = _encode(values, pixels, np.array(background, order="C"), step, low, high, out)
    return out[1:size].tobytes().rstrip(b"\0")


def decode_pixels(
    data: bytes,
    values: NDArray[np.int32],
    coded: NDArray[np.bool_],
    background: NDArray[np.bool_],
    step: int,
    low: int,
    high: int,
) -> NDArray[np.int32]:
    """Decode `encode_pixels`'s bytes, or anything else; `values` elsewhere stay as they are.

    Raises
    ------
    CorruptError
        The stream breaks the rules of the range coder.
    """
    _check(data, "values", bool(coded.any()))
    out = np.array(values, dtype=np.int32, order="C")
    pixels, known = np.ascontiguousarray(coded), np.array(background, order="C")
    stream = np.frombuffer(data, dtype=np.uint8)
    if len(data) > _decode(stream, out, pixels, known, step, low, high):
        raise CorruptError("pixel blocks: bytes behind the values; get a new copy of the file")
    return out


def _check(data: bytes, what: str, any_decision: bool) -> None:
    if data.endswith(b"\0") or data.startswith(IMPOSSIBLE_START) or (data and not any_decision):
        raise CorruptError(f"pixel blocks: the {what} are not valid; get a new copy of the file")
