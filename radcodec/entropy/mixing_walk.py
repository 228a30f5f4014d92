"""The walk over a tile's latents that coder and decoder have in common (docs/format.md, 8.8).

One function does both, so that they cannot come to differ.  numba's cache looks only at this
file: after a change to a function that it calls remove the ``__pycache__`` of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.contexts import predict
from radcodec.entropy.mixing_model import learn, mixed_chance
from radcodec.entropy.rangecoder import code_chance, finish, new_decoder, new_encoder, taken
from radcodec.entropy.symbols import LARGEST

#: Largest magnitude that counts as it is for contexts.
CLIP = 255
#: Magnitudes from here on go on as a number of their own.
ESCAPE_FROM = 14
#: Unary decisions of a magnitude with chances of their own.
STAGES = 7
#: Most unary decisions of an escape.
MOST_PREFIX = 24
#: Chance of a decision that could as well be the other one.
EVEN = 1 << 15
#: Sums from which on the coarse and the fine scale of contexts go up by one.
COARSE = np.array((1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 60), dtype=np.int64)
FINE = np.array(
    (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 41, 51, 63, 78, 97, 121, 151, 188),
    dtype=np.int64,
)
#: Both scales for sums up to 1023; larger ones are as the last.
_COARSE_OF: NDArray[np.int64] = np.searchsorted(COARSE, np.arange(1024), side="right")
_FINE_OF: NDArray[np.int64] = np.searchsorted(FINE, np.arange(1024), side="right")
#: Where the eight contexts of an unary decision of a magnitude begin in their row.
_MAGNITUDE = np.array((0, 144, 288, 504, 936, 1080, 1224, 2184), dtype=np.int64)
#: Contexts in a row.
CONTEXTS = 2184 + 576
#: What `walk` returns for a stream that it cannot decode.
TOO_LARGE = -1


def rows_of(channels: int) -> int:
    """Rows of chances: emptiness, magnitudes by stage and place, signs and escapes by place."""
    return 1 + (STAGES + 2) * channels


def sets_of(channels: int) -> int:
    """Sets of weights: one for each row, and those chosen by what lies around."""
    return rows_of(channels) + 12 + STAGES * 24 + 2 * channels


@compiled
def _coarse(amount: int) -> int:
    return int(_COARSE_OF[min(amount, 1023)])


@compiled
def _fine(amount: int) -> int:
    return int(_FINE_OF[min(amount, 1023)])


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
    first, second, third = order[0], order[min(1, channels - 1)], order[min(2, channels - 1)]
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
            t_w = totals[y, x - 1]
            t_n = totals[y - 1, x]
            t_nw = totals[y - 1, x - 1]
            t_ne = totals[y - 1, x + 1]
            t_far = totals[y, x - 2] + totals[y - 2, x]
            activity = 2 * t_w + 2 * t_n + t_nw + t_ne
            wide = (
                totals[y - 2, x - 1]
                + totals[y - 2, x + 1]
                + totals[y - 1, x - 2]
                + totals[y - 1, x + 2]
                + t_far
            )
            contexts[0] = (
                (t_w == 0)
                + 2 * (t_n == 0)
                + 4 * (t_nw == 0)
                + 8 * (t_ne == 0)
                + 16 * (totals[y, x - 2] == 0)
                + 32 * (totals[y - 2, x] == 0)
            )
            contexts[1] = 64 + _coarse(activity) * 12 + _coarse(t_far)
            contexts[2] = 208 + _coarse(t_w) * 12 + _coarse(t_n)
            contexts[3] = 352 + _coarse(t_nw + t_ne) * 12 + _coarse(t_w + t_n)
            contexts[4] = (
                496
                + (min(sizes[y, x - 1, first], 2) * 3 + min(sizes[y - 1, x, first], 2)) * 12
                + _coarse(activity >> 1)
            )
            contexts[5] = 604 + _coarse(wide) * 12 + _coarse(activity)
            contexts[6] = (
                748 + (min(t_w, 3) * 4 + min(t_n, 3)) * 16 + min(t_ne, 3) * 4 + min(t_nw, 3)
            )
            contexts[7] = 1004 + _fine(2 * activity + wide)
            sets[0] = 0
            sets[1] = around + _coarse(activity)
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
                behind = order[max(place - 1, 0)]
                ahead = order[min(place + 1, channels - 1)]
                s_w = sizes[y, x - 1, channel]
                s_n = sizes[y - 1, x, channel]
                near = 2 * s_w + 2 * s_n + sizes[y - 1, x - 1, channel]
                near += sizes[y - 1, x + 1, channel]
                far = near + sizes[y, x - 2, channel] + sizes[y - 2, x, channel]
                beside = (
                    sizes[y, x - 1, behind]
                    + sizes[y - 1, x, behind]
                    + sizes[y, x - 1, ahead]
                    + sizes[y - 1, x, ahead]
                )
                expected = _fine(2 * far + beside + (activity >> 3))
                contexts[0] = _MAGNITUDE[0] + _coarse(far) * 12 + _coarse(activity >> 2)
                contexts[1] = _MAGNITUDE[1] + _coarse(near) * 12 + _coarse(so_far)
                contexts[2] = _MAGNITUDE[2] + min(s_w, 5) * 36 + min(s_n, 5) * 6 + min(last, 5)
                contexts[3] = (
                    _MAGNITUDE[3] + (min(last, 5) * 6 + min(before, 5)) * 12 + _coarse(so_far)
                )
                contexts[4] = _MAGNITUDE[4] + _coarse(beside) * 12 + _coarse(activity >> 1)
                contexts[5] = (
                    _MAGNITUDE[5] + _coarse(so_far + (activity >> 2)) * 12 + _coarse(t_far)
                )
                contexts[6] = _MAGNITUDE[6] + expected * 40 + min(so_far, 9) * 4 + min(last, 3)
                contexts[7] = (
                    _MAGNITUDE[7] + _fine(near + 2 * so_far + (activity >> 2)) * 24 + _fine(2 * far)
                )
                # A position that is not empty, and was zero so far, is not so at its end.
                counted = 1 if place == channels - 1 and so_far == 0 else 0
                while counted < ESCAPE_FROM:
                    stage = min(counted, STAGES - 1)
                    number = 1 + stage * channels + place
                    sets[0] = number
                    sets[1] = around + 12 + stage * 24 + expected
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
                    number = 1 + STAGES * channels + place
                    w = signs[y, x - 1, channel] + 1
                    n = signs[y - 1, x, channel] + 1
                    own = signs[y, x, first] + 1
                    contexts[0] = 3 * w + n
                    contexts[1] = 9 + 3 * w + min(size, 3) - 1
                    contexts[2] = 18 + 3 * n + min(size, 3) - 1
                    contexts[3] = 27 + 3 * (signs[y, x, behind] + 1) + own
                    contexts[4] = (
                        36
                        + 9 * (signs[y, x - 1, first] + 1)
                        + 3 * (signs[y - 1, x, first] + 1)
                        + own
                    )
                    contexts[5] = (
                        63 + 9 * (signs[y, x, second] + 1) + 3 * (signs[y, x, third] + 1) + own
                    )
                    contexts[6] = 90 + 3 * w + signs[y - 1, x - 1, channel] + 1
                    contexts[7] = (
                        99
                        + 9 * (signs[y, x, behind] + 1)
                        + 3 * (signs[y, x, order[max(place - 2, 0)]] + 1)
                        + n
                    )
                    sets[0] = number
                    sets[1] = around + 12 + STAGES * 24 + place
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
