"""Weights of a filter, fitted to an image by least squares; only encoders need them.

Nothing here has to be exact, as decoders get the rounded weights.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.filter_weights import LARGEST_WEIGHT, encode_weights

#: Powers of two that weights are tried to be multiples of, and what a weight then takes in bits.
SHIFTS = {0: 6.0, 1: 5.0, 2: 4.5, 3: 3.5}
#: Bits of a weight that stays as it was in the class before, of one that changes by one unit,
#: and of each doubling of that.
_SAME, _OTHER, _DOUBLED = 0.7, 2.2, 2.0
#: So many weights, those that matter least, are tried to stay as they were.
_TRIED = 3
#: Bits that a class takes that goes on with the weights of the one before.
CLASS_COST = 0.5
#: Bits that a chunk takes beside its payload, which is hardly ever longer than 127 bytes.
CHUNK_COST = 48
#: Share of an input's square that its weight is held back by, so that flat images have a
#: solution too.
RIDGE = 1e-6


def fit(sums: NDArray[np.float64], worth: float) -> bytes | None:
    """Fit the weights of classes, as many different ones as pay.

    Parameters
    ----------
    sums : ndarray of float64, shape (classes, inputs + 1, inputs + 1)
        Of `walk.products`, in all of the image.
    worth : float
        Bits that a squared error of the whole range in one pixel is worth.

    Returns
    -------
    bytes or None
        Coded weights; None where no filter pays.
    """
    whole = sums + np.tril(sums, -1).transpose(0, 2, 1)
    plain = float(whole[:, -1, -1].sum())
    best, least = None, worth * plain
    for shift, price in SHIFTS.items():
        weights = _simpler(whole, worth, shift, _weights(whole, worth, shift, price))
        left = sum(_error(own, row) for own, row in zip(whole, weights, strict=True))
        coded = encode_weights(weights, shift)
        cost = worth * left + 8 * len(coded) + CHUNK_COST
        if cost < least:
            best, least = coded, cost
    return best


def _error(sums: NDArray[np.float64], weights: NDArray[Any]) -> float:
    """Square error that weights leave."""
    applied = np.append(-np.asarray(weights, dtype=np.float64), 1.0)
    return max(float(applied @ sums @ applied), 0.0)


def _simpler(
    whole: NDArray[np.float64], worth: float, shift: int, weights: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Leave weights as they were in the class before wherever that saves more than it costs."""
    out = np.zeros_like(weights)
    before = np.zeros(weights.shape[1])
    starts = [0, *(np.flatnonzero((np.diff(weights, axis=0) != 0).any(axis=1)) + 1), len(weights)]
    for start, end in pairwise(starts):
        run = _Run(whole[start:end].sum(axis=0), worth, shift, before)
        before = run.sparse(weights[start] != before)
        out[start:end] = before
    return out


class _Run:
    """Classes that share their weights.

    Parameters
    ----------
    sums : ndarray of float64, shape (inputs + 1, inputs + 1)
        Of all of them.
    worth : float
        As of `fit`.
    shift : int
        Weights are multiples of 2**shift.
    before : ndarray of float64, shape (inputs,)
        Weights of the class before.
    """

    def __init__(
        self, sums: NDArray[np.float64], worth: float, shift: int, before: NDArray[np.float64]
    ) -> None:
        self.sums, self.worth, self.shift, self.before = sums, worth, shift, before

    def sparse(self, free: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The weights, of which only some that are `free` are not as before."""
        current = self._solved(free)
        least = self._cost(current)
        found = True
        while found and free.any():
            found = False
            for k in self._idlest(free, current)[:_TRIED]:
                fewer = free.copy()
                fewer[k] = False
                tried = self._solved(fewer)
                cost = self._cost(tried)
                if cost < least:
                    free, current, least, found = fewer, tried, cost, True
                    break
        return current

    def _idlest(self, free: NDArray[np.bool_], weights: NDArray[np.float64]) -> list[int]:
        """The free weights, in the order of what it costs to leave one as before."""
        costs = {}
        for k in np.flatnonzero(free):
            tried = weights.copy()
            tried[k] = self.before[k]
            costs[int(k)] = self._cost(tried)
        return sorted(costs, key=costs.__getitem__)

    def _solved(self, free: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Least squares where all but some weights are as before."""
        found = self.before.copy()
        if free.any():
            fixed = np.append(np.where(free, 0.0, -self.before), 1.0)
            normal = self.sums[:-1, :-1][np.ix_(free, free)]
            wanted = (self.sums[:-1] @ fixed)[free]
            whole = np.block([[normal, wanted[:, None]], [wanted, np.zeros(1)]])
            found[free] = _solved(whole[None], self.shift)[0]
        return found

    def _cost(self, weights: NDArray[np.float64]) -> float:
        """Bits that the weights take, roughly, and what the error is worth."""
        change = np.abs(weights - self.before) / (1 << self.shift)
        bits = np.where(change > 0, _OTHER + _DOUBLED * np.log2(np.maximum(change, 1)), _SAME)
        return self.worth * _error(self.sums, weights) + float(bits.sum())


def _weights(
    whole: NDArray[np.float64], worth: float, shift: int, price: float
) -> NDArray[np.int32]:
    """Weights of all classes, from the sums of each.

    The classes are split into runs that share their weights, by dynamic programming.
    """
    count, inputs = len(whole), whole.shape[1] - 1
    first, last = np.triu_indices(count + 1, 1)
    # Not the differences of sums from the first class on, of which small ones would be noise.
    runs = np.concatenate([whole[start:].cumsum(axis=0) for start in range(count)])
    found = _solved(runs, shift)
    applied = np.concatenate([-found, np.ones((len(runs), 1))], axis=1)
    left = np.einsum("ni,nij,nj->n", applied, runs, applied)
    cost = worth * np.maximum(left, 0.0) + price * inputs + CLASS_COST * (last - first)
    # The first run may do without any weights.
    plain = worth * runs[:, -1, -1] + CLASS_COST * (last - first)
    unfiltered = (first == 0) & (plain <= cost)
    found[unfiltered] = 0
    cost = np.where(unfiltered, plain, cost)
    best, before = np.full(count + 1, np.inf), np.zeros(count + 1, dtype=np.int64)
    best[0] = 0.0
    for end in range(1, count + 1):
        ending = np.flatnonzero(last == end)
        costs = best[first[ending]] + cost[ending]
        before[end] = ending[int(costs.argmin())]
        best[end] = costs.min()
    weights, end = np.zeros((count, inputs), dtype=np.int32), count
    while end > 0:
        run = before[end]
        weights[first[run] : end] = found[run]
        end = int(first[run])
    return weights


def _solved(runs: NDArray[np.float64], shift: int) -> NDArray[np.float64]:
    """Least squares for each run, rounded to multiples of 2**shift."""
    inputs = runs.shape[1] - 1
    normal = runs[:, :inputs, :inputs].copy()
    # Inputs are of very different sizes.
    scale = 1 / np.sqrt(np.diagonal(normal, axis1=1, axis2=2) + 1e-300)
    normal *= scale[:, :, None] * scale[:, None, :]
    normal += RIDGE * np.eye(inputs)
    found = np.linalg.solve(normal, (runs[:, :inputs, inputs] * scale)[:, :, None])[:, :, 0] * scale
    most = LARGEST_WEIGHT >> shift
    return np.rint(np.ldexp(found, -shift)).clip(-most, most) * (1 << shift)
