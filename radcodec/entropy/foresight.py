"""Latents that cost fewer bits than they are worth, as mixing of contexts will count them.

`economy` counts bits by tables, and takes what lies around a position as it is.  Here the
chances are those by which the coder will code the position, with all that it has learnt from
the tile until there, and what a change does to the chances of the next positions counts as
well: a smaller value makes its neighbours cheaper where these are small, and dearer where not.

numba's cache looks only at this file: after a change to a function that it calls remove the
``__pycache__`` of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled, inner
from radcodec.entropy.contexts import predict
from radcodec.entropy.economy import BUSY
from radcodec.entropy.mixing_contexts import BORDER
from radcodec.entropy.mixing_cost import (
    Mixer,
    Tile,
    decide,
    emptiness_costs,
    put,
    see_whether_empty,
    values_cost,
)
from radcodec.entropy.tables import INFORMATION_UNITS, TableSet
from radcodec.quantising.levels import EXCHANGE

#: Bits that a squared error of one step is worth: twice the exchange rate of a uniform
#: quantiser, as measured (docs/experiments.md).
WORTH = 2.0 * EXCHANGE
#: Bits that the next positions may at most make up for: what costs more by itself is not tried.
_MARGIN = 1.5


@inner
def _is_empty(position: NDArray[np.int32]) -> bool:
    total = 0
    for channel in range(len(position)):
        total += abs(position[channel])
    return total == 0


@inner
def _planned_cost(
    tile: Tile,
    mixer: Mixer,
    row: int,
    col: int,
    predicted: bool,
    position: NDArray[np.int32],
    states: NDArray[np.int64],
) -> int:
    """Cost of a position as it is planned; 0 where there is none.  `position` is room."""
    rows, cols, channels = tile.values.shape
    if row >= rows or col < 0 or col >= cols or tile.skip[row, col]:
        return 0
    y, x = row + BORDER, col + BORDER
    for channel in range(channels):
        position[channel] = tile.values[row, col, channel]
    if predicted:
        position[0] -= predict(tile.plane, row, col)
    empty_cost, full_cost = emptiness_costs(tile, mixer, y, x)
    if _is_empty(position):
        return empty_cost
    return full_cost + values_cost(tile, mixer, y, x, position, 0, states, False)


@inner
def _next_cost(
    tile: Tile,
    mixer: Mixer,
    row: int,
    col: int,
    predicted: bool,
    position: NDArray[np.int32],
    states: NDArray[np.int64],
) -> int:
    """Cost of the four next positions that see this one."""
    cost = _planned_cost(tile, mixer, row, col + 1, predicted, position, states)
    for beside in range(-1, 2):
        cost += _planned_cost(tile, mixer, row + 1, col + beside, predicted, position, states)
    return cost


@inner
def _settle(
    tile: Tile,
    mixer: Mixer,
    row: int,
    col: int,
    prediction: int,
    predicted: bool,
    worth: float,
    position: NDArray[np.int32],
    exact: NDArray[np.float32],
    other: NDArray[np.int32],
    states: NDArray[np.int64],
    others: NDArray[np.int64],
) -> None:
    """Lower the magnitudes of one position, one by one, while that pays; all at once at last.

    `other` and `others` are room.
    """
    channels = len(position)
    margin = _MARGIN * INFORMATION_UNITS
    y, x = row + BORDER, col + BORDER
    empty_cost, full_cost = emptiness_costs(tile, mixer, y, x)
    cost = full_cost + values_cost(tile, mixer, y, x, position, 0, states, False)
    put(tile, row, col, prediction, position)
    behind = _next_cost(tile, mixer, row, col, predicted, other, others)
    while True:
        best_gain = 0.0
        best = -1
        best_behind = behind
        for place in range(channels):
            channel = tile.order[place]
            value = position[channel]
            if value == 0:
                continue
            lower = value - 1 if value > 0 else value + 1
            was = exact[channel] - value
            would = exact[channel] - lower
            loss = worth * (would * would - was * was)
            if loss > cost + margin:
                continue
            position[channel] = lower
            tried = empty_cost
            if not _is_empty(position):
                for number in range(4):
                    others[place, number] = states[place, number]
                tried = full_cost + values_cost(tile, mixer, y, x, position, place, others, False)
            gain = cost - tried - loss
            if gain > -margin:
                put(tile, row, col, prediction, position)
                then = _next_cost(tile, mixer, row, col, predicted, other, others)
                gain += behind - then
                if gain > best_gain:
                    best_gain = gain
                    best = channel
                    best_behind = then
            position[channel] = value
        if best < 0:
            break
        position[best] += -1 if position[best] > 0 else 1
        behind = best_behind
        if _is_empty(position):
            return
        cost = full_cost + values_cost(tile, mixer, y, x, position, 0, states, False)
    error = 0.0
    for channel in range(channels):
        left = exact[channel] - position[channel]
        error += exact[channel] * exact[channel] - left * left
    gain = cost - empty_cost - worth * error
    if gain > -margin:
        for channel in range(channels):
            other[channel] = 0
        put(tile, row, col, prediction, other)
        if gain + behind - _next_cost(tile, mixer, row, col, predicted, other, others) > 0:
            for channel in range(channels):
                position[channel] = 0


@compiled
def _optimise(
    values: NDArray[np.int32],
    highest: NDArray[np.int32],
    exact: NDArray[np.float32],
    skip: NDArray[np.bool_],
    predicted: bool,
    worth: float,
    order: NDArray[np.uint8],
    chances: NDArray[np.uint16],
    sightings: NDArray[np.uint8],
    weights: NDArray[np.int32],
) -> None:
    """Change `values` (h, w, channels), which are a plan, in place."""
    rows, cols, channels = values.shape
    tile = Tile(
        values,
        np.zeros((rows, cols), dtype=np.int32),
        skip,
        order,
        np.zeros((rows + 2 * BORDER, cols + 2 * BORDER, channels), dtype=np.int32),
        np.zeros((rows + 2 * BORDER, cols + 2 * BORDER, channels), dtype=np.int32),
        np.zeros((rows + 2 * BORDER, cols + 2 * BORDER), dtype=np.int32),
    )
    mixer = Mixer(
        chances,
        sightings,
        weights,
        np.zeros(8, dtype=np.int64),
        np.zeros(2, dtype=np.int64),
        np.zeros(11, dtype=np.int64),
    )
    position = np.zeros(channels, dtype=np.int32)
    other = np.zeros(channels, dtype=np.int32)
    wanted = np.zeros(channels, dtype=np.float32)
    states = np.zeros((channels, 4), dtype=np.int64)
    others = np.zeros((channels, 4), dtype=np.int64)
    for row in range(rows):
        for col in range(cols):
            prediction = predict(tile.plane, row, col) if predicted else 0
            if skip[row, col]:
                tile.plane[row, col] = prediction
                continue
            position[:] = values[row, col]
            position[0] -= prediction
            put(tile, row, col, prediction, position)
    for row in range(rows):
        for col in range(cols):
            prediction = predict(tile.plane, row, col) if predicted else 0
            if skip[row, col]:
                tile.plane[row, col] = prediction
                continue
            position[:] = highest[row, col]
            wanted[:] = exact[row, col]
            position[0] -= prediction
            wanted[0] -= prediction
            total = 0
            for channel in range(channels):
                total += abs(position[channel])
            if 0 < total <= BUSY:
                _settle(
                    tile,
                    mixer,
                    row,
                    col,
                    prediction,
                    predicted,
                    worth,
                    position,
                    wanted,
                    other,
                    states,
                    others,
                )
            y, x = row + BORDER, col + BORDER
            empty = _is_empty(position)
            see_whether_empty(tile, mixer, y, x)
            decide(mixer, 1 if empty else 0, True)
            if not empty:
                values_cost(tile, mixer, y, x, position, 0, states, True)
            put(tile, row, col, prediction, position)
            position[0] += prediction
            values[row, col] = position


def foresee(
    q: NDArray[np.int32],
    planned: NDArray[np.int32],
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
    planned : ndarray of int32, same shape
        What it may become: what positions not reached yet are taken to be.
    exact : ndarray of float32, same shape
        Latent in quantiser steps, before rounding.
    skip : ndarray of bool, shape (h, w)
        Positions that are not coded.
    tables : TableSet
        By which the tile is most likely to be coded.
    worth : float
        Bits that a squared error of one step is worth.

    Returns
    -------
    ndarray of int32, shape (channels, h, w)
        No magnitude larger than in `q`, that of channel 0 taken from its prediction; what is
        skipped is as in `planned`, and so is all where `tables` know nothing of mixing.
    """
    if tables.experience is None:
        return planned
    known = tables.experience.copy()
    values = np.array(planned.transpose(1, 2, 0), dtype=np.int32, order="C")
    _optimise(
        values,
        np.array(q.transpose(1, 2, 0), dtype=np.int32, order="C"),
        np.array(exact.transpose(1, 2, 0), dtype=np.float32, order="C"),
        np.ascontiguousarray(skip, dtype=np.bool_),
        tables.predicted,
        worth * INFORMATION_UNITS,
        tables.order,
        known.chances,
        known.sightings,
        known.weights,
    )
    return np.ascontiguousarray(values.transpose(2, 0, 1))
