"""Rate-distortion optimised quantisation: latents that cost fewer bits than they are worth.

Position by position, in the order of coding and in the contexts that the decoder will see,
magnitudes are lowered as long as the bits saved outweigh the error made.  A lone value of 1
in a quiet place costs ten bits and more, which plain rounding knows nothing of.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.contexts import activity_at, category_of, neighbours_differ, predict
from radcodec.entropy.symbols import (
    ACTIVITY_CLIP,
    EXTRA_BITS,
    NONZERO,
)
from radcodec.entropy.tables import INFORMATION_UNITS, TableSet
from radcodec.quantising.levels import EXCHANGE

#: Bits that a squared error of one step is worth.  A uniform quantiser's exchange rate, with
#: which the networks were trained, is 6 / ln 2; 2.8 times that gave the smallest files
#: at equal PSNR (docs/experiments.md), as errors here are not spread evenly.
WORTH = 2.8 * EXCHANGE
#: Positions with a larger sum of magnitudes stay as they are: they have few bits to spare.
BUSY = 40


@compiled
def _units(
    values: NDArray[np.int32],
    group: int,
    context: int,
    order: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lengths: NDArray[np.uint8],
    decisions: NDArray[np.int64],
) -> int:
    """Cost of a position in 1/1024 bit; channel 0 of `values` as it is coded."""
    channels = len(values)
    total = 0
    for channel in range(channels):
        total += abs(values[channel])
    if total == 0:
        return int(decisions[0, context, 0])
    units = int(decisions[0, context, 1])
    first = abs(values[0])
    if total == 1 and first == 1:
        return units + int(decisions[1, context, 0]) + INFORMATION_UNITS
    units += int(decisions[1, context, 1])
    bits = 0
    place = 1
    for scan in range(1, channels):
        size = abs(values[order[scan]])
        if size != 0:
            category = category_of(size)
            symbol = offsets[place] + (scan - place) * NONZERO + category - 1
            bits += int(lengths[group, symbol]) + int(EXTRA_BITS[category]) + 1
            place = scan + 1
    if 1 < place < channels:
        bits += int(lengths[group, offsets[place + 1] - 1])
    category = category_of(first)
    bits += int(lengths[group, 2 * category + (1 if place == 1 else 0)])
    if first != 0:
        bits += int(EXTRA_BITS[category]) + 1
    return units + bits * INFORMATION_UNITS


@compiled
def _settle(
    values: NDArray[np.int32],
    exact: NDArray[np.float32],
    group: int,
    context: int,
    worth: float,
    order: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lengths: NDArray[np.uint8],
    decisions: NDArray[np.int64],
) -> None:
    """Lower the magnitudes of one position, one by one, while that pays; all at once at last."""
    channels = len(values)
    units = _units(values, group, context, order, offsets, lengths, decisions)
    while True:
        best_gain = 0.0
        best = -1
        best_units = units
        for channel in range(channels):
            value = values[channel]
            if value == 0:
                continue
            lower = value - 1 if value > 0 else value + 1
            before = exact[channel] - value
            after = exact[channel] - lower
            values[channel] = lower
            tried = _units(values, group, context, order, offsets, lengths, decisions)
            values[channel] = value
            gain = (units - tried) - worth * (after * after - before * before)
            if gain > best_gain:
                best_gain = gain
                best = channel
                best_units = tried
        if best < 0:
            break
        values[best] += -1 if values[best] > 0 else 1
        units = best_units
    error = 0.0
    for channel in range(channels):
        value = values[channel]
        left = exact[channel] - value
        error += exact[channel] * exact[channel] - left * left
    if units - decisions[0, context, 0] > worth * error:
        for channel in range(channels):
            values[channel] = 0


@compiled
def _optimise(
    values: NDArray[np.int32],
    exact: NDArray[np.float32],
    skip: NDArray[np.bool_],
    predicted: bool,
    worth: float,
    order: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    class_of: NDArray[np.uint8],
    lengths: NDArray[np.uint8],
    decisions: NDArray[np.int64],
) -> None:
    """Change `values` (h, w, channels) in place."""
    rows, cols, channels = values.shape
    plane = np.zeros((rows, cols), dtype=np.int32)
    clipped = np.zeros((rows + 1, cols + 2), dtype=np.int32)
    position = np.empty(channels, dtype=np.int32)
    wanted = np.empty(channels, dtype=np.float32)
    for row in range(rows):
        for col in range(cols):
            prediction = predict(plane, row, col) if predicted else 0
            if skip[row, col]:
                plane[row, col] = prediction
                continue
            position[:] = values[row, col]
            wanted[:] = exact[row, col]
            position[0] -= prediction
            wanted[0] -= prediction
            total = 0
            for channel in range(channels):
                total += abs(position[channel])
            if 0 < total <= BUSY:
                group = int(class_of[activity_at(clipped, row, col)])
                context = 2 * group + neighbours_differ(plane, row, col)
                _settle(position, wanted, group, context, worth, order, offsets, lengths, decisions)
            amount = 0
            for channel in range(channels):
                amount += min(abs(position[channel]), ACTIVITY_CLIP)
            clipped[row + 1, col + 1] = amount
            position[0] += prediction
            plane[row, col] = position[0]
            values[row, col] = position


def economise(
    q: NDArray[np.int32],
    exact: NDArray[np.float32],
    skip: NDArray[np.bool_],
    tables: TableSet,
    worth: float = WORTH,
) -> NDArray[np.int32]:
    """Lower magnitudes where the bits saved outweigh the error.

    Parameters
    ----------
    q : ndarray of int32, shape (channels, h, w)
        Quantised latent.
    exact : ndarray of float32, same shape
        Latent in quantiser steps, before rounding.
    skip : ndarray of bool, shape (h, w)
        Positions that are not coded.
    tables : TableSet
        By which bits are counted.
    worth : float
        Bits that a squared error of one step is worth.

    Returns
    -------
    ndarray of int32, shape (channels, h, w)
        No magnitude larger than in `q`, that of channel 0 taken from its prediction.
    """
    values = np.array(q.transpose(1, 2, 0), dtype=np.int32, order="C")
    _optimise(
        values,
        np.array(exact.transpose(1, 2, 0), dtype=np.float32, order="C"),
        np.ascontiguousarray(skip, dtype=np.bool_),
        tables.predicted,
        worth * INFORMATION_UNITS,
        tables.order,
        tables.offsets,
        tables.class_of,
        tables.lengths,
        tables.decision_information,
    )
    return np.ascontiguousarray(values.transpose(2, 0, 1))
