"""Contexts of the decisions of a latent position (docs/format.md, 8.8).

The coder and the encoder's search for cheaper latents have them in common.  numba compiles
these functions into those that call them, and its cache looks only at the caller's file:
after a change here remove the ``__pycache__`` of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import inner

#: Largest magnitude that counts as it is for contexts.
CLIP = 255
#: Magnitudes from here on go on as a number of their own.
ESCAPE_FROM = 14
#: Unary decisions of a magnitude with chances of their own.
STAGES = 7
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
#: Rows and columns before and behind a tile that stand for what is outside it.
BORDER = 2


@inner
def rows_of(channels: int) -> int:
    """Rows of chances: emptiness, magnitudes by stage and place, signs and escapes by place."""
    return 1 + (STAGES + 2) * channels


def sets_of(channels: int) -> int:
    """Sets of weights: one for each row, and those chosen by what lies around."""
    return rows_of(channels) + 12 + STAGES * 24 + 2 * channels


@inner
def _coarse(amount: int) -> int:
    return int(_COARSE_OF[min(amount, 1023)])


@inner
def _fine(amount: int) -> int:
    return int(_FINE_OF[min(amount, 1023)])


@inner
def activity_of(totals: NDArray[np.int32], y: int, x: int) -> int:
    """Weighted sum of the magnitudes at the four nearest positions."""
    return int(
        2 * totals[y, x - 1] + 2 * totals[y - 1, x] + totals[y - 1, x - 1] + totals[y - 1, x + 1]
    )


@inner
def far_of(totals: NDArray[np.int32], y: int, x: int) -> int:
    """Sum of the magnitudes two to the left and two above."""
    return int(totals[y, x - 2] + totals[y - 2, x])


@inner
def see_emptiness(
    totals: NDArray[np.int32],
    sizes: NDArray[np.int32],
    y: int,
    x: int,
    first: int,
    activity: int,
    contexts: NDArray[np.int64],
    sets: NDArray[np.int64],
) -> None:
    """Set contexts and weights of the decision whether a position is empty.

    Parameters
    ----------
    totals : ndarray of int32, shape (h + border, w + borders)
        Sums of the magnitudes of positions.
    sizes : ndarray of int32, shape (h + border, w + borders, channels)
        Magnitudes, up to `CLIP`.
    y, x : int
        The position, borders counted.
    first : int
        Channel that comes first in the scan.
    activity : int
        `activity_of` the position.
    contexts : ndarray of int64, shape (8,)
        Gets columns of the row of chances.
    sets : ndarray of int64, shape (2,)
        Gets rows of weights.
    """
    t_w = totals[y, x - 1]
    t_n = totals[y - 1, x]
    t_nw = totals[y - 1, x - 1]
    t_ne = totals[y - 1, x + 1]
    t_far = far_of(totals, y, x)
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
    contexts[6] = 748 + (min(t_w, 3) * 4 + min(t_n, 3)) * 16 + min(t_ne, 3) * 4 + min(t_nw, 3)
    contexts[7] = 1004 + _fine(2 * activity + wide)
    sets[0] = 0
    sets[1] = rows_of(sizes.shape[2]) + _coarse(activity)


@inner
def see_magnitude(
    sizes: NDArray[np.int32],
    y: int,
    x: int,
    order: NDArray[np.uint8],
    place: int,
    activity: int,
    t_far: int,
    so_far: int,
    last: int,
    before: int,
    contexts: NDArray[np.int64],
) -> int:
    """Set the contexts of the unary decisions of a magnitude.

    Parameters
    ----------
    sizes, y, x, contexts
        As of `see_emptiness`.
    order : ndarray of uint8, shape (channels,)
        The scan.
    place : int
        In the scan.
    activity, t_far : int
        `activity_of` and `far_of` the position.
    so_far, last, before : int
        Sum of the magnitudes of the places before, and the last two of these.

    Returns
    -------
    int
        What is to be expected, which chooses a set of weights.
    """
    channel = order[place]
    behind = order[max(place - 1, 0)]
    ahead = order[min(place + 1, len(order) - 1)]
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
    contexts[3] = _MAGNITUDE[3] + (min(last, 5) * 6 + min(before, 5)) * 12 + _coarse(so_far)
    contexts[4] = _MAGNITUDE[4] + _coarse(beside) * 12 + _coarse(activity >> 1)
    contexts[5] = _MAGNITUDE[5] + _coarse(so_far + (activity >> 2)) * 12 + _coarse(t_far)
    contexts[6] = _MAGNITUDE[6] + expected * 40 + min(so_far, 9) * 4 + min(last, 3)
    contexts[7] = _MAGNITUDE[7] + _fine(near + 2 * so_far + (activity >> 2)) * 24 + _fine(2 * far)
    return expected


@inner
def see_stage(
    counted: int,
    place: int,
    expected: int,
    channels: int,
    sets: NDArray[np.int64],
) -> None:
    """Set the row and the weights of the decision whether a magnitude is above `counted`."""
    stage = min(counted, STAGES - 1)
    sets[0] = 1 + stage * channels + place
    sets[1] = rows_of(channels) + 12 + stage * 24 + expected


@inner
def see_sign(
    signs: NDArray[np.int32],
    y: int,
    x: int,
    order: NDArray[np.uint8],
    place: int,
    size: int,
    contexts: NDArray[np.int64],
    sets: NDArray[np.int64],
) -> None:
    """Set row, weights and contexts of the sign of a value of a magnitude.

    `signs` is as `sizes` of `see_emptiness`: -1, 0 or 1.
    """
    channels = len(order)
    channel = order[place]
    behind = order[max(place - 1, 0)]
    first, second, third = order[0], order[min(1, channels - 1)], order[min(2, channels - 1)]
    w = signs[y, x - 1, channel] + 1
    n = signs[y - 1, x, channel] + 1
    own = signs[y, x, first] + 1
    contexts[0] = 3 * w + n
    contexts[1] = 9 + 3 * w + min(size, 3) - 1
    contexts[2] = 18 + 3 * n + min(size, 3) - 1
    contexts[3] = 27 + 3 * (signs[y, x, behind] + 1) + own
    contexts[4] = 36 + 9 * (signs[y, x - 1, first] + 1) + 3 * (signs[y - 1, x, first] + 1) + own
    contexts[5] = 63 + 9 * (signs[y, x, second] + 1) + 3 * (signs[y, x, third] + 1) + own
    contexts[6] = 90 + 3 * w + signs[y - 1, x - 1, channel] + 1
    contexts[7] = (
        99 + 9 * (signs[y, x, behind] + 1) + 3 * (signs[y, x, order[max(place - 2, 0)]] + 1) + n
    )
    sets[0] = 1 + STAGES * channels + place
    sets[1] = rows_of(channels) + 12 + STAGES * 24 + place
