"""Section 8.9 of docs/format.md for the independent decoder: the filter.

It shares no code with the package.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.independent_entropy import Array, ResidualDecoder, Rows, half_octaves, need

#: How many inputs there are of each kind.
KINDS = (12, 9, 3)
PAIRS = [(1, 0), (2, 0), (3, 0), (-2, 1), (-1, 1), (0, 1), (1, 1), (2, 1), (-1, 2), (0, 2), (1, 2)]
PAIRS += [(0, 3)]


def weights_of(data: bytes, refined: bool) -> Rows:
    """Return the weights of the 42 classes, of a whole stream."""
    coder = ResidualDecoder(data)
    weights = read_weights(coder, refined)
    need(len(data) <= coder.at, "bytes behind the weights")
    return weights


def read_weights(coder: Any, refined: bool) -> Rows:
    """Return the weights of the 42 classes."""
    shift = 0
    for _ in range(2):
        shift = 2 * shift + coder.split(coder.range >> 1)
    kinds = [kind for kind, count in enumerate(KINDS[: 3 if refined else 2]) for _ in range(count)]
    weights, row = [], [0] * len(kinds)
    for _ in range(42):
        if coder.decide("any weight differs"):
            for k, kind in enumerate(kinds):
                if coder.decide("differs", kind):
                    sign = -1 if coder.decide("sign", kind) else 1
                    weight = row[k] + sign * (coder.number(f"number {kind}") << shift)
                    row[k] = min(max(weight, -2047), 2047)
        weights.append(list(row))
    return weights


def around(image: Array, y: int, x: int) -> Array:
    """Return what lies `y` rows below and `x` columns to the right of each pixel."""
    rows, cols = image.shape
    return image[np.clip(np.arange(rows) + y, 0, rows - 1)][
        :, np.clip(np.arange(cols) + x, 0, cols - 1)
    ]


def classes_of(f: Array, g: Array | None, places: int) -> Array:
    """Return the class of every pixel."""
    total = np.zeros_like(f)
    for y in (-1, 0, 1):
        for x in (-1, 0, 1):
            total += abs(around(f, y, x + 1) - around(f, y, x - 1))
            total += abs(around(f, y + 1, x) - around(f, y - 1, x))
            total += 0 if g is None else abs(around(f, y, x) - around(g, y, x))
    return np.vectorize(lambda a: min(half_octaves(int(a)), 41))((total << 16) >> places)


def apply(data: bytes, f: Array, g: Array | None, places: int) -> Array:
    """Return the filtered image, `g` being what it was before the refinement."""
    weights = np.array(weights_of(data, g is not None))
    inputs = [(around(f, y, x) + around(f, -y, -x) - 2 * f) << 7 for x, y in PAIRS]
    inputs += [np.full_like(f, 2 ** (places - 1)), (f - 2 ** (places - 1)) << 1]
    inputs += [np.maximum(2 ** (places - k) - f, 0) << k for k in range(1, 8)]
    if g is not None:
        c = g - f
        inputs += [c << 7]
        inputs += [(around(c, 0, -1) + around(c, 0, 1) - 2 * c) << 7]
        inputs += [(around(c, -1, 0) + around(c, 1, 0) - 2 * c) << 7]
    here = weights[classes_of(f, g, places)]
    total = sum(here[:, :, k] * one for k, one in enumerate(inputs))
    return np.clip(f + ((total + 2**14) >> 15), 0, 2**places)
