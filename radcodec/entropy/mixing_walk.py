"""The walk over a tile's latents that coder and decoder have in common (docs/format.md, 8.8).

One function does both, so that they cannot come to differ.  numba's cache looks only at this
file: after a change to a function that it calls remove the ``__pycache__`` of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.contexts import predict
from radcodec.entropy.mixing_contexts import (
    CLIP,
    ESCAPE_FROM,
    STAGES,
    activity_of,
    far_of,
    see_emptiness,
    see_magnitude,
    see_sign,
    see_stage,
)
from radcodec.entropy.mixing_model import learn, mixed_chance
from radcodec.entropy.rangecoder import code_chance, finish, new_decoder, new_encoder, taken
from radcodec.entropy.symbols import LARGEST

#: Most unary decisions of an escape.
MOST_PREFIX = 24
#: Chance of a decision that could as well be the other one.
EVEN = 1 << 15
#: What `walk` returns for a stream that it cannot decode.
TOO_LARGE = -1


@compiled
def walk(
    values: NDArray[np.int32],
    skip: NDArray[np.bool_],
    stream: NDArray[np.uint8],
    encoding: bool,
    predicted: bool,
    order: NDArray[np.uint8],
    chances: NDArray[np.uint16],
    sightings: NDArray[np.uint8],
    weights: NDArray[np.int32],
    rate: int,
) -> int:
    """Encode `values` into `stream`, or decode `stream` into `values`.

    Parameters
    ----------
    values : ndarray of int32, shape (h, w, channels)
        Quantised latent; zero before decoding.
    skip : ndarray of bool, shape (h, w)
        Positions that are not coded.
    stream : ndarray of uint8
        Room for what is coded; or what was coded, without its first byte.
    encoding : bool
        Which of the two.
    predicted : bool
        Whether channel 0 is coded as the error of a prediction.
    order : ndarray of uint8, shape (channels,)
        The scan.
    chances, sightings : ndarray of uint16 and uint8, shape (rows, CONTEXTS)
        What contexts know; changed.
    weights : ndarray of int32, shape (sets, 9)
        Weights of the mixers; changed.
    rate : int
        How fast these learn.

    Returns
    -------
    int
        Bytes coded, the first of which is to be dropped; bytes taken; or `TOO_LARGE`.
    """
    rows, cols, channels = values.shape
    around = chances.shape[0]
    plane = np.zeros((rows, cols), dtype=np.int32)
    # Two rows above, two columns on the left and right stand for what is outside.
    sizes = np.zeros((rows + 2, cols + 4, channels), dtype=np.int32)
    signs = np.zeros((rows + 2, cols + 4, channels), dtype=np.int32)
    totals = np.zeros((rows + 2, cols + 4), dtype=np.int32)
    contexts = np.zeros(8, dtype=np.int64)
    sets = np.zeros(2, dtype=np.int64)
    said = np.zeros(11, dtype=np.int64)
    coder = new_encoder() if encoding else new_decoder(stream)
    first = order[0]
    for row in range(rows):
        for col in range(cols):
            prediction = predict(plane, row, col) if predicted else 0
            if skip[row, col]:
                plane[row, col] = prediction
                values[row, col, 0] = prediction
                continue
            y = row + 2
            x = col + 2
            total = 0
            if encoding:
                total = min(abs(values[row, col, 0] - prediction), CLIP)
                for channel in range(1, channels):
                    total += min(abs(values[row, col, channel]), CLIP)
            activity = activity_of(totals, y, x)
            t_far = far_of(totals, y, x)
            see_emptiness(totals, sizes, y, x, first, activity, contexts, sets)
            chance = mixed_chance(chances, weights, 0, contexts, sets, said)
            bit = code_chance(coder, stream, chance, 1 if total == 0 else 0, encoding)
            learn(chances, sightings, weights, 0, contexts, sets, said, bit, rate)
            if bit:
                plane[row, col] = prediction
                values[row, col, 0] = prediction
                continue
            so_far = 0
            last = 0
            before = 0
            for place in range(channels):
                channel = order[place]
                value = 0
                if encoding:
                    value = values[row, col, channel]
                    if place == 0:
                        value -= prediction
                size = abs(value)
                expected = see_magnitude(
                    sizes, y, x, order, place, activity, t_far, so_far, last, before, contexts
                )
                # A position that is not empty, and was zero so far, is not so at its end.
                counted = 1 if place == channels - 1 and so_far == 0 else 0
                while counted < ESCAPE_FROM:
                    see_stage(counted, place, expected, channels, sets)
                    number = sets[0]
                    chance = mixed_chance(chances, weights, number, contexts, sets, said)
                    bit = code_chance(coder, stream, chance, 1 if size > counted else 0, encoding)
                    learn(chances, sightings, weights, number, contexts, sets, said, bit, rate)
                    if bit == 0:
                        break
                    counted += 1
                if counted == ESCAPE_FROM:
                    number = 1 + (STAGES + 1) * channels + place
                    sets[0] = number
                    sets[1] = around + 12 + STAGES * 24 + channels + place
                    rest = size - ESCAPE_FROM + 1
                    digits = 0
                    while digits < MOST_PREFIX:
                        for each in range(8):
                            contexts[each] = digits
                        chance = mixed_chance(chances, weights, number, contexts, sets, said)
                        bit = code_chance(
                            coder, stream, chance, 1 if rest >> (digits + 1) else 0, encoding
                        )
                        learn(chances, sightings, weights, number, contexts, sets, said, bit, rate)
                        if bit == 0:
                            break
                        digits += 1
                    found = 1
                    for digit in range(digits - 1, -1, -1):
                        found = 2 * found + code_chance(
                            coder, stream, EVEN, (rest >> digit) & 1, encoding
                        )
                    counted = found + ESCAPE_FROM - 1
                size = counted
                if size:
                    see_sign(signs, y, x, order, place, size, contexts, sets)
                    number = sets[0]
                    chance = mixed_chance(chances, weights, number, contexts, sets, said)
                    bit = code_chance(coder, stream, chance, 1 if value > 0 else 0, encoding)
                    learn(chances, sightings, weights, number, contexts, sets, said, bit, rate)
                    signs[y, x, channel] = 2 * bit - 1
                    value = size if bit else -size
                else:
                    value = 0
                if place == 0:
                    value += prediction
                    plane[row, col] = value
                if abs(value) > LARGEST:
                    return TOO_LARGE
                values[row, col, channel] = value
                clipped = min(size, CLIP)
                sizes[y, x, channel] = clipped
                so_far += clipped
                before = last
                last = clipped
            totals[y, x] = so_far
    return finish(coder, stream) if encoding else taken(coder)
