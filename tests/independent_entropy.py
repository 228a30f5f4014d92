"""Section 8 of docs/format.md for the independent decoder: streams of bits to numbers.

It shares no code with the package.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # NumPy arrays; the document says of what
Rows = list[list[int]]


class Refused(Exception):
    """The file breaks a rule of the format."""


def need(holds: bool, rule: str) -> None:
    """Refuse the file unless a rule holds."""
    if not holds:
        raise Refused(rule)


# 8.4: range coder.
class RangeDecoder:
    """Adaptive binary decisions, as in LZMA but with an adaptation of 1/16 or 1/32."""

    def __init__(self, data: bytes, adaptation: int = 0) -> None:
        need(not data.endswith(b"\0"), "decisions end in zero")
        need(not data.startswith(b"\xff" * 4), "decisions start as none can")
        self.data, self.adaptation, self.at, self.range = data, adaptation, 4, 2**32 - 1
        self.code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def split(self, bound: int) -> int:
        """Decode one decision, given the part of the range that stands for 0."""
        one = self.code >= bound
        self.code -= bound if one else 0
        self.range = self.range - bound if one else bound
        while self.range < 2**24:
            self.code = self.code << 8 | int.from_bytes(self.data[self.at : self.at + 1], "big")
            self.range, self.at = self.range << 8, self.at + 1
        return int(one)

    def bit(self, probabilities: list[int], context: int) -> int:
        """Decode one decision; probabilities are of 0, in 1/2048."""
        p = probabilities[context]
        one = self.split((self.range >> 11) * p)
        probabilities[context] += -(p >> self.adaptation) if one else (2048 - p) >> self.adaptation
        return one


# 8.1 to 8.3: tiles of latents.
class Bits:
    """Bits of a stream, most significant first."""

    def __init__(self, data: bytes) -> None:
        self.text, self.at = "".join(f"{byte:08b}" for byte in data), 0

    def take(self, count: int) -> str:
        """Return the next bits as digits."""
        self.at += count
        need(self.at <= len(self.text), "the tile ends early")
        return self.text[self.at - count : self.at]

    def symbol(self, codes: dict[str, int]) -> int:
        """Return the symbol whose code comes next."""
        code = self.take(1)
        while code not in codes:
            code += self.take(1)
        return codes[code]

    def number(self, category: int) -> int:
        """Return a signed number of a magnitude category."""
        size, extra = category, 24 if category == 19 else (category - 3) // 2
        if category > 4:
            base = 2 ** (extra + 1) + 1 + (category - 3) % 2 * 2**extra
            size = (513 if category == 19 else base) + int(self.take(extra), 2)
        return -size if size > 0 and self.take(1) == "1" else size


def canonical(lengths: list[int]) -> dict[str, int]:
    """Return the canonical code of RFC 1951, 3.2.2: symbol by digits of its code."""
    codes, code, last = {}, 0, 0
    for length, symbol in sorted((n, s) for s, n in enumerate(lengths)):
        code <<= length - last
        codes[f"{code:0{length}b}"] = symbol
        code, last = code + 1, length
    return codes


def predict(plane: Array, y: int, x: int) -> int:
    """Predict channel 0: the median of left, up, and left + up - corner."""
    if y == 0 or x == 0:
        return int(plane[y, x - 1] if x else plane[y - 1, x] if y else 0)
    left, up, corner = int(plane[y, x - 1]), int(plane[y - 1, x]), int(plane[y - 1, x - 1])
    return sorted((left, up, left + up - corner))[1]


def decode_tile(data: bytes, skip: Array, tables: dict[str, Any]) -> Array:
    """Return the quantised latent (channels, h, w) of one tile."""
    need(len(data) > 0 and data[0] < len(tables["order"]), "table set")
    order = tables["order"][data[0]].tolist()
    thresholds, lengths = tables["thresholds"][data[0]], tables["lengths"][data[0]]
    channels = len(order)
    cuts = np.cumsum([40] + [(channels - k) * 19 + 1 for k in range(1, channels)])[:-1]
    codes = [[canonical(part.tolist()) for part in np.split(row, cuts)] for row in lengths]
    size = end = 1
    if not skip.all():
        size += next((i for i, byte in enumerate(data[1:5], 1) if byte < 128), 0)
        need(size == 2 or (size > 2 and data[size - 1] > 0), "length of the decisions")
        end = size + sum((byte & 127) << 7 * i for i, byte in enumerate(data[1:size]))
        need(end <= len(data), "the tile ends early")
    coder, bits = RangeDecoder(data[size:end], 5), Bits(data[end:])
    empty_p, single_p = tables["decisions"][data[0]].tolist()
    q = np.zeros((channels, *skip.shape), dtype=np.int64)
    sums = np.zeros((skip.shape[0] + 1, skip.shape[1] + 2), dtype=np.int64)
    for y, x in np.ndindex(skip.shape):
        q[0, y, x] = predict(q[0], y, x) if tables["predicted"][data[0]] else 0
        if skip[y, x]:
            continue
        activity = 2 * sums[y + 1, x] + 2 * sums[y, x + 1] + sums[y, x] + sums[y, x + 2]
        group = int((thresholds <= activity).sum())
        around = q[0, y - 1 : y + 1, x - 1 : x + 1].ravel()[:3] if y and x else [0]
        context = 2 * group + int(len({*map(int, around)}) > 1)
        if not coder.bit(empty_p, context):
            continue
        token, table = 3, codes[group]
        if coder.bit(single_p, context):
            token = bits.symbol(table[0])
            need(token not in (1, 3), "a symbol that decisions rule out")
        values = [bits.number(token // 2)]
        q[0, y, x] += values[0]
        k = 1 if token % 2 == 0 else channels
        while k < channels and (token := bits.symbol(table[k])) < (channels - k) * 19:
            k += token // 19
            values.append(bits.number(token % 19 + 1))
            q[order[k], y, x] = values[-1]
            k += 1
        need(k > 1 or channels == 1, "end of block at once")
        sums[y + 1, x + 1] = sum(min(abs(v), 15) for v in values)
        need(int(np.abs(q[:, y, x]).max()) <= 2**23, "size of a latent")
    rest = bits.text[bits.at :]
    need(len(rest) < 8 and "1" not in rest and end - size <= coder.at, "bytes behind the tile")
    return q


# 8.5: background masks.
def decode_mask(data: bytes, rows: int, columns: int) -> Array:
    """Return the background: block states first, then the pixels of mixed blocks."""
    coder = RangeDecoder(data, 4)
    mixed_p, set_p, pixel_p = [1024] * 27, [1024] * 27, [1024] * 1024
    down, across = -(-rows // 16), -(-columns // 16)
    # Borders of zeros above and at the sides stand for what is missing.
    states = np.zeros((down + 1, across + 2), dtype=int)
    mask = np.zeros((rows + 2, columns + 4), dtype=int)
    for y, x in np.ndindex(down, across):
        context = states[y + 1, x] + 3 * states[y, x + 1] + 9 * states[y, x + 2]
        if coder.bit(mixed_p, context):
            states[y + 1, x + 1] = 2
        elif coder.bit(set_p, context):
            states[y + 1, x + 1] = 1
            bottom, right = min(16 * y + 16, rows), min(16 * x + 16, columns)
            mask[16 * y + 2 : bottom + 2, 16 * x + 2 : right + 2] = 1
    for y, x in np.ndindex(rows, columns):
        if states[y // 16 + 1, x // 16 + 1] == 2:
            known = [*mask[y, x + 1 : x + 4], *mask[y + 1, x : x + 5], *mask[y + 2, x : x + 2]]
            mask[y + 2, x + 2] = coder.bit(pixel_p, int("".join(map(str, known)), 2))
    need(len(data) <= coder.at, "bytes behind the mask")
    return mask[2:, 2:-2] == 1


# 8.6: pixel blocks.
def decode_flags(data: bytes, mask: Array) -> Array:
    """Return the coded pixels: those of flagged blocks that are not background."""
    coder, chances = RangeDecoder(data, 4), [1024] * 8
    down, across = -(-mask.shape[0] // 8), -(-mask.shape[1] // 8)
    flags = np.zeros((down + 1, across + 2), dtype=int)
    coded = np.zeros(mask.shape, dtype=bool)
    for y, x in np.ndindex(down, across):
        block = np.s_[8 * y : 8 * y + 8, 8 * x : 8 * x + 8]
        if not mask[block].all():
            context = flags[y + 1, x] + 2 * flags[y, x + 1] + 4 * flags[y, x + 2]
            coded[block] = flags[y + 1, x + 1] = coder.bit(chances, context)
    need(len(data) <= coder.at * (not mask.all()), "bytes behind the flags")
    return coded & ~mask


def decode_values(data: bytes, stored: Array, mask: Array, coded: Array, fields: Any) -> None:
    """Put the values of a tile's coded pixels into `stored`, which holds the background's."""
    low, high, step = fields
    coder, last = RangeDecoder(data, 4), (low + high) >> 1
    error_p, sign_p, log_p, bits_p = [1024] * 40, [1024] * 9, [1024] * 144, [1024] * 306
    known = {(y, x): int(stored[y, x]) for y, x in np.argwhere(mask).tolist()}
    errors: dict[tuple[int, int], int] = {}
    for y, x in np.argwhere(coded).tolist():
        w, n, c, e = (known.get((y - v, x - u)) for v, u in ((0, 1), (1, 0), (1, 1), (1, -1)))
        p, a = last if w is None else w, 0
        if n is not None:
            p, a = (n, 0) if w is None else ((w + n) >> 1, abs(n - w))
            if w is not None and c is not None:
                p, a = sorted((w, n, w + n - c))[1], abs(n - c) + abs(w - c)
            a += 0 if e is None else abs(e - n)
        g = min((a // step).bit_length(), 7)
        i, j = errors.get((y, x - 1), 0), errors.get((y - 1, x), 0)
        if coder.bit(error_p, 5 * g + min(abs(i), 2) + min(abs(j), 2)):
            negative = coder.bit(sign_p, 3 * (i > 0) + 6 * (i < 0) + (j > 0) + 2 * (j < 0))
            k, m = 0, 1
            while k < 17 and coder.bit(log_p, 18 * g + k):
                k += 1
            for t in reversed(range(k)):
                m = 2 * m + coder.bit(bits_p, 17 * k + t)
            errors[y, x] = -m if negative else m
        last = min(max(p + errors.get((y, x), 0) * step, low), high)
        known[y, x] = stored[y, x] = last
    need(len(data) <= coder.at * coded.any(), "bytes behind the values")


# 8.7: residuals.
class ResidualDecoder(RangeDecoder):
    """Decisions of residuals; contexts are named, and start when they are first met."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.contexts: dict[tuple[object, ...], tuple[int, int, int]] = {}

    def decide(self, *context: object) -> int:
        """Decode one decision in a context."""
        fast, slow, n = self.contexts.get(context, (2**21, 2**21, 0))
        p = min(max((fast + slow) >> 7, 24), 65512)
        one = self.split((self.range >> 16) * p)
        aim, r = 0 if one else 2**22, max(131072 // (2 * n + 3), 256)
        fast += ((aim - fast) * max(r, 2048)) >> 16
        slow += ((aim - slow) * r) >> 16
        self.contexts[context] = fast, slow, min(n + 1, 255)
        return one

    def number(self, group: str) -> int:
        """Decode a number of at least 1."""
        k, v = 0, 1
        while k < 17 and self.decide(group, "logarithm", k):
            k += 1
        for t in reversed(range(k)):
            v = 2 * v + self.decide(group, "bit", k, t)
        return v

    def magnitude(self, g: int) -> int:
        """Decode the magnitude of an error that is not 0."""
        k, quotient = max((g >> 1) - 6, 0), 0
        while quotient < 24 and self.decide("quotient", g, quotient):
            quotient += 1
        if quotient == 24:
            quotient = self.number("rest") + 23
        r, j, part = quotient, min(quotient, 3), 0
        for place in range(k):
            digit = self.decide("digit", g, part, j) if place < 2 else self.split(self.range >> 1)
            r, part = 2 * r + digit, 1 + digit
        return r + 1


def half_octaves(v: int) -> int:
    """Return h(v), about twice the binary logarithm."""
    k = v.bit_length() - 1
    return v if v < 4 else 2 * k + (v >> (k - 1) & 1)


def values_in_use(coder: Any, low: int, high: int) -> list[int] | None:
    """Return the values in use, None where they are not listed."""
    if not coder.decide("listed"):
        return None
    used: list[int] = []
    v, gap, s = low - 1, 1, 0
    while v <= high:
        s = coder.decide("same", s)
        gap = gap if s else coder.number("gap")
        v += gap
        used.append(v)
    need(len(used) > 1, "no value is in use")
    return used[:-1]


def weights_of(coder: Any, count: int) -> Rows:
    """Return the weights of the 40 classes of activity."""
    weights, row = [], [0] * count
    for _ in range(40):
        if coder.decide("any weight differs"):
            for k in range(count):
                if coder.decide("weight differs"):
                    sign = -1 if coder.decide("sign of a weight") else 1
                    weight = row[k] + sign * coder.number("weight")
                    row[k] = min(max(weight, -4095), 4095)
        weights.append(list(row))
    return weights


def surround(row: list[int], known: list[bool]) -> None:
    """Make up what is not coded of a row that has coded pixels, which begin at place 3."""
    first = known.index(False)
    row[: 3 + first] = [row[3 + first]] * (3 + first)
    for x in range(first, len(known) + 3):
        if x >= len(known) or known[x]:
            row[3 + x] = row[2 + x]


def filled(base: Rows, known: list[list[bool]]) -> Rows:
    """Return the base with its surroundings: 3 above and at the sides, one below."""
    out: Rows = []
    for row, missing in zip(base, known, strict=True):
        line = [0, 0, 0, *row, 0, 0, 0]
        if all(missing):
            out += [list(out[-1])] if out else []
        else:
            surround(line, missing)
            # The rows above the first that has coded pixels are copies of it.
            out += [list(line) for _ in range(1 if out else known.index(missing) + 4)]
    return [*out, out[-1]]


UP = [(-2, 0), (-3, 0), *((x, -1) for x in range(-3, 4)), *((x, -2) for x in range(-3, 4))]
UP += [(-1, -3), (0, -3), (1, -3)]
AROUND = [(-1, 0), (1, 0), (-1, -1), (0, -1), (1, -1), (-1, 1), (0, 1), (1, 1)]


def walk(
    coder: Any, known: list[list[bool]], base: Rows | None, step: int, low: int, high: int
) -> Rows:
    """Return the decoded pixels; those that are known are made up."""
    weights = weights_of(coder, len(UP) + (0 if base is None else 1 + len(AROUND)))
    width = len(known[0]) + 6
    field, misses = ([[v] * width for _ in range(3)] for v in ((low + high) >> 1, 0))
    under = filled(base, known) if base is not None else []
    corrections: dict[tuple[int, int], int] = {}
    begun = False
    for y, missing in enumerate(known, 3):
        field.append(list(field[-1]))
        misses.append(list(misses[-1]))
        for x, is_known in enumerate(missing, 3):
            if is_known:
                if False in missing[: x - 3]:
                    field[y][x], misses[y][x] = field[y][x - 1], misses[y][x - 1]
                continue
            near = ((x - 1, y), (x, y - 1), (x - 1, y - 1), (x + 1, y - 1), (x - 2, y), (x, y - 2))
            around = w, n, nw, ne, ww, nn = [field[j][i] for i, j in near]
            miss = [misses[j][i] for i, j in near]
            f = 64 * (w if base is None else under[y][x])
            if begun:
                a = abs(w - nw) + abs(n - nw) + abs(n - ne) + abs(w - ww) + abs(n - nn)
                inputs = [field[y + j][x + i] - w for i, j in UP]
                if base is not None:
                    here = under[y][x]
                    inputs += [here - w, *(under[y + j][x + i] - here for i, j in AROUND)]
                pairs = zip(weights[min(half_octaves(a), 39)], inputs, strict=True)
                f = 64 * w + (sum(weight * value for weight, value in pairs) >> 4)
            g = min(half_octaves((sum(miss) + miss[0] + miss[1]) // step >> 3), 47)
            t = sum(2**k for k, value in enumerate(around) if value > f >> 6)
            f = min(max(f + (corrections.get((g, t), 0) >> 6), 64 * low), 64 * high)
            p = (f + 32) >> 6
            d = f - 64 * p
            q = min(abs(d) // (8 * step), 3)
            u = sum(m > 32 * step for m in miss[:2])
            e = 0
            if coder.decide("error", g, u, q):
                negative = coder.decide("sign", g, q) != (d < 0)
                e = -coder.magnitude(g) if negative else coder.magnitude(g)
            v = field[y][x] = min(max(p + e * step, low), high)
            misses[y][x] = abs(64 * v - f)
            corrections[g, t] = corrections.get((g, t), 0) + 64 * v - f
        if not all(missing):
            for rows in (field, misses):
                surround(rows[y], missing)
                rows[:y] = rows[:y] if begun else [list(rows[y]) for _ in range(y)]
            begun = True
    return [row[3:-3] for row in field[3:]]


def residual_values(
    coder: Any, base: Array | None, mask: Array, step: int, low: int, high: int
) -> Array:
    """Return the values of a tile that has coded pixels, of no meaning in the background."""
    used = values_in_use(coder, low, high)
    rows = None if base is None else np.clip(base, low, high)
    if used is not None:
        step, low, high = 1, 0, len(used) - 1
        if rows is not None:
            rows = np.maximum(np.searchsorted(used, rows, side="right") - 1, 0)
    rows = None if rows is None else rows.tolist()
    out = np.array(walk(coder, mask.tolist(), rows, step, low, high))
    return out if used is None else np.array(used)[out]


def decode_residual(
    data: bytes, base: Array | None, stored: Array, mask: Array, fields: tuple[int, int, int]
) -> None:
    """Put the values of a tile into `stored`, which holds the background's."""
    if mask.all():
        need(not data, "bytes where no pixel is coded")
        return
    coder = ResidualDecoder(data)
    stored[~mask] = residual_values(coder, base, mask, *fields)[~mask]
    need(len(data) <= coder.at, "bytes behind the residual")
