"""Quantised latents to tile streams and back.

docs/format.md is the law for what happens here.  Everything is integer arithmetic, so
that encoder and decoder choose the same contexts on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.decoding import LOOK_AHEAD, PROBLEMS, read_tile
from radcodec.entropy.symbols import CLASSES, max_activity, table_offsets
from radcodec.entropy.tables import INFORMATION_UNITS, TableSet
from radcodec.entropy.tokens import (
    Tokens,
    analyse,
    count_into,
    raw_bits,
    sum_over,
    tokens_of,
    write,
)
from radcodec.errors import CorruptError


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
    tile = analyse(q, skip)
    tries = range(len(sets)) if candidates is None else candidates
    # Table sets built together often share a scan order; the tokens depend on it alone.
    tokens: dict[bytes, Tokens] = {}
    best, best_bits = -1, 0
    for index in tries:
        one = sets[index]
        key = one.order.tobytes()
        if key not in tokens:
            tokens[key] = tokens_of(tile, one.order)
        symbols, positions, _ = tokens[key]
        bits = sum_over(one.lengths, symbols, positions, tile.activity, one.class_of)
        if best < 0 or bits < best_bits:
            best, best_bits = index, bits
    if not 0 <= best < 256:
        raise ValueError("there must be 1 to 256 table sets")
    chosen = sets[best]
    bits = best_bits + raw_bits(tile.values, tile.coded)
    out = np.zeros(1 + (bits + 7) // 8, dtype=np.uint8)
    out[0] = best
    write(
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
    end = read_tile(
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
    problem = PROBLEMS.get(end)
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
    tile = analyse(q, skip)
    symbols, positions, _ = tokens_of(tile, tables.order)
    bits = sum_over(tables.lengths, symbols, positions, tile.activity, tables.class_of)
    return int(bits + raw_bits(tile.values, tile.coded))


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
    tile = analyse(q, skip)
    symbols, positions, _ = tokens_of(tile, tables.order)
    units = sum_over(tables.information, symbols, positions, tile.activity, tables.class_of)
    return float(units / INFORMATION_UNITS + raw_bits(tile.values, tile.coded))


def activities(q: NDArray[np.int32], skip: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the activity of every coded position in raster order, shape (coded positions,)."""
    tile = analyse(q, skip)
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
    tile = analyse(q, skip)
    symbols, positions, _ = tokens_of(tile, np.asarray(order, dtype=np.uint8))
    limits = np.arange(max_activity(q.shape[0]) + 1)
    class_of = np.searchsorted(thresholds, limits, side="right").astype(np.uint8)
    if into is None:
        into = np.zeros((CLASSES, int(table_offsets(q.shape[0])[-1])), dtype=np.int64)
    count_into(into, symbols, positions, tile.activity, class_of)
    return into
