"""Weights of the predictions, fitted to each tile by least squares; only encoders need them.

Nothing here has to be exact, as decoders get the rounded weights.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.residual_head import LARGEST_WEIGHT
from radcodec.entropy.residual_walk import ACTIVITIES, PAD, WEIGHT_BITS, activity

#: Pixels that a fit looks at: of larger tiles only every second, third... row.
ENOUGH = 250_000
#: The whole tile counts as that many pixels in the fit of each class.
SHARED = 50.0
#: Bits that a weight takes.
WEIGHT_COST = 8
#: Square error that no prediction gets below, from rounding.
LEAST_ERROR = 0.1


@compiled
def _products(
    work: NDArray[np.int32],
    known: NDArray[np.bool_],
    base: NDArray[np.int32],
    neighbours: NDArray[np.int64],
    around: NDArray[np.int64],
    stride: int,
) -> NDArray[np.float64]:
    """Sum products of the inputs, of the wanted value and of 1, for each class."""
    rows, cols = known.shape
    wide = cols + 2 * PAD
    taps = len(neighbours) + (1 + len(around) if len(base) > 0 else 0)
    out = np.zeros((ACTIVITIES, taps + 2, taps + 2))
    x = np.ones(taps + 2)
    for row in range(min(stride, rows) - 1, rows, stride):
        for col in range(cols):
            if known[row, col]:
                continue
            at = (PAD + row) * wide + PAD + col
            group = activity(work, at, wide)
            west = work[at - 1]
            for k in range(len(neighbours)):
                x[k] = work[at + neighbours[k]] - west
            if len(base) > 0:
                here, first = base[at], len(neighbours)
                x[first] = here - west
                for k in range(len(around)):
                    x[first + 1 + k] = base[at + around[k]] - here
            x[taps] = work[at] - west
            for i in range(taps + 2):
                for j in range(i + 1):
                    out[group, i, j] += x[i] * x[j]
    return out


def fit(
    work: NDArray[np.int32],
    known: NDArray[np.bool_],
    base: NDArray[np.int32],
    neighbours: NDArray[np.int64],
    around: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Fit weights for each class of activity that is worth its own.

    Parameters
    ----------
    work, base : ndarray of int32
        Padded tile, and padded base or nothing, read row by row.
    known : ndarray of bool, shape (rows, columns)
        Pixels that are not coded, of which there is at least one other.
    neighbours, around : ndarray of int64
        See `places`.

    Returns
    -------
    ndarray of int32, shape (classes, taps)
        In 1/1024; a class without its own has those of the class before.
    """
    stride = max(1, known.size // ENOUGH)
    lower = _products(work, known, base, neighbours, around, stride)
    sums = lower + np.tril(lower, -1).transpose(0, 2, 1)
    taps = sums.shape[1] - 2
    everything = sums.sum(axis=0)
    everything = everything / max(float(everything[-1, -1]), 1.0)
    weights = np.zeros((ACTIVITIES, taps), dtype=np.int32)
    current = weights[0]
    for group, own in enumerate(sums):
        count = float(own[-1, -1])
        if count > 0:
            energy = own[taps, taps] / count
            shared = min((energy + 1e-9) / (everything[taps, taps] + 1e-9), 1.0)
            found = _solve(own + everything * (SHARED * shared), taps)
            gain = math.log2(_error(own, current) / _error(own, found)) * count * stride / 2
            if gain > WEIGHT_COST * taps:
                current = found
        weights[group] = current
    return weights


def _error(sums: NDArray[np.float64], weights: NDArray[np.int32]) -> float:
    """Mean square error of the predictions of a class."""
    applied = np.append(-weights / float(1 << WEIGHT_BITS), 1.0)
    total = float(applied @ sums[:-1, :-1] @ applied)
    return max(total, 0.0) / float(sums[-1, -1]) + LEAST_ERROR


def _solve(sums: NDArray[np.float64], taps: int) -> NDArray[np.int32]:
    """Least squares, held back a little so that flat tiles have a solution too."""
    normal = sums[:taps, :taps]
    ridge = 1e-5 * float(np.trace(normal)) / taps + 1e-6
    found = np.linalg.solve(normal + ridge * np.eye(taps), sums[:taps, taps])
    whole = np.rint(found * (1 << WEIGHT_BITS))
    weights: NDArray[np.int32] = whole.clip(-LARGEST_WEIGHT, LARGEST_WEIGHT).astype(np.int32)
    return weights
