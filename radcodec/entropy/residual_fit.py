"""Weights of the predictions, fitted by least squares for each tile: encoders only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.residual_walk import ACTIVITIES, PAD, WEIGHT_BITS, activity

LARGEST = (4 << WEIGHT_BITS) - 1


@compiled
def _products(
    work: NDArray[np.int32], known: NDArray[np.bool_], base: NDArray[np.int32], has_base: bool,
    offsets: NDArray[np.int64], around: NDArray[np.int64], stride: int,
) -> NDArray[np.float64]:
    rows, cols = known.shape
    wide = cols + 2 * PAD
    taps, extra = len(offsets), len(around)
    count = taps + (1 + extra if has_base else 0)
    out = np.zeros((ACTIVITIES, count + 2, count + 2))
    x = np.zeros(count + 2)
    for row in range(stride - 1 if rows >= stride else rows - 1, rows, stride):
        for col in range(cols):
            if known[row, col]:
                continue
            at = (PAD + row) * wide + PAD + col
            group = activity(work, at, wide)
            west = work[at - 1]
            for k in range(taps):
                x[k] = work[at + offsets[k]] - west
            if has_base:
                here = base[at]
                x[taps] = here - west
                for k in range(extra):
                    x[taps + 1 + k] = base[at + around[k]] - here
            x[count] = work[at] - west
            x[count + 1] = 1.0
            for i in range(count + 2):
                for j in range(i + 1):
                    out[group, i, j] += x[i] * x[j]
    return out


def fit(
    work: NDArray[np.int32], known: NDArray[np.bool_], base: NDArray[np.int32], has_base: bool,
    offsets: NDArray[np.int64], around: NDArray[np.int64],
) -> NDArray[np.int32]:
    rows, cols = known.shape
    stride = max(1, rows * cols // 250000)
    sums = _products(work, known, base, has_base, offsets, around, stride)
    sums = sums + np.tril(sums, -1).transpose(0, 2, 1)
    count = sums.shape[1] - 2
    everything = sums.sum(axis=0)
    n_all = max(everything[-1, -1], 1)
    prior = everything * (50.0 / n_all)
    weights = np.zeros((ACTIVITIES, count), dtype=np.int32)
    latest = _solve(everything, count)
    current = np.zeros(count, dtype=np.int32)
    for group in range(ACTIVITIES):
        s = sums[group]
        n = s[-1, -1]
        if n > 0:
            # the prior scaled to the class's own energy
            scale = (s[count, count] + 1e-9) / (prior[count, count] * n / 50.0 + 1e-9)
            own = _solve(s + prior * min(scale, 1.0), count)
            gain = n * stride / 2 * (math.log2(_error(s, current, count, n)) - math.log2(_error(s, own, count, n)))
            if gain > 8 * count:
                current = own
        weights[group] = current
    return weights


def _error(s, w, count, n):
    v = np.concatenate([-w / float(1 << WEIGHT_BITS), [1.0]])
    return max(v @ s[: count + 1, : count + 1] @ v, 0) / n + 0.1


def _solve(s, count):
    a = s[:count, :count] + np.eye(count) * (1e-3 * np.trace(s[:count, :count]) / count / 100 + 1e-6)
    w = np.linalg.solve(a, s[:count, count])
    return np.clip(np.rint(w * (1 << WEIGHT_BITS)), -LARGEST, LARGEST).astype(np.int32)
