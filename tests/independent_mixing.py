"""Section 8.8 of docs/format.md for the independent decoder: latents whose contexts are mixed.

It shares no code with the package.  ``decode_latent`` is the way in; it leaves tiles of Huffman
codes to ``independent_entropy.py``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.independent_entropy import Array, RangeDecoder, decode_tile, need, predict

# Logistic domain.
T = [0, 1, 1, 2, 3, 5, 8, 13, 22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812]
T += [11955, 17625, 24743, 32768, 40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816]
T += [65097, 65269, 65374, 65438, 65476, 65500, 65514, 65523, 65528, 65531, 65533, 65534, 65535]
T += [65535, 65536]


def clamp(v: int, low: int, high: int) -> int:
    """Return what of a range is nearest to a number."""
    return min(max(v, low), high)


def squash(x: int) -> int:
    """Return the chance in 1/65536 for a number of the logistic domain, -3072 to 3071."""
    j, r = (x + 3072) >> 7, (x + 3072) & 127
    return clamp((T[j] * (128 - r) + T[j + 1] * r + 64) >> 7, 24, 65512)


SQUASHED = [squash(x) for x in range(-3072, 3072)]
#: For every chance >> 4, the smallest x with squash(x) >= 16 * (chance >> 4) + 8.
STRETCHED = [min(bisect_left(SQUASHED, 16 * c + 8), 6143) - 3072 for c in range(4096)]


class Mixer(RangeDecoder):
    """Decisions whose chances are mixed of those of eight contexts."""

    def __init__(self, data: bytes, experience: Any) -> None:
        super().__init__(data)
        self.chances, self.sightings, self.weights = (part.tolist() for part in experience)

    def decide(self, row: int, contexts: list[int], *sets: int) -> int:
        """Decode one decision with two sets of weights, and learn from it."""
        chances, sightings = self.chances[row], self.sightings[row]
        s = [*(STRETCHED[chances[k] >> 4] for k in contexts), 256]
        totals = [sum(w * v for w, v in zip(self.weights[i], s, strict=True)) for i in sets]
        x = [clamp(total >> 16, -3072, 3071) for total in totals]
        b = 1 - self.split((self.range >> 16) * squash(sum(x) >> 1))
        for i, domain in zip(sets, x, strict=True):
            e = (65536 * b - squash(domain)) * 8
            moved = [w + ((v * e + 2**17) >> 18) for w, v in zip(self.weights[i], s, strict=True)]
            self.weights[i] = [clamp(w, -(2**20), 2**20) for w in moved]
        for k in contexts:
            c, n = chances[k], sightings[k]
            chances[k] = clamp(c + 2 * (65535 * b - c) // (2 * n + 3), 16, 65519)
            sightings[k] = min(n + 1, 255)
        return b

    def even(self) -> int:
        """Decode one decision with a chance of a half, from which nothing is learned."""
        return 1 - self.split((self.range >> 16) * 32768)


# What lies around.
F_STEPS = [1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 60]
G_STEPS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 41, 51, 63, 78, 97, 121, 151, 188]


def f_of(t: int) -> int:
    """Return F(t)."""
    return bisect_right(F_STEPS, t)


def g_of(t: int) -> int:
    """Return G(t)."""
    return bisect_right(G_STEPS, t)


NEAR = [(-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2)]  # w, n, nw, ne, ww, nn
FURTHER = [(-1, -2), (1, -2), (-2, -1), (2, -1)]


class Walk:
    """The values of a tile, of channel 0 the errors of its prediction."""

    def __init__(self, mixer: Mixer, channels: int) -> None:
        self.mixer, self.channels = mixer, channels
        self.rows = 1 + 9 * channels
        # By column and row, in the order of the scan; of what is missing, all are 0.
        self.values: dict[tuple[int, int], list[int]] = {}
        self.zeros = [0] * channels

    def at(self, x: int, y: int, around: list[tuple[int, int]]) -> list[list[int]]:
        """Return the values of positions around one."""
        return [self.values.get((x + i, y + j), self.zeros) for i, j in around]

    def position(self, x: int, y: int) -> list[int]:
        """Decode a position's values by scan place."""
        around, further = self.at(x, y, NEAR), self.at(x, y, FURTHER)
        m = [[min(abs(v), 255) for v in values] for values in around]
        w, n, nw, ne, ww, nn = amounts = [sum(magnitudes) for magnitudes in m]
        a, f = 2 * w + 2 * n + nw + ne, ww + nn
        g = f + sum(min(abs(v), 255) for values in further for v in values)
        contexts = [
            sum((t == 0) << i for i, t in enumerate(amounts)),
            64 + 12 * f_of(a) + f_of(f),
            208 + 12 * f_of(w) + f_of(n),
            352 + 12 * f_of(nw + ne) + f_of(w + n),
            496 + 12 * (3 * min(m[0][0], 2) + min(m[1][0], 2)) + f_of(a >> 1),
            604 + 12 * f_of(g) + f_of(a),
            748 + 64 * min(w, 3) + 16 * min(n, 3) + 4 * min(ne, 3) + min(nw, 3),
            1004 + g_of(2 * a + g),
        ]
        if self.mixer.decide(0, contexts, 0, self.rows + f_of(a)):
            return self.zeros
        here: list[int] = []
        for k in range(self.channels):
            size = self.magnitude(k, m, a, f, [min(abs(v), 255) for v in here])
            if size == 14:
                size = self.escape(k)
            here.append(size if size == 0 or self.sign(k, size, around, here) else -size)
        self.values[x, y] = here
        return here

    def magnitude(self, k: int, m: list[list[int]], a: int, f: int, here: list[int]) -> int:
        """Decode a magnitude, 14 where an escape follows."""
        total, last, before = sum(here), [0, *here][-1], [0, 0, *here][-2]
        mw, mn, mnw, mne, mww, mnn = (magnitudes[k] for magnitudes in m)
        near = 2 * mw + 2 * mn + mnw + mne
        far = near + mww + mnn
        beside = max(k - 1, 0), min(k + 1, self.channels - 1)
        d = sum(m[i][place] for i in (0, 1) for place in beside)
        x = g_of(2 * far + d + (a >> 3))
        contexts = [
            12 * f_of(far) + f_of(a >> 2),
            144 + 12 * f_of(near) + f_of(total),
            288 + 36 * min(mw, 5) + 6 * min(mn, 5) + min(last, 5),
            504 + 12 * (6 * min(last, 5) + min(before, 5)) + f_of(total),
            936 + 12 * f_of(d) + f_of(a >> 1),
            1080 + 12 * f_of(total + (a >> 2)) + f_of(f),
            1224 + 40 * x + 4 * min(total, 9) + min(last, 3),
            2184 + 24 * g_of(near + 2 * total + (a >> 2)) + g_of(2 * far),
        ]
        i = int(k == self.channels - 1 and total == 0)
        while i < 14:
            j = min(i, 6)
            row = 1 + j * self.channels + k
            if not self.mixer.decide(row, contexts, row, self.rows + 12 + 24 * j + x):
                break
            i += 1
        return i

    def escape(self, k: int) -> int:
        """Decode a magnitude of at least 14."""
        h, number = 0, 1
        row, other = 1 + 8 * self.channels + k, self.rows + 180 + self.channels + k
        while h < 24 and self.mixer.decide(row, [h] * 8, row, other):
            h += 1
        for _ in range(h):
            number = 2 * number + self.mixer.even()
        return number + 13

    def sign(self, k: int, size: int, around: list[list[int]], here: list[int]) -> int:
        """Decode whether a value is positive."""
        w, n, nw = (int(np.sign(values[k])) + 1 for values in around[:3])
        w0, n0 = (int(np.sign(values[0])) + 1 for values in around[:2])
        known = [int(np.sign(v)) + 1 for v in here] + [1] * (self.channels - k)
        s0, s1, s2 = (known[min(i, self.channels - 1)] for i in range(3))
        u, t, y = known[max(k - 1, 0)], known[max(k - 2, 0)], min(size, 3) - 1
        contexts = [
            3 * w + n,
            9 + 3 * w + y,
            18 + 3 * n + y,
            27 + 3 * u + s0,
            36 + 9 * w0 + 3 * n0 + s0,
            63 + 9 * s1 + 3 * s2 + s0,
            90 + 3 * w + nw,
            99 + 9 * u + 3 * t + n,
        ]
        row = 1 + 7 * self.channels + k
        return self.mixer.decide(row, contexts, row, self.rows + 180 + k)


def decode_mixed(
    data: bytes, skip: Array, order: Array, predicted: bool, experience_arrays: Any
) -> Array:
    """Return the quantised latent (channels, h, w) of a tile, given all but its first byte.

    The experience is that of its table set: chances, sightings and weights.
    """
    need(not skip.all() or not data, "bytes where no position is coded")
    mixer = Mixer(data, experience_arrays)
    scan = order.tolist()
    walk = Walk(mixer, len(scan))
    q = np.zeros((len(scan), *skip.shape), dtype=np.int64)
    for y, x in np.ndindex(skip.shape):
        q[0, y, x] = predict(q[0], y, x) if predicted else 0
        if not skip[y, x]:
            q[scan, y, x] += walk.position(x, y)
            need(int(np.abs(q[:, y, x]).max()) <= 2**23, "size of a latent")
    need(len(data) <= mixer.at, "bytes behind the tile")
    return q


def decode_latent(
    data: bytes, skip: Array, tables: Mapping[str, Any], experience: Mapping[str, Array] | None
) -> Array:
    """Return the quantised latent of a tile of either kind (8.3).

    The experience is what `experience.npz` holds, None where the bundle has no such file.
    """
    number = data[0] & 127 if data else 0
    need(len(data) > 0 and number < len(tables["order"]) <= 128, "table set")
    if data[0] < 128:
        return decode_tile(data, skip, dict(tables))
    need(experience is not None, "a tile is mixed, but there is no experience")
    assert experience is not None
    arrays = [experience[f"{name}_{number}"] for name in ("chances", "sightings", "weights")]
    predicted = bool(tables["predicted"][number])
    return decode_mixed(data[1:], skip, tables["order"][number], predicted, arrays)
