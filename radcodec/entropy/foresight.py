"""Latents that cost fewer bits than they are worth, as mixing of contexts will count them.

`economy` counts bits by tables, and takes what lies around a position as it is.  Here the
chances are those by which the coder will code the position, with all that it has learnt from
the tile until there, and what a change does to the chances of the next positions counts as
well: a smaller value makes its neighbours cheaper where these are small, and dearer where not.

numba's cache looks only at this file: after a change to a function that it calls remove the
``__pycache__`` of this folder.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled, inner
from radcodec.entropy.contexts import predict
from radcodec.entropy.economy import BUSY
from radcodec.entropy.mixing_contexts import (
    BORDER,
    CLIP,
    ESCAPE_FROM,
    activity_of,
    far_of,
    see_emptiness,
    see_magnitude,
    see_sign,
    see_stage,
)
from radcodec.entropy.mixing_model import LEARNING, learn, mixed_chance
from radcodec.entropy.rangecoder import CHANCE_BITS
from radcodec.entropy.tables import INFORMATION_UNITS, TableSet
from radcodec.quantising.levels import EXCHANGE

#: Bits that a squared error of one step is worth: twice the exchange rate of a uniform
#: quantiser, as measured (docs/experiments.md).
WORTH = 2.0 * EXCHANGE
#: Bits that the next positions may at most make up for: what costs more by itself is not tried.
_MARGIN = 1.5
_WHOLE = 1 << CHANCE_BITS
#: Cost of a decision of a chance in 1/65536, in 1/1024 bit.
_COST: NDArray[np.int64] = np.rint(
    -INFORMATION_UNITS * np.log2(np.maximum(np.arange(_WHOLE + 1), 1) / _WHOLE)
).astype(np.int64)


class _Mixer(NamedTuple):
    """What the coder knows, and room for what it asks."""

    chances: NDArray[np.uint16]
    sightings: NDArray[np.uint8]
    weights: NDArray[np.int32]
    contexts: NDArray[np.int64]
    sets: NDArray[np.int64]
    said: NDArray[np.int64]


class _Tile(NamedTuple):
    """A tile as it stands: settled so far, and as it is planned from there on.

    The last three have borders as `mixing_walk` has, and another behind the last row.
    """

    values: NDArray[np.int32]
    plane: NDArray[np.int32]
    skip: NDArray[np.bool_]
    order: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    signs: NDArray[np.int32]
    totals: NDArray[np.int32]


@inner
def _put(tile: _Tile, row: int, col: int, prediction: int, position: NDArray[np.int32]) -> None:
    """Let the tile hold a position's values, channel 0 of which is as it is coded."""
    y, x = row + BORDER, col + BORDER
    total = 0
    for channel in range(len(position)):
        value = position[channel]
        size = min(abs(value), CLIP)
        tile.sizes[y, x, channel] = size
        tile.signs[y, x, channel] = (value > 0) - (value < 0)
        total += size
    tile.totals[y, x] = total
    tile.plane[row, col] = position[0] + prediction


@inner
def _emptiness(tile: _Tile, mixer: _Mixer, y: int, x: int) -> int:
    """Chance that a position is empty."""
    activity = activity_of(tile.totals, y, x)
    rows = mixer.chances.shape[0]
    first = tile.order[0]
    see_emptiness(tile.totals, tile.sizes, y, x, first, activity, mixer.contexts, mixer.sets, rows)
    return mixed_chance(mixer.chances, mixer.weights, 0, mixer.contexts, mixer.sets, mixer.said)


@inner
def _decide(mixer: _Mixer, bit: int, learning: bool) -> int:
    """Cost of a decision whose contexts are set."""
    row = mixer.sets[0]
    chance = mixed_chance(mixer.chances, mixer.weights, row, mixer.contexts, mixer.sets, mixer.said)
    if learning:
        learn(
            mixer.chances,
            mixer.sightings,
            mixer.weights,
            row,
            mixer.contexts,
            mixer.sets,
            mixer.said,
            bit,
            LEARNING,
        )
    return int(_COST[chance if bit else _WHOLE - chance])


@inner
def _values_cost(
    tile: _Tile,
    mixer: _Mixer,
    y: int,
    x: int,
    position: NDArray[np.int32],
    start: int,
    states: NDArray[np.int64],
    learning: bool,
) -> int:
    """Cost of the values of a position that is not empty.

    `states` (channels, 4) holds what was found before each place, of which those before `start`
    are as they were; signs of the position are left as they are at its end.
    """
    channels = len(position)
    order = tile.order
    for place in range(channels):
        value = position[order[place]]
        # A place sees the signs of those before it alone.
        tile.signs[y, x, order[place]] = (value > 0) - (value < 0) if place < start else 0
    activity = activity_of(tile.totals, y, x)
    t_far = far_of(tile.totals, y, x)
    so_far, last, before, cost = 0, 0, 0, 0
    if start > 0:
        so_far = int(states[start, 0])
        last = int(states[start, 1])
        before = int(states[start, 2])
        cost = int(states[start, 3])
    for place in range(start, channels):
        states[place, 0] = so_far
        states[place, 1] = last
        states[place, 2] = before
        states[place, 3] = cost
        value = position[order[place]]
        size = abs(value)
        expected = see_magnitude(
            tile.sizes, y, x, order, place, activity, t_far, so_far, last, before, mixer.contexts
        )
        counted = 1 if place == channels - 1 and so_far == 0 else 0
        while counted < ESCAPE_FROM:
            see_stage(counted, place, expected, channels, mixer.sets)
            cost += _decide(mixer, 1 if size > counted else 0, learning)
            if size <= counted:
                break
            counted += 1
        rest = size - ESCAPE_FROM + 1
        while rest > 1:
            # An escape has two decisions a digit, most of them even ones.
            cost += 2 * INFORMATION_UNITS
            rest >>= 1
        if size:
            see_sign(tile.signs, y, x, order, place, size, mixer.contexts, mixer.sets)
            cost += _decide(mixer, 1 if value > 0 else 0, learning)
            tile.signs[y, x, order[place]] = 1 if value > 0 else -1
        size = min(size, CLIP)
        so_far += size
        before = last
        last = size
    return cost


@inner
def _planned_cost(
    tile: _Tile,
    mixer: _Mixer,
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
    chance = _emptiness(tile, mixer, y, x)
    empty = True
    for channel in range(channels):
        position[channel] = tile.values[row, col, channel]
    if predicted:
        position[0] -= predict(tile.plane, row, col)
    for channel in range(channels):
        empty = empty and position[channel] == 0
    if empty:
        return int(_COST[chance])
    return int(_COST[_WHOLE - chance]) + _values_cost(tile, mixer, y, x, position, 0, states, False)


@inner
def _next_cost(
    tile: _Tile,
    mixer: _Mixer,
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
def _is_empty(position: NDArray[np.int32]) -> bool:
    total = 0
    for channel in range(len(position)):
        total += abs(position[channel])
    return total == 0


@inner
def _settle(
    tile: _Tile,
    mixer: _Mixer,
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
    chance = _emptiness(tile, mixer, y, x)
    empty_cost = int(_COST[chance])
    full_cost = int(_COST[_WHOLE - chance])
    cost = full_cost + _values_cost(tile, mixer, y, x, position, 0, states, False)
    _put(tile, row, col, prediction, position)
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
                tried = full_cost + _values_cost(tile, mixer, y, x, position, place, others, False)
            gain = cost - tried - loss
            if gain > -margin:
                _put(tile, row, col, prediction, position)
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
        cost = full_cost + _values_cost(tile, mixer, y, x, position, 0, states, False)
    error = 0.0
    for channel in range(channels):
        left = exact[channel] - position[channel]
        error += exact[channel] * exact[channel] - left * left
    gain = cost - empty_cost - worth * error
    if gain > -margin:
        for channel in range(channels):
            other[channel] = 0
        _put(tile, row, col, prediction, other)
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
    tile = _Tile(
        values,
        np.zeros((rows, cols), dtype=np.int32),
        skip,
        order,
        np.zeros((rows + 2 * BORDER, cols + 2 * BORDER, channels), dtype=np.int32),
        np.zeros((rows + 2 * BORDER, cols + 2 * BORDER, channels), dtype=np.int32),
        np.zeros((rows + 2 * BORDER, cols + 2 * BORDER), dtype=np.int32),
    )
    mixer = _Mixer(
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
            _put(tile, row, col, prediction, position)
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
            _emptiness(tile, mixer, row + BORDER, col + BORDER)
            empty = _is_empty(position)
            _decide(mixer, 1 if empty else 0, True)
            if not empty:
                y, x = row + BORDER, col + BORDER
                _values_cost(tile, mixer, y, x, position, 0, states, True)
            _put(tile, row, col, prediction, position)
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
