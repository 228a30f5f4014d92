"""Quantised latents to tile streams and back.

docs/format.md is the law for what happens here.  Everything is integer arithmetic, so
that encoder and decoder choose the same contexts on every machine.

Encoding goes in three steps: `_analyse` predicts channel 0 and finds every position's
activity, `_tokens` turns the values into symbols in the scan order of a table set, and
`_write` looks their codes up.  Costs and counts need the first two steps only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.symbols import (
    ACTIVITY_CLIP,
    BASES,
    CATEGORY_OF,
    CLASSES,
    ESCAPE_BASE,
    EXTRA_BITS,
    LARGEST,
    NONZERO,
    max_activity,
    table_offsets,
)
from radcodec.entropy.tables import FAST_BITS, FAST_LENGTH_BITS, INFORMATION_UNITS, TableSet
from radcodec.errors import CorruptError, LimitError

#: Bytes of zeros behind a stream: between two checks for its end the decoder's loop reads a
#: code of 16 bits, an escape of 24 and a sign, and looks four bytes ahead.
LOOK_AHEAD = 16
_TRUNCATED, _TOO_LARGE, _EARLY_END = -1, -2, -3
_PROBLEMS = {
    _TRUNCATED: "the stream ends before its last position",
    _TOO_LARGE: "a value is out of range",
    _EARLY_END: "a block ends where it must not",
}
_FAST_LENGTH = (1 << FAST_LENGTH_BITS) - 1


@dataclass(frozen=True)
class _Analysis:
    """A tile with channel 0 predicted.

    values : int32 (positions, channels), channel 0 as the error of its prediction
    activity : int32 (positions,)
    coded : intp (coded positions,)
    """

    values: NDArray[np.int32]
    activity: NDArray[np.int32]
    coded: NDArray[np.intp]


@compiled
def _predict(plane: NDArray[np.int32], row: int, col: int) -> int:
    """Median edge detection of LOCO-I (ITU-T T.87, 4.1); 0 for the first position."""
    if row == 0:
        return plane[row, col - 1] if col > 0 else 0
    if col == 0:
        return int(plane[row - 1, col])
    left = plane[row, col - 1]
    up = plane[row - 1, col]
    corner = plane[row - 1, col - 1]
    if corner >= max(left, up):
        return int(min(left, up))
    if corner <= min(left, up):
        return int(max(left, up))
    return int(left + up - corner)


@compiled
def _activity(clipped: NDArray[np.int32], row: int, col: int) -> int:
    """Weighted sum over the neighbours; `clipped` has a border above, left and right."""
    return int(
        2 * clipped[row + 1, col]
        + 2 * clipped[row, col + 1]
        + clipped[row, col]
        + clipped[row, col + 2]
    )


@compiled
def _predict_tile(
    values: NDArray[np.int32], skip: NDArray[np.bool_], activity: NDArray[np.int32]
) -> None:
    """Replace channel 0 by its error and fill in the activities; `values` is (h, w, channels)."""
    rows, cols, channels = values.shape
    plane = np.zeros((rows, cols), dtype=np.int32)
    clipped = np.zeros((rows + 1, cols + 2), dtype=np.int32)
    for row in range(rows):
        for col in range(cols):
            prediction = _predict(plane, row, col)
            if skip[row, col]:
                plane[row, col] = prediction
                continue
            plane[row, col] = values[row, col, 0]
            values[row, col, 0] -= prediction
            activity[row, col] = _activity(clipped, row, col)
            total = 0
            for channel in range(channels):
                total += min(abs(values[row, col, channel]), ACTIVITY_CLIP)
            clipped[row + 1, col + 1] = total


@compiled
def _category(magnitude: int) -> int:
    return int(CATEGORY_OF[min(magnitude, ESCAPE_BASE)])


@compiled
def _tokens(
    values: NDArray[np.int32],
    coded: NDArray[np.intp],
    order: NDArray[np.uint8],
    offsets: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return (place among the symbols of a class, position, value or 0) of every token."""
    channels = values.shape[1]
    symbols = np.empty(len(coded) * channels, dtype=np.int32)
    positions = np.empty(len(coded) * channels, dtype=np.int32)
    numbers = np.empty(len(coded) * channels, dtype=np.int32)
    count = 0
    for position in coded:
        start = count
        count += 1
        place = 1
        for scan in range(1, channels):
            value = values[position, order[scan]]
            if value != 0:
                symbols[count] = offsets[place] + (scan - place) * NONZERO
                symbols[count] += _category(abs(value)) - 1
                positions[count] = position
                numbers[count] = value
                count += 1
                place = scan + 1
        if 1 < place < channels:
            symbols[count] = offsets[place + 1] - 1
            positions[count] = position
            numbers[count] = 0
            count += 1
        first = values[position, 0]
        symbols[start] = 2 * _category(abs(first)) + (1 if place == 1 else 0)
        positions[start] = position
        numbers[start] = first
    return symbols[:count], positions[:count], numbers[:count]


@compiled
def _raw_bits(values: NDArray[np.int32], coded: NDArray[np.intp]) -> int:
    bits = 0
    for position in coded:
        for channel in range(values.shape[1]):
            value = values[position, channel]
            if value != 0:
                bits += EXTRA_BITS[_category(abs(value))] + 1
    return bits


@compiled
def _sum_over(
    table: NDArray[np.generic],
    symbols: NDArray[np.int32],
    positions: NDArray[np.int32],
    activity: NDArray[np.int32],
    class_of: NDArray[np.uint8],
) -> int:
    """Sum the entries of `table`, (8, symbols), over the tokens."""
    total = 0
    for token in range(len(symbols)):
        total += table[class_of[activity[positions[token]]], symbols[token]]
    return total


@compiled
def _count_into(
    counts: NDArray[np.int64],
    symbols: NDArray[np.int32],
    positions: NDArray[np.int32],
    activity: NDArray[np.int32],
    class_of: NDArray[np.uint8],
) -> None:
    for token in range(len(symbols)):
        counts[class_of[activity[positions[token]]], symbols[token]] += 1


@compiled
def _write(
    out: NDArray[np.uint8],
    symbols: NDArray[np.int32],
    positions: NDArray[np.int32],
    numbers: NDArray[np.int32],
    activity: NDArray[np.int32],
    class_of: NDArray[np.uint8],
    codes: NDArray[np.uint16],
    lengths: NDArray[np.uint8],
) -> None:
    waiting = 0
    held = 0
    end = 0
    for token in range(len(symbols)):
        row = class_of[activity[positions[token]]]
        symbol = symbols[token]
        waiting = (waiting << np.int64(lengths[row, symbol])) | np.int64(codes[row, symbol])
        held += np.int64(lengths[row, symbol])
        value = int(numbers[token])
        if value != 0:
            category = _category(abs(value))
            extra = int(EXTRA_BITS[category])
            waiting = (waiting << extra) | (abs(value) - int(BASES[category]))
            waiting = (waiting << 1) | (1 if value < 0 else 0)
            held += extra + 1
        while held >= 8:
            held -= 8
            out[end] = (waiting >> held) & 255
            end += 1
        waiting &= (1 << held) - 1
    if held > 0:
        out[end] = (waiting << (8 - held)) & 255


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
def _read(
    data: NDArray[np.uint8],
    end: int,
    values: NDArray[np.int32],
    skip: NDArray[np.bool_],
    order: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    class_of: NDArray[np.uint8],
    fast: NDArray[np.int32],
    limit: NDArray[np.int32],
    delta: NDArray[np.int32],
    ranked: NDArray[np.int32],
) -> int:
    """Fill `values` (h, w, channels) from bit 8 on; the bit after the last, or a problem."""
    rows, cols, channels = values.shape
    clipped = np.zeros((rows + 1, cols + 2), dtype=np.int32)
    plane = np.zeros((rows, cols), dtype=np.int32)
    bit = 8
    for row in range(rows):
        for col in range(cols):
            prediction = _predict(plane, row, col)
            if skip[row, col]:
                plane[row, col] = prediction
                values[row, col, 0] = prediction
                continue
            group = class_of[_activity(clipped, row, col)]
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
                    category = symbol >> 1
                    scan = 0
                elif symbol == offsets[place + 1] - offsets[place] - 1:
                    if place == 1:
                        return _EARLY_END
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
                    return _TRUNCATED
                total += min(abs(value), ACTIVITY_CLIP)
                if scan == 0:
                    value += prediction
                    plane[row, col] = value
                if abs(value) > LARGEST:
                    return _TOO_LARGE
                values[row, col, order[scan]] = value
                if place == 0 and symbol & 1:
                    break
                place = scan + 1
            if bit > end:
                return _TRUNCATED
            clipped[row + 1, col + 1] = total
    return bit


def _analyse(q: NDArray[np.int32], skip: NDArray[np.bool_]) -> _Analysis:
    if q.ndim != 3 or q.size == 0 or skip.shape != q.shape[1:]:
        raise ValueError(f"latent {q.shape} and skip map {skip.shape} do not fit")
    if max(int(q.max()), -int(q.min())) > LARGEST:
        raise LimitError(
            f"latent values must lie within +-{LARGEST}; choose a lower quality"
        )
    values = np.array(q.transpose(1, 2, 0), dtype=np.int32, order="C")
    skip = np.ascontiguousarray(skip, dtype=np.bool_)
    activity = np.zeros(skip.shape, dtype=np.int32)
    _predict_tile(values, skip, activity)
    return _Analysis(
        values.reshape(-1, q.shape[0]), activity.reshape(-1), np.flatnonzero(~skip)
    )


def _tokens_of(
    tile: _Analysis, order: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    if len(order) != tile.values.shape[1]:
        raise ValueError(f"{tile.values.shape[1]} channels, tables for {len(order)}")
    return _tokens(tile.values, tile.coded, order, table_offsets(len(order)))


def encode_tile(
    q: NDArray[np.int32],
    skip: NDArray[np.bool_],
    sets: Sequence[TableSet],
    candidates: Sequence[int] | None = None,
) -> bytes:
    """Encode a tile with the table set that takes the fewest bits.

    Parameters
    ----------
    q : ndarray of int32, shape (channels, h, w)
        Quantised latent, within +-2**23.
    skip : ndarray of bool, shape (h, w)
        Positions that are left out; what `q` holds there is lost.
    sets : sequence of TableSet
        At most 256.
    candidates : sequence of int, optional
        Indices into `sets` that are tried; all by default.

    Returns
    -------
    bytes
        The index of the set, then the bits.

    Raises
    ------
    LimitError
        A latent out of range.
    """
    tile = _analyse(q, skip)
    tries = range(len(sets)) if candidates is None else candidates
    # Table sets built together often share a scan order; the tokens depend on it alone.
    tokens: dict[bytes, tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]] = {}
    best, best_bits = -1, 0
    for index in tries:
        one = sets[index]
        key = one.order.tobytes()
        if key not in tokens:
            tokens[key] = _tokens_of(tile, one.order)
        symbols, positions, _ = tokens[key]
        bits = _sum_over(one.lengths, symbols, positions, tile.activity, one.class_of)
        if best < 0 or bits < best_bits:
            best, best_bits = index, bits
    if not 0 <= best < 256:
        raise ValueError("there must be 1 to 256 table sets")
    chosen = sets[best]
    bits = best_bits + _raw_bits(tile.values, tile.coded)
    out = np.zeros(1 + (bits + 7) // 8, dtype=np.uint8)
    out[0] = best
    _write(
        out[1:],
        *tokens[chosen.order.tobytes()],
        tile.activity,
        chosen.class_of,
        chosen.codes,
        chosen.lengths,
    )
    return out.tobytes()


def decode_tile(
    data: bytes,
    shape: tuple[int, int, int],
    skip: NDArray[np.bool_],
    sets: Sequence[TableSet],
) -> NDArray[np.int32]:
    """Decode a tile.

    Parameters
    ----------
    data : bytes
        What `encode_tile` returned, or anything else.
    shape : tuple of int
        (channels, h, w).
    skip : ndarray of bool, shape (h, w)
        Positions that were left out.
    sets : sequence of TableSet
        The sets of the encoder.

    Returns
    -------
    ndarray of int32, shape (channels, h, w)
        Where `skip`, channel 0 is its prediction and all others are zero.

    Raises
    ------
    CorruptError
        The stream is not what an encoder writes for this shape.
    """
    if skip.shape != tuple(shape[1:]):
        raise ValueError(f"latent {shape} and skip map {skip.shape} do not fit")
    if not data:
        raise CorruptError("latent tile: no bytes; the file is damaged, get a new copy")
    if data[0] >= len(sets):
        raise CorruptError(
            f"latent tile: table set {data[0]} of {len(sets)}; the file is damaged, get a new copy"
        )
    tables = sets[data[0]]
    if tables.channels != shape[0]:
        raise ValueError(f"{shape[0]} channels, tables for {tables.channels}")
    stream = np.frombuffer(data + bytes(LOOK_AHEAD), dtype=np.uint8)
    values = np.zeros((shape[1], shape[2], shape[0]), dtype=np.int32)
    look = tables.decode
    end = _read(
        stream,
        8 * len(data),
        values,
        np.ascontiguousarray(skip, dtype=np.bool_),
        tables.order,
        tables.offsets,
        tables.class_of,
        look.fast,
        look.limit,
        look.delta,
        look.symbols,
    )
    problem = _PROBLEMS.get(end)
    if problem is None and (end + 7) // 8 != len(data):
        problem = "there are bytes behind its last position"
    if problem is None and end % 8 and data[-1] & (0xFF >> end % 8):
        problem = "the last byte is not filled up with zeros"
    if problem is not None:
        raise CorruptError(f"latent tile: {problem}; the file is damaged, get a new copy")
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def cost_bits(q: NDArray[np.int32], skip: NDArray[np.bool_], tables: TableSet) -> int:
    """Return the bits that a tile takes with a table set, without the set's index.

    ``len(encode_tile(q, skip, [tables]))`` is one more than these bits in whole bytes.
    """
    tile = _analyse(q, skip)
    symbols, positions, _ = _tokens_of(tile, tables.order)
    bits = _sum_over(tables.lengths, symbols, positions, tile.activity, tables.class_of)
    return int(bits + _raw_bits(tile.values, tile.coded))


def model_bits(q: NDArray[np.int32], skip: NDArray[np.bool_], tables: TableSet) -> float:
    """Return the bits that a tile would take with an ideal coder of the trained model.

    That is ``-log2`` of the trained probability of every token in its context, and the raw
    bits; what `cost_bits` is above it is the price of whole bits a symbol.

    Raises
    ------
    ValueError
        The table set does not hold its probabilities.
    """
    if tables.information is None:
        raise ValueError("the table set holds no probabilities")
    tile = _analyse(q, skip)
    symbols, positions, _ = _tokens_of(tile, tables.order)
    units = _sum_over(tables.information, symbols, positions, tile.activity, tables.class_of)
    return float(units / INFORMATION_UNITS + _raw_bits(tile.values, tile.coded))


def activities(q: NDArray[np.int32], skip: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the activity of every coded position in raster order, shape (coded positions,)."""
    tile = _analyse(q, skip)
    return tile.activity[tile.coded]


def count_symbols(
    q: NDArray[np.int32],
    skip: NDArray[np.bool_],
    order: NDArray[np.uint8],
    thresholds: NDArray[np.int32],
    into: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Count how often every symbol occurs in every context of a tile.

    Parameters
    ----------
    q, skip : ndarray
        As for `encode_tile`.
    order, thresholds : ndarray
        As in `TableSet`.
    into : ndarray of int64, shape (8, symbols), optional
        Counts to add to, in place.

    Returns
    -------
    ndarray of int64, shape (8, symbols)
        `into`, or new counts.
    """
    tile = _analyse(q, skip)
    symbols, positions, _ = _tokens_of(tile, np.asarray(order, dtype=np.uint8))
    limits = np.arange(max_activity(q.shape[0]) + 1)
    class_of = np.searchsorted(thresholds, limits, side="right").astype(np.uint8)
    if into is None:
        into = np.zeros((CLASSES, int(table_offsets(q.shape[0])[-1])), dtype=np.int64)
    _count_into(into, symbols, positions, tile.activity, class_of)
    return into
