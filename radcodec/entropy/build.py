"""Table sets from what was counted in training."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from dahuffman import HuffmanCodec
from numpy.typing import NDArray

from radcodec.entropy.counting import Counts
from radcodec.entropy.rangecoder import WHOLE
from radcodec.entropy.symbols import CLASSES, EMPTY_SYMBOL, SINGLE_SYMBOL, table_offsets
from radcodec.entropy.tables import INFORMATION_UNITS, MAX_LENGTH, TableSet

#: Counts that the classes around lend to a class in all.
BORROWED = 24.0
#: How much less a class lends for every class that it is further away.
DISTANCE_FACTOR = 0.25
#: Counts that every symbol starts with, so that it has a code.
LEAST = 1 / 64
#: Share of a symbol that is never written, so that its code is one of the longest.
NEVER = 2.0**-20
#: Counts that both outcomes of a decision start with.
LEAST_OUTCOMES = 0.4
#: Frequencies are handed to dahuffman as whole numbers with this sum or so.
SCALE = 1 << 30


def huffman_lengths(frequencies: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return code lengths of one table, none above 16.

    Parameters
    ----------
    frequencies : ndarray of float64, shape (symbols,)
        Positive; two symbols or more.

    Returns
    -------
    ndarray of uint8, shape (symbols,)
        Lengths of a complete code.  Where the best code has longer ones, the smallest
        frequencies are raised until it has not.
    """
    scaled = np.maximum(frequencies * (SCALE / frequencies.sum()), 1).astype(np.int64)
    floor = SCALE >> (MAX_LENGTH + 1)
    while True:
        # Naming a symbol as the end of file keeps dahuffman from adding one of its own.
        table = HuffmanCodec.from_frequencies(
            {symbol: int(value) for symbol, value in enumerate(scaled)}, eof=0
        ).get_code_table()
        lengths = np.array([table[symbol][0] for symbol in range(len(scaled))])
        if lengths.max() <= MAX_LENGTH:
            return lengths.astype(np.uint8)
        scaled = np.maximum(scaled, floor)
        floor += floor // 4


def smoothed(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Frequencies from counts, so that what was rare in one class is judged by its neighbours.

    Parameters
    ----------
    counts : ndarray of int64, shape (8, symbols of one table)

    Returns
    -------
    ndarray of float64, same shape
        All positive.
    """
    distance = np.abs(np.subtract.outer(np.arange(CLASSES), np.arange(CLASSES)))
    near = (DISTANCE_FACTOR ** distance.astype(np.float64)) @ counts + LEAST
    lent = BORROWED * near / near.sum(axis=1, keepdims=True)
    result: NDArray[np.float64] = counts + lent + LEAST
    return result


def starting_probabilities(counts: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Return the probabilities of a 0 that decisions start with, in 1/2048.

    Parameters
    ----------
    counts : ndarray of int64, shape (2, 16, 2)
        As in `Counts.decisions`.

    Returns
    -------
    ndarray of uint16, shape (2, 16)
        1 to 2047.
    """
    likely = counts + LEAST_OUTCOMES
    zero = np.rint(WHOLE * likely[..., 0] / likely.sum(axis=-1))
    result: NDArray[np.uint16] = np.clip(zero, 1, WHOLE - 1).astype(np.uint16)
    return result


def build_table_set(
    counts: Counts,
    order: NDArray[np.uint8],
    thresholds: NDArray[np.int32],
    *,
    predicted: bool = True,
) -> TableSet:
    """Build the codes of all contexts.

    Parameters
    ----------
    counts : Counts
        What `count_symbols` returned for `order` and `thresholds`.
    order, thresholds, predicted
        As in `TableSet`; `counts` were taken with the same.

    Returns
    -------
    TableSet
        With `information`.
    """
    offsets = table_offsets(len(order))
    never = [EMPTY_SYMBOL, SINGLE_SYMBOL]
    lengths = np.empty(counts.symbols.shape, dtype=np.uint8)
    information = np.empty(counts.symbols.shape, dtype=np.uint16)
    for start, end in pairwise(offsets):
        frequencies = smoothed(counts.symbols[:, start:end])
        if start == 0:
            frequencies[:, never] = NEVER * frequencies.sum(axis=1, keepdims=True)
        for row in range(CLASSES):
            lengths[row, start:end] = huffman_lengths(frequencies[row])
        bits = -np.log2(frequencies / frequencies.sum(axis=1, keepdims=True))
        information[:, start:end] = np.minimum(np.rint(bits * INFORMATION_UNITS), 65535)
    information[:, never] = 0
    return TableSet(
        np.asarray(order, dtype=np.uint8),
        np.asarray(thresholds, dtype=np.int32),
        lengths,
        starting_probabilities(counts.decisions),
        information,
        predicted,
    )


def choose_order(latents: Iterable[NDArray[np.int32]]) -> NDArray[np.uint8]:
    """Return the scan order of latents: channel 0, then by falling mean magnitude.

    Parameters
    ----------
    latents : iterable of ndarray of int32, shape (channels, h, w)
        At least one.

    Returns
    -------
    ndarray of uint8, shape (channels,)
    """
    sums = sum(np.abs(q.astype(np.int64)).sum(axis=(1, 2)) for q in latents)
    others = 1 + np.argsort(-np.asarray(sums)[1:], kind="stable")
    return np.concatenate([[0], others]).astype(np.uint8)


def choose_thresholds(activities: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return thresholds that give every class about the same information.

    Parameters
    ----------
    activities : ndarray of int32, shape (positions,)
        What `counting.activities` returned.

    Returns
    -------
    ndarray of int32, shape (7,)
        Ascending from 1, so that activity 0 has a class of its own.  The bits of a position
        are taken to grow with the logarithm of its activity, as they do for Laplacians.
    """
    active = np.sort(activities[activities > 0])
    thresholds = [1]
    share = np.cumsum(np.log2(1.0 + active))
    for part in range(1, CLASSES - 1):
        wanted = thresholds[-1] + 1
        if len(active):
            place = np.searchsorted(share, share[-1] * part / (CLASSES - 1))
            wanted = max(wanted, int(active[min(place, len(active) - 1)]))
        thresholds.append(wanted)
    return np.array(thresholds, dtype=np.int32)
