"""Table sets from what was counted in training."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from dahuffman import HuffmanCodec
from numpy.typing import NDArray

from radcodec.entropy.symbols import CLASSES, table_offsets
from radcodec.entropy.tables import INFORMATION_UNITS, MAX_LENGTH, TableSet

#: Counts that the classes around lend to a class in all.
BORROWED = 24.0
#: How much less a class lends for every class that it is further away.
DISTANCE_FACTOR = 0.25
#: Counts that every symbol starts with, so that it has a code.
LEAST = 1 / 64
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


def build_table_set(
    counts: NDArray[np.int64], order: NDArray[np.uint8], thresholds: NDArray[np.int32]
) -> TableSet:
    """Build the codes of all contexts.

    Parameters
    ----------
    counts : ndarray of int64, shape (8, symbols)
        Sum of what `latents.count_symbols` returned for `order` and `thresholds`.
    order, thresholds : ndarray
        As in `TableSet`.

    Returns
    -------
    TableSet
        With `information`.
    """
    offsets = table_offsets(len(order))
    lengths = np.empty(counts.shape, dtype=np.uint8)
    information = np.empty(counts.shape, dtype=np.uint16)
    for start, end in pairwise(offsets):
        frequencies = smoothed(counts[:, start:end])
        for row in range(CLASSES):
            lengths[row, start:end] = huffman_lengths(frequencies[row])
        bits = -np.log2(frequencies / frequencies.sum(axis=1, keepdims=True))
        information[:, start:end] = np.minimum(np.rint(bits * INFORMATION_UNITS), 65535)
    return TableSet(
        np.asarray(order, dtype=np.uint8),
        np.asarray(thresholds, dtype=np.int32),
        lengths,
        information,
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
        What `latents.activities` returned.

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
