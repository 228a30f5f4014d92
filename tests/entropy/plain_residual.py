"""A second coder of residuals, in plain Python, slow: docs/format.md, sections 8.4 and 8.7.

It shares no code with the package.  One walk serves both ways: `Coder.bit` either takes the
decision that it is given or finds the one that was coded.
"""

from __future__ import annotations

Grid = list[list[int]]

TAPS = [
    (-2, 0),
    (-3, 0),
    *((x, -1) for x in range(-3, 4)),
    *((x, -2) for x in range(-3, 4)),
    *((x, -3) for x in range(-1, 2)),
]
AROUND = [(-1, 0), (1, 0), (-1, -1), (0, -1), (1, -1), (-1, 1), (0, 1), (1, 1)]


def clamp(value: int, low: int, high: int) -> int:
    """Bring a number into a range."""
    return min(max(value, low), high)


class Coder:
    """Range encoder (no data) or decoder; the encoder's `low` has as many digits as it takes."""

    def __init__(self, data: bytes | None = None) -> None:
        self.data, self.span, self.taken, self.low = data, 0xFFFFFFFF, 4, 0
        self.code = int.from_bytes((data or b"")[:4].ljust(4, b"\0"), "big")
        self.kept: dict[tuple[object, ...], tuple[int, int, int]] = {}

    def split(self, bound: int, decision: int) -> int:
        """Code a decision, or find it, with the range of a 0."""
        if self.data is not None:
            decision = int(self.code >= bound)
        if decision:
            self.low, self.code, self.span = self.low + bound, self.code - bound, self.span - bound
        else:
            self.span = bound
        while self.span < 1 << 24:
            following = (self.data or b"")[self.taken : self.taken + 1] or b"\0"
            self.code, self.low, self.span = (
                self.code << 8 | following[0],
                self.low << 8,
                self.span << 8,
            )
            self.taken += 1
        return decision

    def bit(self, context: tuple[object, ...], decision: int) -> int:
        """Code a decision in a context."""
        fast, slow, seen = self.kept.get(context, (2**21, 2**21, 0))
        chance = clamp((fast + slow) >> 7, 24, 65536 - 24)
        decision = self.split((self.span >> 16) * chance, int(decision))
        pace = max(2**17 // (2 * seen + 3), 256)
        aim = 0 if decision else 2**22
        fast += ((aim - fast) * max(pace, 2048)) >> 16
        slow += ((aim - slow) * pace) >> 16
        self.kept[context] = fast, slow, min(seen + 1, 255)
        return decision

    def number(self, group: str, value: int) -> int:
        """Code a number of at least 1."""
        log = 0
        while log < 17 and self.bit((group, "log", log), value >> (log + 1) > 0):
            log += 1
        found = 1
        for k in range(log - 1, -1, -1):
            found = 2 * found + self.bit((group, "digit", log, k), value >> k & 1)
        return found

    def end(self) -> bytes:
        """Return the stream: of all numbers that decode alike the one that ends in most zeros."""
        unit = 1 << 8 * self.taken
        while (number := (self.low + self.span - 1) // unit * unit) < self.low:
            unit >>= 1
        return number.to_bytes(self.taken, "big").rstrip(b"\0")


def half_octaves(value: int) -> int:
    """Class of a number by its binary logarithm and the digit behind the first."""
    log = value.bit_length() - 1
    return value if value < 4 else 2 * log + (value >> (log - 1) & 1)


def code_palette(coder: Coder, used: list[int] | None, low: int, high: int) -> list[int] | None:
    """Code which values are in use."""
    if not coder.bit(("listed",), used is not None):
        return None
    ahead = [*(used or []), high + 1]
    found: list[int] = []
    value, gap, same = low - 1, 1, 0
    while True:
        wanted = ahead[len(found)] - value if coder.data is None else 0
        same = coder.bit(("same", same), wanted == gap)
        if not same:
            gap = coder.number("gap", wanted)
        value += gap
        if value > high:
            return found
        found.append(value)


def code_weights(coder: Coder, weights: Grid | None, taps: int) -> Grid:
    """Code the weights of the forty classes of activity."""
    found: Grid = []
    before = [0] * taps
    for group in range(40):
        wanted = before if weights is None else weights[group]
        if coder.bit(("own",), wanted != before):
            after = []
            for old, new in zip(before, wanted, strict=True):
                more = new - old
                if coder.bit(("differs",), more != 0):
                    negative = coder.bit(("weight sign",), more < 0)
                    size = coder.number("weight", abs(more))
                    old = clamp(old - size if negative else old + size, -4095, 4095)
                after.append(old)
            before = after
        found.append(before)
    return found


class Field:
    """Pixels of a tile, and those around it and in the background that are made up."""

    def __init__(self, rows: int, cols: int, start: int) -> None:
        self.rows, self.cols, self.start = rows, cols, start
        self.at: dict[tuple[int, int], int] = {}

    def get(self, x: int, y: int) -> int:
        """Return a pixel; one that nothing is known of yet has the value of the start."""
        return self.at.get((x, y), self.start)

    def copy_row(self, source: int, row: int) -> None:
        """Make a row the copy of another."""
        for x in range(-3, self.cols + 3):
            self.at[x, row] = self.get(x, source)

    def close_row(self, y: int, coded: list[int]) -> None:
        """Make up what is not coded: the coded pixel before it, the first before that."""
        for x in range(-3, self.cols + 3):
            before = max((c for c in coded if c <= x), default=coded[0])
            self.at[x, y] = self.at[before, y]


def filled(values: Grid, known: Grid) -> Field:
    """Make up the background and the surroundings of a base."""
    field = Field(len(values), len(values[0]), 0)
    begun = False
    for y, row in enumerate(values):
        coded = [x for x, is_known in enumerate(known[y]) if not is_known]
        if not coded:
            field.copy_row(y - 1, y)
            continue
        field.at.update({(x, y): row[x] for x in coded})
        field.close_row(y, coded)
        if not begun:
            for above in range(-3, y):
                field.copy_row(y, above)
        begun = True
    field.copy_row(len(values) - 1, len(values))
    return field


def size_of(coder: Coder, level: int, size: int) -> int:
    """Code the magnitude of an error."""
    shift = max(level // 2 - 6, 0)
    rest, count = size - 1, 0
    while count < 24 and coder.bit(("quotient", level, count), rest >> shift > count):
        count += 1
    if count == 24:
        count += coder.number("rest", (rest >> shift) - 23) - 1
    found, above = count, 0
    for k in range(shift - 1, -1, -1):
        digit = rest >> k & 1
        if k == shift - 1:
            digit = coder.bit(("digit", level, 0, min(count, 3)), digit)
            above = 1 + digit
        elif k == shift - 2:
            digit = coder.bit(("digit", level, above, min(count, 3)), digit)
        else:
            digit = coder.split(coder.span >> 1, digit)
        found = 2 * found + digit
    return found + 1


def walk(
    coder: Coder,
    values: Grid,
    known: Grid,
    base: Grid | None,
    weights: Grid,
    step: int,
    low: int,
    high: int,
) -> Grid:
    """Code the pixels that are not known; return what a decoder restores."""
    rows, cols = len(known), len(known[0])
    out = [list(row) for row in values]
    work, misses = Field(rows, cols, (low + high) >> 1), Field(rows, cols, 0)
    under = None if base is None else filled(base, known)
    bias: dict[tuple[int, ...], int] = {}
    begun = False
    for y in range(rows):
        work.copy_row(y - 1, y)
        misses.copy_row(y - 1, y)
        coded: list[int] = []
        for x in range(cols):
            if known[y][x]:
                if coded:
                    work.at[x, y], misses.at[x, y] = work.at[x - 1, y], misses.at[x - 1, y]
                continue
            coded.append(x)
            w, ww = work.get(x - 1, y), work.get(x - 2, y)
            n, nn = work.get(x, y - 1), work.get(x, y - 2)
            nw, ne = work.get(x - 1, y - 1), work.get(x + 1, y - 1)
            if begun:
                differ = abs(w - nw) + abs(n - nw) + abs(n - ne) + abs(w - ww) + abs(n - nn)
                inputs = [work.get(x + i, y + j) - w for i, j in TAPS]
                if under is not None:
                    here = under.get(x, y)
                    inputs += [here - w, *(under.get(x + i, y + j) - here for i, j in AROUND)]
                row = weights[min(half_octaves(differ), 39)]
                fine = 64 * w + (sum(a * b for a, b in zip(row, inputs, strict=True)) >> 4)
            else:
                fine = 64 * (w if under is None else under.get(x, y))
            near = 2 * misses.get(x - 1, y) + 2 * misses.get(x, y - 1)
            near += misses.get(x - 1, y - 1) + misses.get(x + 1, y - 1)
            near += misses.get(x - 2, y) + misses.get(x, y - 2)
            level = min(half_octaves(near // step >> 3), 47)
            key = (level, *(int(value > fine >> 6) for value in (w, n, nw, ne, ww, nn)))
            fine = clamp(fine + (bias.get(key, 0) >> 6), 64 * low, 64 * high)
            guess = (fine + 32) >> 6
            part = fine - 64 * guess
            turn = -1 if part < 0 else 1
            share = min(abs(part) // (8 * step), 3)
            missed = sum(m > 32 * step for m in (misses.get(x - 1, y), misses.get(x, y - 1)))
            wanted = (values[y][x] - guess) * turn
            size = (abs(wanted) + step // 2) // step
            error = 0
            if coder.bit(("error", level, missed, share), size > 0):
                negative = coder.bit(("sign", level, share), wanted < 0)
                error = size_of(coder, level, size) * (-turn if negative else turn)
            found = clamp(guess + error * step, low, high)
            out[y][x] = work.at[x, y] = found
            misses.at[x, y] = abs(64 * found - fine)
            bias[key] = bias.get(key, 0) + 64 * found - fine
        for field in (work, misses):
            if coded:
                field.close_row(y, coded)
                for above in () if begun else range(-3, y):
                    field.copy_row(y, above)
        begun = begun or bool(coded)
    return out


def decode(
    data: bytes,
    base: Grid | None,
    known: Grid,
    values: Grid,
    step: int,
    low: int,
    high: int,
) -> tuple[Grid, int]:
    """Decode a tile that has coded pixels; also return how many bytes were taken."""
    coder = Coder(data)
    palette = code_palette(coder, None, low, high)
    if base is not None:
        base = [[clamp(value, low, high) for value in row] for row in base]
    if palette is not None:
        step, low, high = 1, 0, len(palette) - 1
        if base is not None:
            base = [[max(sum(v <= b for v in palette) - 1, 0) for b in row] for row in base]
    weights = code_weights(coder, None, len(TAPS) + (0 if base is None else 9))
    blank = [[0] * len(row) for row in known]
    out = walk(coder, blank, known, base, weights, step, low, high)
    if palette is not None:
        out = [[palette[rank] for rank in row] for row in out]
    for y, row in enumerate(known):
        for x, is_known in enumerate(row):
            if is_known:
                out[y][x] = values[y][x]
    return out, coder.taken
