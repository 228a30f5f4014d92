"""Probabilities by logistic mixing: what many contexts say of a decision, made into one chance.

Each decision has eight contexts.  Each context keeps the chance of a 1 as it has seen it;
two weighted sums in the logistic domain, whose weights learn as they go, mix the eight.
docs/format.md, 8.8, is the law for what happens here.  Everything is integer arithmetic.

numba compiles these functions into those that call them, and its cache looks only at the
caller's file: after a change here remove the ``__pycache__`` of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import inner
from radcodec.entropy.rangecoder import CHANCE_BITS

#: Contexts of a decision; the mixers have one more input, which is constant.
INPUTS = 8
#: Smallest chance of a 1 and of a 0 by which a decision is coded.
SMALLEST_CHANCE = 24
#: Smallest chance that a context keeps.
SMALLEST_KEPT = 16
#: Chances at -12, -11.5 ... 12 in the logistic domain, where a unit is 1/256.
LOGISTIC = np.array(
    (0, 1, 1, 2, 3, 5, 8, 13, 22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971,
     7812, 11955, 17625, 24743, 32768, 40793, 47911, 53581, 57724, 60565, 62428, 63615,
     64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514, 65523, 65528, 65531,
     65533, 65534, 65535, 65535, 65536),
    dtype=np.int64,
)  # fmt: skip
#: Half of the logistic domain.
REACH = 3072
#: Binary places of weights.
WEIGHT_BITS = 16
#: Largest magnitude of a weight.
LARGEST_WEIGHT = 1 << 20
#: Weights that nothing was learnt about.
FIRST_WEIGHT = 1 << 14
#: How fast weights learn: while a file is coded, and in training.
LEARNING, TRAINING = 8, 2
#: Sightings that a context's chance moves by less and less for.
MOST_SIGHTINGS = 255


def _logistic_table() -> NDArray[np.int32]:
    place = np.arange(2 * REACH)
    node, part = place >> 7, place & 127
    values = (LOGISTIC[node] * (128 - part) + LOGISTIC[node + 1] * part + 64) >> 7
    limit = (1 << CHANCE_BITS) - SMALLEST_CHANCE
    table: NDArray[np.int32] = np.clip(values, SMALLEST_CHANCE, limit).astype(np.int32)
    return table


#: Chance for every place x + REACH of the logistic domain.
SQUASH: NDArray[np.int32] = _logistic_table()
#: Place x of the chances 16 i + 8: the smallest whose chance is not less.
STRETCH: NDArray[np.int32] = (
    np.minimum(np.searchsorted(SQUASH, 16 * np.arange(4096) + 8), 2 * REACH - 1) - REACH
).astype(np.int32)


@inner
def mixed_chance(
    chances: NDArray[np.uint16],
    weights: NDArray[np.int32],
    row: int,
    contexts: NDArray[np.int64],
    sets: NDArray[np.int64],
    said: NDArray[np.int64],
) -> int:
    """Chance of a 1; `said` keeps what `learn` needs.

    Parameters
    ----------
    chances : ndarray of uint16, shape (rows, contexts)
        Chance of a 1 in every context.
    weights : ndarray of int32, shape (sets, 9)
        Weights of both mixers.
    row : int
        Row of `chances` that the decision has.
    contexts : ndarray of int64, shape (8,)
        Its contexts, columns of that row.
    sets : ndarray of int64, shape (2,)
        Rows of `weights` that it has.
    said : ndarray of int64, shape (11,)
        Gets the inputs, and then what each mixer makes of them.
    """
    for number in range(INPUTS):
        said[number] = STRETCH[chances[row, contexts[number]] >> 4]
    said[INPUTS] = 256
    for mixer in range(2):
        total = 0
        for number in range(INPUTS + 1):
            total += weights[sets[mixer], number] * said[number]
        said[INPUTS + 1 + mixer] = min(max(total >> WEIGHT_BITS, -REACH), REACH - 1)
    return int(SQUASH[((said[INPUTS + 1] + said[INPUTS + 2]) >> 1) + REACH])


@inner
def learn(
    chances: NDArray[np.uint16],
    sightings: NDArray[np.uint8],
    weights: NDArray[np.int32],
    row: int,
    contexts: NDArray[np.int64],
    sets: NDArray[np.int64],
    said: NDArray[np.int64],
    bit: int,
    rate: int,
) -> None:
    """Let contexts and weights learn from a decision, after `mixed_chance`."""
    for mixer in range(2):
        error = ((bit << CHANCE_BITS) - SQUASH[said[INPUTS + 1 + mixer] + REACH]) * rate
        chosen = sets[mixer]
        for number in range(INPUTS + 1):
            weight = int(weights[chosen, number]) + ((said[number] * error + (1 << 17)) >> 18)
            weights[chosen, number] = min(max(weight, -LARGEST_WEIGHT), LARGEST_WEIGHT)
    certain = (1 << CHANCE_BITS) - 1
    for number in range(INPUTS):
        place = contexts[number]
        seen = int(sightings[row, place])
        chance = int(chances[row, place])
        chance += 2 * (bit * certain - chance) // (2 * seen + 3)
        chances[row, place] = min(max(chance, SMALLEST_KEPT), certain - SMALLEST_KEPT)
        if seen < MOST_SIGHTINGS:
            sightings[row, place] = seen + 1
