"""A second coder of pixel blocks, in plain Python, slow: docs/format.md, sections 8.4 and 8.6.

It shares no code with the package.  One walk over the pixels serves both ways: `bit` is the
coder's, which either takes the decision that it is given or finds the one that was coded.
"""

from __future__ import annotations

from collections.abc import Callable

from .plain import Decisions

#: (group, context, decision to code) to the decision; a decoder does not look at the last.
Bit = Callable[[str, int, int], int]
Grid = list[list[int]]


class Writer:
    """The range encoder, with a `low` of as many digits as it takes, so that nothing is carried."""

    def __init__(self) -> None:
        self.low, self.span, self.size = 0, 0xFFFFFFFF, 4
        self.chances: dict[tuple[str, int], int] = {}

    def bit(self, group: str, context: int, decision: int) -> int:
        """Code a decision, and return it."""
        chance = self.chances.get((group, context), 1024)
        bound = self.span // 2048 * chance
        if decision:
            self.low, self.span = self.low + bound, self.span - bound
            chance -= chance // 16
        else:
            self.span = bound
            chance += (2048 - chance) // 16
        self.chances[group, context] = chance
        while self.span < 1 << 24:
            self.low, self.span, self.size = self.low << 8, self.span << 8, self.size + 1
        return decision

    def end(self) -> bytes:
        """Return the stream: of all numbers that decode alike the one that ends in most zeros."""
        unit = 1 << 8 * self.size
        while (number := (self.low + self.span - 1) // unit * unit) < self.low:
            unit >>= 1
        return number.to_bytes(self.size, "big").rstrip(b"\0")


def reader(data: bytes) -> tuple[Decisions, Bit]:
    """Return the range decoder of a stream, and what takes its decisions."""
    coder = Decisions(data, {}, 4)
    return coder, lambda group, context, _: coder.bit(group, context)


def walk_flags(bit: Bit, flags: Grid, background: Grid) -> Grid:
    """Code the flags of blocks, `flags` being those to code."""
    rows, cols = len(background), len(background[0])
    found: dict[tuple[int, int], int] = {}
    for y in range(-(-rows // 8)):
        for x in range(-(-cols // 8)):
            ys, xs = range(8 * y, min(8 * y + 8, rows)), range(8 * x, min(8 * x + 8, cols))
            if all(background[v][u] for v in ys for u in xs):
                continue
            left, up, right = (found.get(at, 0) for at in ((y, x - 1), (y - 1, x), (y - 1, x + 1)))
            found[y, x] = bit("flag", left + 2 * up + 4 * right, flags[y][x])
    return [[found.get((y, x), 0) for x in range(-(-cols // 8))] for y in range(-(-rows // 8))]


def walk_values(
    bit: Bit, values: Grid, coded: Grid, background: Grid, step: int, low: int, high: int
) -> Grid:
    """Code the values of a tile; return what a decoder restores."""
    out = [list(row) for row in values]
    known: dict[tuple[int, int], int] = {}
    for y, row in enumerate(background):
        known.update({(y, x): values[y][x] for x, is_known in enumerate(row) if is_known})
    errors: dict[tuple[int, int], int] = {}
    last = (low + high) // 2
    for y, row in enumerate(coded):
        for x in (x for x, is_coded in enumerate(row) if is_coded):
            places = [(y, x - 1), (y - 1, x), (y - 1, x - 1), (y - 1, x + 1)]
            west, north, corner, east = map(known.get, places)
            group = class_of(west, north, corner, east, step)
            guess = foreseen(west, north, corner, last)
            wanted = values[y][x] - guess
            size = (abs(wanted) + step // 2) // step
            before, above = errors.get(places[0], 0), errors.get(places[1], 0)
            error = 0
            if bit("error", 5 * group + min(abs(before), 2) + min(abs(above), 2), size > 0):
                signs = 3 * (0, 1, 2)[(before > 0) - (before < 0)]
                signs += (0, 1, 2)[(above > 0) - (above < 0)]
                negative = bit("sign", signs, wanted < 0)
                size = magnitude(bit, group, size)
                error = -size if negative else size
            errors[y, x] = error
            last = known[y, x] = out[y][x] = sorted((low, guess + error * step, high))[1]
    return out


def foreseen(west: int | None, north: int | None, corner: int | None, last: int) -> int:
    """Predict a pixel."""
    if west is None or north is None:
        return next((value for value in (west, north) if value is not None), last)
    if corner is None:
        return (west + north) // 2
    return sorted((west, north, west + north - corner))[1]


def class_of(
    west: int | None, north: int | None, corner: int | None, east: int | None, step: int
) -> int:
    """Tell how much the neighbours of a pixel differ."""
    differ = 0
    if west is not None and north is not None:
        through = north if corner is None else corner
        differ = abs(north - through) + abs(west - through)
    if north is not None and east is not None:
        differ += abs(east - north)
    return min(len(f"{differ // step:b}") if differ >= step else 0, 7)


def magnitude(bit: Bit, group: int, size: int) -> int:
    """Code a magnitude of at least 1."""
    digits, log = f"{max(size, 1):b}", 0
    while log < 17 and bit("logarithm", 18 * group + log, log + 1 < len(digits)):
        log += 1
    found = 1
    for place in range(log - 1, -1, -1):
        found = 2 * found + bit("bits", 17 * log + place, size >> place & 1)
    return found
