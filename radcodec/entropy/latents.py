"""Quantised latents to tile streams and back.

docs/format.md is the law for what happens here.  Everything is integer arithmetic, so
that encoder and decoder choose the same contexts on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.damage import check_decisions, damaged
from radcodec.entropy.decisions import decision_units, encode_decisions
from radcodec.entropy.decoding import LOOK_AHEAD, PROBLEMS, read_tile
from radcodec.entropy.mixing import decode_mixed, encode_mixed
from radcodec.entropy.tables import INFORMATION_UNITS, TableSet
from radcodec.entropy.tokens import Analysis, Tokens, analyse, raw_bits, sum_over, tokens_of, write

#: Bytes that the length of a decision stream takes at most, seven bits in each.
LENGTH_BYTES = 4
#: Added to the index of the table set where contexts are mixed.
MIXED = 128


def _length_bytes(length: int) -> bytes:
    """Return a length as LEB128: seven bits a byte, lowest first, the top bit but in the last."""
    out = bytearray()
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes([*out, length])


def _decision_part(data: bytes) -> tuple[int, int]:
    """Return where the decision stream of a tile starts and ends.

    Raises
    ------
    CorruptError
        The length is not written as it must be, or the stream not to be had.
    """
    length, start = 0, 1
    more = True
    while more and start < min(len(data), 1 + LENGTH_BYTES):
        length |= (data[start] & 127) << 7 * (start - 1)
        more = data[start] >= 128
        start += 1
    if more or (data[start - 1] == 0 and start > 2):
        raise damaged("the length of its decisions is not valid")
    if length > len(data) - start:
        raise damaged("the stream ends within its decisions")
    check_decisions(data[start : start + length])
    return start, start + length


def _code_bits(tile: Analysis, tokens: Tokens, tables: TableSet) -> int:
    """Return the bits of the Huffman codes alone."""
    symbols, positions, _ = tokens
    return sum_over(tables.written_lengths, symbols, positions, tile.activity, tables.class_of)


@dataclass(frozen=True)
class _Choice:
    """The table set that suits a tile best, and what that tile is to it.

    Attributes
    ----------
    number : int
        Of the set.
    tables : TableSet
        It.
    tile : Analysis
        The tile, predicted as the set has it.
    tokens : Tokens
        In the set's scan order.
    bits : int
        Of codes and raw bits together.
    """

    number: int
    tables: TableSet
    tile: Analysis
    tokens: Tokens
    bits: int


def _choose(
    q: NDArray[np.int32],
    skip: NDArray[np.bool_],
    sets: Sequence[TableSet],
    candidates: Sequence[int] | None,
) -> _Choice:
    """Choose the set by which Huffman codes take the fewest bits."""
    if not 1 <= len(sets) <= MIXED:
        raise ValueError(f"there must be 1 to {MIXED} table sets")
    tries = range(len(sets)) if candidates is None else candidates
    # Table sets built together often share prediction and scan order; tokens depend on no more.
    tiles: dict[bool, Analysis] = {}
    tokens: dict[tuple[bool, bytes], Tokens] = {}
    # What decisions would cost with probabilities that stay is near enough to choose by, so
    # that they are coded only once.
    best: _Choice | None = None
    best_units = 0
    for number in tries:
        one = sets[number]
        if one.predicted not in tiles:
            tiles[one.predicted] = analyse(q, skip, one.predicted)
        tile = tiles[one.predicted]
        key = (one.predicted, one.order.tobytes())
        if key not in tokens:
            tokens[key] = tokens_of(tile, one.order)
        bits = _code_bits(tile, tokens[key], one) + raw_bits(tokens[key][2])
        units = INFORMATION_UNITS * bits + decision_units(tile, one)
        if best is None or units < best_units:
            best, best_units = _Choice(number, one, tile, tokens[key], bits), units
    if best is None:
        raise ValueError("there must be a table set to try")
    return best


def best_set(
    q: NDArray[np.int32],
    skip: NDArray[np.bool_],
    sets: Sequence[TableSet],
    candidates: Sequence[int] | None = None,
) -> TableSet:
    """Return the table set that suits a tile best; for the arguments see `encode_tile`."""
    return _choose(q, skip, sets, candidates).tables


def encode_tile(
    q: NDArray[np.int32],
    skip: NDArray[np.bool_],
    sets: Sequence[TableSet],
    candidates: Sequence[int] | None = None,
) -> bytes:
    """Encode a tile with the table set that takes the fewest bits.

    Where that set has experience of mixing, contexts are mixed if that is shorter.

    Parameters
    ----------
    q : ndarray of int32, shape (channels, h, w)
        Quantised latent, within +-2**23.
    skip : ndarray of bool, shape (h, w)
        Positions that are left out; what `q` holds there is lost.
    sets : sequence of TableSet
        At most 128.
    candidates : sequence of int, optional
        Indices into `sets` that are tried; all by default.

    Returns
    -------
    bytes
        The index of the set, with `MIXED` added where contexts are mixed; where a position is
        coded, then the mixed decisions, or the decisions with their length and the bits.

    Raises
    ------
    LimitError
        A latent out of range.
    """
    choice = _choose(q, skip, sets, candidates)
    tables, tile = choice.tables, choice.tile
    if not len(tile.coded):
        return bytes([choice.number])
    out = np.zeros((choice.bits + 7) // 8, dtype=np.uint8)
    lengths = tables.written_lengths
    write(out, *choice.tokens, tile.activity, tables.class_of, tables.codes, lengths)
    decisions = encode_decisions(tile, tables)
    head = bytes([choice.number]) + _length_bytes(len(decisions))
    coded = head + decisions + out.tobytes()
    if tables.experience is None:
        return coded
    mixed = encode_mixed(q, skip, tables.order, tables.experience, predicted=tables.predicted)
    return min(bytes([choice.number | MIXED]) + mixed, coded, key=len)


def set_of(data: bytes) -> int:
    """Index of the table set of a tile that `encode_tile` returned."""
    return data[0] & (MIXED - 1)


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
        Where `skip`, channel 0 is its prediction, if it has one, and all others are zero.

    Raises
    ------
    CorruptError
        The stream is not what an encoder writes for this shape.
    """
    if skip.shape != tuple(shape[1:]):
        raise ValueError(f"latent {shape} and skip map {skip.shape} do not fit")
    if not data:
        raise damaged("no bytes")
    if set_of(data) >= len(sets):
        raise damaged(f"table set {set_of(data)} of {len(sets)}")
    tables = sets[set_of(data)]
    if tables.channels != shape[0]:
        raise ValueError(f"{shape[0]} channels, tables for {tables.channels}")
    if data[0] & MIXED:
        if tables.experience is None:
            raise damaged("the model has no experience of mixing")
        return decode_mixed(
            data[1:], shape, skip, tables.order, tables.experience, predicted=tables.predicted
        )
    start, end = (1, 1) if skip.all() else _decision_part(data)
    # A copy, as the bits may start on any byte and zeros must follow them.
    bits = np.frombuffer(data[end:] + bytes(LOOK_AHEAD), dtype=np.uint8)
    values = np.zeros(shape, dtype=np.int32)
    look = tables.decode
    read, taken = read_tile(
        bits,
        8 * (len(data) - end),
        np.frombuffer(data[start:end], dtype=np.uint8),
        tables.decisions.astype(np.int64).reshape(-1),
        values,
        np.ascontiguousarray(skip, dtype=np.bool_),
        tables.predicted,
        tables.order,
        tables.offsets,
        tables.class_of,
        look.fast,
        look.limit,
        look.delta,
        look.symbols,
    )
    problem = PROBLEMS.get(read)
    if problem is None and ((read + 7) // 8 != len(data) - end or end - start > taken):
        problem = "there are bytes behind its last position"
    if problem is None and read % 8 and data[-1] & (0xFF >> read % 8):
        problem = "the last byte is not filled up with zeros"
    if problem is not None:
        raise damaged(problem)
    return values


def cost_bits(q: NDArray[np.int32], skip: NDArray[np.bool_], tables: TableSet) -> int:
    """Return the bits that a tile takes with a table set, without the set's index.

    ``len(encode_tile(q, skip, [tables]))`` is one more than these bits in whole bytes.  The
    decisions, which are coded for this, and their length are in whole bytes.
    """
    tile = analyse(q, skip, tables.predicted)
    if not len(tile.coded):
        return 0
    tokens = tokens_of(tile, tables.order)
    bits = _code_bits(tile, tokens, tables) + raw_bits(tokens[2])
    decisions = encode_decisions(tile, tables)
    return int(bits) + 8 * (len(_length_bytes(len(decisions))) + len(decisions))


def model_bits(q: NDArray[np.int32], skip: NDArray[np.bool_], tables: TableSet) -> float:
    """Return the bits that a tile would take with an ideal coder of the trained model.

    That is ``-log2`` of the trained probability of every decision and every symbol in its
    context, and the raw bits.  What `cost_bits` is above it is the price of whole bits a
    symbol and of padding; it may be below, as the range coder adapts to the tile.

    Raises
    ------
    ValueError
        The table set does not hold its probabilities.
    """
    if tables.information is None:
        raise ValueError("the table set holds no probabilities")
    tile = analyse(q, skip, tables.predicted)
    symbols, positions, numbers = tokens_of(tile, tables.order)
    units = sum_over(tables.information, symbols, positions, tile.activity, tables.class_of)
    units += decision_units(tile, tables)
    return float(units / INFORMATION_UNITS + raw_bits(numbers))
