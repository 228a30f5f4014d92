"""Latents to tokens, and tokens to costs, counts and bits.

`analyse` predicts channel 0 and finds every position's kind, activity and agreement;
`tokens_of` turns the values of those that are not empty into symbols in a scan order.
Neither depends on the codes, so that many table sets can be tried on the same tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.contexts import category_of, predict_tile
from radcodec.entropy.symbols import (
    BASES,
    EMPTY,
    EXTRA_BITS,
    LARGEST,
    NONZERO,
    SINGLE,
    SINGLE_SYMBOL,
    table_offsets,
)
from radcodec.errors import LimitError

#: Place among the symbols of a class, position, and value (0 where there is none) of each token.
#: A single position has one token, whose symbol is not written.
Tokens = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class Analysis:
    """A tile with channel 0 predicted, or as it is.

    values : int32 (positions, channels), channel 0 as the error of its prediction, if it has one
    activity : int32 (positions,)
    differ : uint8 (positions,), whether the neighbours of channel 0 differ
    kinds : uint8 (positions,)
    coded : intp (coded positions,)
    """

    values: NDArray[np.int32]
    activity: NDArray[np.int32]
    differ: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    coded: NDArray[np.intp]


@compiled
def tokens(
    values: NDArray[np.int32],
    kinds: NDArray[np.uint8],
    coded: NDArray[np.intp],
    order: NDArray[np.uint8],
    offsets: NDArray[np.int64],
) -> Tokens:
    """Return (place among the symbols of a class, position, value or 0) of every token."""
    channels = values.shape[1]
    symbols = np.empty(len(coded) * channels, dtype=np.int32)
    positions = np.empty(len(coded) * channels, dtype=np.int32)
    numbers = np.empty(len(coded) * channels, dtype=np.int32)
    count = 0
    for position in coded:
        if kinds[position] == EMPTY:
            continue
        if kinds[position] == SINGLE:
            symbols[count] = SINGLE_SYMBOL
            positions[count] = position
            numbers[count] = values[position, 0]
            count += 1
            continue
        start = count
        count += 1
        place = 1
        for scan in range(1, channels):
            value = values[position, order[scan]]
            if value != 0:
                symbols[count] = offsets[place] + (scan - place) * NONZERO
                symbols[count] += category_of(abs(value)) - 1
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
        symbols[start] = 2 * category_of(abs(first)) + (1 if place == 1 else 0)
        positions[start] = position
        numbers[start] = first
    return symbols[:count], positions[:count], numbers[:count]


@compiled
def raw_bits(numbers: NDArray[np.int32]) -> int:
    """Return how many extra bits and signs the values of tokens take."""
    bits = 0
    for value in numbers:
        if value != 0:
            bits += EXTRA_BITS[category_of(abs(value))] + 1
    return bits


@compiled
def sum_over(
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
def count_into(
    counts: NDArray[np.int64],
    symbols: NDArray[np.int32],
    positions: NDArray[np.int32],
    activity: NDArray[np.int32],
    class_of: NDArray[np.uint8],
) -> None:
    for token in range(len(symbols)):
        counts[class_of[activity[positions[token]]], symbols[token]] += 1


@compiled
def write(
    out: NDArray[np.uint8],
    symbols: NDArray[np.int32],
    positions: NDArray[np.int32],
    numbers: NDArray[np.int32],
    activity: NDArray[np.int32],
    class_of: NDArray[np.uint8],
    codes: NDArray[np.uint16],
    lengths: NDArray[np.uint8],
) -> None:
    """Write codes and raw bits; a symbol of length 0 has no code."""
    waiting = 0
    held = 0
    end = 0
    for token in range(len(symbols)):
        row = class_of[activity[positions[token]]]
        symbol = symbols[token]
        length = int(np.int64(lengths[row, symbol]))
        if length > 0:
            waiting = (waiting << length) | int(np.int64(codes[row, symbol]))
            held += length
        value = int(numbers[token])
        if value != 0:
            category = category_of(abs(value))
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


def analyse(q: NDArray[np.int32], skip: NDArray[np.bool_], predicted: bool) -> Analysis:
    if q.ndim != 3 or q.size == 0 or skip.shape != q.shape[1:]:
        raise ValueError(f"latent {q.shape} and skip map {skip.shape} do not fit")
    if max(int(q.max()), -int(q.min())) > LARGEST:
        raise LimitError(f"latent values must lie within +-{LARGEST}; choose a lower quality")
    values = np.array(q.transpose(1, 2, 0), dtype=np.int32, order="C")
    skip = np.ascontiguousarray(skip, dtype=np.bool_)
    activity = np.zeros(skip.shape, dtype=np.int32)
    differ, kinds = np.zeros((2, *skip.shape), dtype=np.uint8)
    predict_tile(values, skip, activity, differ, kinds, predicted)
    return Analysis(
        values.reshape(-1, q.shape[0]),
        activity.reshape(-1),
        differ.reshape(-1),
        kinds.reshape(-1),
        np.flatnonzero(~skip),
    )


def tokens_of(tile: Analysis, order: NDArray[np.uint8]) -> Tokens:
    if len(order) != tile.values.shape[1]:
        raise ValueError(f"{tile.values.shape[1]} channels, tables for {len(order)}")
    return tokens(tile.values, tile.kinds, tile.coded, order, table_offsets(len(order)))
