"""What the coder would pay for a position of a tile that mixes contexts, and what it learns.

The costs are those of `mixing_walk`, but that escapes are counted roughly.  numba compiles
these functions into those that call them, and its cache looks only at the caller's file:
after a change here remove the ``__pycache__`` of this folder.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import inner
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
from radcodec.entropy.tables import INFORMATION_UNITS

_WHOLE = 1 << CHANCE_BITS
#: Cost of a decision of a chance in 1/65536, in 1/1024 bit.
_COST: NDArray[np.int64] = np.rint(
    -INFORMATION_UNITS * np.log2(np.maximum(np.arange(_WHOLE + 1), 1) / _WHOLE)
).astype(np.int64)


class Mixer(NamedTuple):
    """What the coder knows, and room for what it asks."""

    chances: NDArray[np.uint16]
    sightings: NDArray[np.uint8]
    weights: NDArray[np.int32]
    contexts: NDArray[np.int64]
    sets: NDArray[np.int64]
    said: NDArray[np.int64]


class Tile(NamedTuple):
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
def put(tile: Tile, row: int, col: int, prediction: int, position: NDArray[np.int32]) -> None:
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
def see_whether_empty(tile: Tile, mixer: Mixer, y: int, x: int) -> None:
    """Set the contexts of the decision whether a position is empty."""
    activity = activity_of(tile.totals, y, x)
    first = tile.order[0]
    see_emptiness(tile.totals, tile.sizes, y, x, first, activity, mixer.contexts, mixer.sets)


@inner
def _chance(mixer: Mixer) -> int:
    """Chance of a 1 of the decision whose contexts are set."""
    row = mixer.sets[0]
    return mixed_chance(mixer.chances, mixer.weights, row, mixer.contexts, mixer.sets, mixer.said)


@inner
def emptiness_costs(tile: Tile, mixer: Mixer, y: int, x: int) -> tuple[int, int]:
    """Cost of saying that a position is empty, and of saying that it is not."""
    see_whether_empty(tile, mixer, y, x)
    chance = _chance(mixer)
    return int(_COST[chance]), int(_COST[_WHOLE - chance])


@inner
def decide(mixer: Mixer, bit: int, learning: bool) -> int:
    """Cost of a decision whose contexts are set; the mixer learns from it if `learning`."""
    chance = _chance(mixer)
    if learning:
        learn(
            mixer.chances,
            mixer.sightings,
            mixer.weights,
            mixer.sets[0],
            mixer.contexts,
            mixer.sets,
            mixer.said,
            bit,
            LEARNING,
        )
    return int(_COST[chance if bit else _WHOLE - chance])


@inner
def values_cost(
    tile: Tile,
    mixer: Mixer,
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
            cost += decide(mixer, 1 if size > counted else 0, learning)
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
            cost += decide(mixer, 1 if value > 0 else 0, learning)
            tile.signs[y, x, order[place]] = 1 if value > 0 else -1
        size = min(size, CLIP)
        so_far += size
        before = last
        last = size
    return cost
