"""Residuals: what makes a decoded image exact, or as near to the source as was asked.

docs/format.md, section 8.7, is the law for what happens here.  With a base, which is what
networks gave, it is coded how the source differs from it; without, the whole image is coded.
"""

from __future__ import annotations

import math

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
from radcodec.entropy.residual_bits import new_contexts
from radcodec.entropy.residual_fit import fit
from radcodec.entropy.residual_head import (
    LARGEST_WEIGHT,
    PALETTE_CONTEXTS,
    WEIGHT_CONTEXTS,
    code_palette,
    code_weights,
)
from radcodec.entropy.residual_walk import (
    ACTIVITIES,
    AROUND,
    CONTEXTS,
    MOST_BYTES,
    NEIGHBOURS,
    padded,
    places,
    walk,
)
from radcodec.errors import CorruptError

#: Values in use are listed where, among the middle pixels, there are at most this many of them
#: in each value that could be told apart.
SPARSE = 0.9
#: Share of the pixels beyond those on either side, where values are rare and so have gaps.
TAIL = 0.05
#: Below this share of the whole range in use it does not matter where the gaps are.
FEW = 1 / 16
#: Bytes that palette and weights take at most, apart from those for each listed value.
_HEAD_BYTES = 1 << 17
#: Rounding to the nearest step, see `encode_residual`.
NEAREST = 128
_NO_BASE = np.zeros(0, dtype=np.int32)


def encode_residual(
    stored: NDArray[np.int32],
    base: NDArray[np.int32] | None,
    background: NDArray[np.bool_],
    step: int,
    low: int,
    high: int,
    rounding: int = NEAREST,
) -> tuple[bytes, NDArray[np.int32]]:
    """Encode the pixels of one tile that are not background.

    Parameters
    ----------
    stored : ndarray of int32, shape (rows, columns)
        Stored values, within `low` to `high` outside the background.
    base : ndarray of int32, same shape, or None
        What networks gave; None where they coded nothing.
    background : ndarray of bool, same shape
        Pixels whose value is known, and not coded.
    step : int
        1 to 65535.
    low, high : int
        Range of the image's values, at most 65535 apart.
    rounding : int
        Share of a step in 1/256 by which an error's magnitude is rounded, 64 to `NEAREST`.  By
        default no pixel is off by more than half of the step, rounded down; smaller errors in
        more pixels are coded as none where it is less, for fewer bits.

    Returns
    -------
    bytes
        Nothing where nothing is coded.
    ndarray of int32
        The values that a decoder restores.
    """
    restored = np.array(stored, dtype=np.int32, order="C")
    coded = ~background
    if not coded.any():
        return b"", restored
    palette = _palette_of(stored[coded], step, low, high)
    tile, around = _ranked(restored, palette), _ranked_base(base, palette, low, high)
    if palette is not None:
        tile[background], step = 0, 1
    data = _encode(tile, around, background, palette, step, low, high, rounding)
    restored[coded] = (tile if palette is None else palette[tile])[coded]
    return data, restored


def decode_residual(
    data: bytes,
    base: NDArray[np.int32] | None,
    background: NDArray[np.bool_],
    values_with_background: NDArray[np.int32],
    step: int,
    low: int,
    high: int,
) -> NDArray[np.int32]:
    """Decode `encode_residual`'s bytes, or anything else.

    Parameters
    ----------
    values_with_background : ndarray of int32, shape (rows, columns)
        What the pixels of the background are; no matter elsewhere.
    base, background, step, low, high
        As for `encode_residual`.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        Within `low` to `high` outside the background.

    Raises
    ------
    CorruptError
        The stream breaks the rules of the range coder, or lists no value.
    """
    coded = ~background
    if data.endswith(b"\0") or data.startswith(IMPOSSIBLE_START) or (data and not coded.any()):
        raise CorruptError("residuals: the stream is not valid; get a new copy of the file")
    restored = np.array(values_with_background, dtype=np.int32, order="C")
    if not coded.any():
        return restored
    stream = np.array(bytearray(data), dtype=np.uint8)
    coder = new_decoder(stream)
    used = np.empty(high - low + 2, dtype=np.int32)
    contexts = new_contexts(PALETTE_CONTEXTS)
    count = code_palette(coder, stream, contexts, used, low, high, False)
    if count == 0:
        raise CorruptError("residuals: no value is in use; get a new copy of the file")
    palette = None if count < 0 else used[:count]
    around = _ranked_base(base, palette, low, high)
    tile = np.zeros_like(restored)
    if palette is not None:
        step, low, high = 1, 0, count - 1
    weights = np.zeros(_shape_of_weights(base is not None), dtype=np.int32)
    _code_weights(coder, stream, weights, False)
    _walk(coder, stream, tile, around, background, weights, (step, low, high), False, 0)
    if len(data) > taken(coder):
        raise CorruptError("residuals: bytes behind the values; get a new copy of the file")
    restored[coded] = (tile if palette is None else palette[tile])[coded]
    return restored


def _code_weights(
    coder: NDArray[np.int64], data: NDArray[np.uint8], weights: NDArray[np.int32], encoding: bool
) -> None:
    """Code the weights of all classes, or fill them."""
    kinds = np.zeros(weights.shape[1], dtype=np.int64)
    contexts = new_contexts(WEIGHT_CONTEXTS)
    code_weights(coder, data, contexts, weights, kinds, LARGEST_WEIGHT, 0, encoding)


def _shape_of_weights(has_base: bool) -> tuple[int, int]:
    return ACTIVITIES, len(NEIGHBOURS) + (1 + len(AROUND) if has_base else 0)


def _palette_of(
    values: NDArray[np.int32], step: int, low: int, high: int
) -> NDArray[np.int32] | None:
    """Values in use, ascending, where it pays to list them: with gaps where pixels are many."""
    counts = np.bincount(values - low, minlength=high - low + 1)
    used = (np.flatnonzero(counts) + low).astype(np.int32)
    first, last = np.searchsorted(np.cumsum(counts), [TAIL * len(values), (1 - TAIL) * len(values)])
    density = float(np.count_nonzero(counts[first : last + 1]) * step) / int(last + 1 - first)
    overall = float(len(used) * step) / (high - low + 1)
    density = overall if overall < FEW else density
    if density > SPARSE:
        return None
    out, coder = np.empty(_room_of_list(len(used)), dtype=np.uint8), new_encoder()
    ended = np.append(used, np.int32(high + 1))
    code_palette(coder, out, new_contexts(PALETTE_CONTEXTS), ended, low, high, True)
    return used if 8 * coder[4] < -math.log2(density) * len(values) else None


def _room_of_list(length: int) -> int:
    """Bytes that a list of values takes at most."""
    return 64 * (length + 1) + SPARE_BYTES


def _ranked(values: NDArray[np.int32], palette: NDArray[np.int32] | None) -> NDArray[np.int32]:
    """Places in the palette of values: of the largest there that is no larger, or the first."""
    if palette is None:
        return values.copy()
    found = np.searchsorted(palette, values, side="right") - 1
    return np.maximum(found, 0).astype(np.int32)


def _ranked_base(
    base: NDArray[np.int32] | None, palette: NDArray[np.int32] | None, low: int, high: int
) -> NDArray[np.int32] | None:
    if base is None:
        return None
    return _ranked(np.clip(base, low, high).astype(np.int32), palette)


def _padded_base(
    base: NDArray[np.int32] | None, background: NDArray[np.bool_]
) -> NDArray[np.int32]:
    return _NO_BASE if base is None else padded(base, background).reshape(-1)


def _encode(
    tile: NDArray[np.int32],
    base: NDArray[np.int32] | None,
    background: NDArray[np.bool_],
    palette: NDArray[np.int32] | None,
    step: int,
    low: int,
    high: int,
    rounding: int,
) -> bytes:
    """Encode a tile, in places of the palette where there is one; it becomes what is restored."""
    known = np.ascontiguousarray(background)
    work = padded(tile, known).reshape(-1)
    weights = fit(work, known, _padded_base(base, known), *places(tile.shape[1]))
    used = _NO_BASE if palette is None else np.append(palette, np.int32(high + 1))
    head = _HEAD_BYTES + _room_of_list(len(used)) + (tile.shape[1] + 1) * MOST_BYTES + SPARE_BYTES
    limits = (step, low, high) if palette is None else (1, 0, len(palette) - 1)
    room = 3 * tile.size
    while True:
        out = np.empty(head + room, dtype=np.uint8)
        coder, trial = new_encoder(), tile.copy()
        code_palette(coder, out, new_contexts(PALETTE_CONTEXTS), used, low, high, True)
        _code_weights(coder, out, weights, True)
        if _walk(coder, out, trial, base, known, weights, limits, True, rounding):
            break
        room *= 2
    tile[:] = trial
    size = finish(coder, out)
    return out[1:size].tobytes().rstrip(b"\0")


def _walk(
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
    tile: NDArray[np.int32],
    base: NDArray[np.int32] | None,
    background: NDArray[np.bool_],
    weights: NDArray[np.int32],
    limits: tuple[int, int, int],
    encoding: bool,
    rounding: int,
) -> bool:
    known = np.ascontiguousarray(background)
    around, where = _padded_base(base, known), places(tile.shape[1])
    contexts = new_contexts(CONTEXTS)
    return walk(
        coder, data, contexts, tile, known, around, weights, *where, *limits, encoding, rounding
    )
