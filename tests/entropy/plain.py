"""A second decoder of tiles, in plain Python: Huffman codes by dahuffman alone.

It shares no code with the package: what it knows comes from docs/format.md.  A table set
reaches it as lists of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from dahuffman.huffmancodec import PrefixCodec


class Decisions:
    """The range decoder; `chances` are those of 0 in 1/2048, and change."""

    def __init__(self, data: bytes, chances: dict[tuple[str, int], int], adaptation: int) -> None:
        self.data, self.chances, self.divisor = data, chances, 2**adaptation
        self.code, self.taken = int.from_bytes(data[:4].ljust(4, b"\0"), "big"), 4
        self.span = 0xFFFFFFFF

    def bit(self, group: str, context: int) -> int:
        """Decode one decision; contexts without a chance start in the middle."""
        chance = self.chances.get((group, context), 1024)
        bound = self.span // 2048 * chance
        result = int(self.code >= bound)
        if result:
            self.code, self.span = self.code - bound, self.span - bound
            chance -= chance // self.divisor
        else:
            self.span = bound
            chance += (2048 - chance) // self.divisor
        self.chances[group, context] = chance
        while self.span < 1 << 24:
            following = self.data[self.taken] if self.taken < len(self.data) else 0
            self.code, self.span = self.code << 8 | following, self.span << 8
            self.taken += 1
        return result


class Bits:
    """Bits of a stream, first bit highest."""

    def __init__(self, data: bytes) -> None:
        self.left = [byte >> (7 - place) & 1 for byte in data for place in range(8)][::-1]

    def raw(self, count: int) -> int:
        """Read a number."""
        value = 0
        for _ in range(count):
            value = 2 * value + self.left.pop()
        return value

    def symbol(self, codec: PrefixCodec) -> int:
        """Read a Huffman symbol: the first that dahuffman finds in the next 16 bits."""
        window = self.left[-16:][::-1]
        window += [0] * (16 - len(window))
        word = int("".join(map(str, window)), 2)
        symbols: Iterator[int] = codec.decode_streaming(word.to_bytes(2, "big"))
        found: int = next(symbols)
        for _ in range(codec.get_code_table()[found][0]):
            self.left.pop()
        return found


def codec_of(lengths: list[int]) -> PrefixCodec:
    """Canonical codes: by length, then by symbol."""
    table = {}
    code = previous = 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths)):
        code <<= length - previous
        table[symbol] = (length, code)
        code, previous = code + 1, length
    return PrefixCodec(table, eof=None)


def magnitude(category: int, bits: Bits) -> int:
    """Magnitude of a category."""
    if category <= 4:
        return category
    if category == 19:
        return 513 + bits.raw(24)
    k = (category - 5) // 2 + 1
    upper = (category - 5) % 2
    return (2 << k) + 1 + (upper << k) + bits.raw(k)


def signed(category: int, bits: Bits) -> int:
    """Value of a category, sign included."""
    value = magnitude(category, bits)
    return -value if value and bits.raw(1) else value


def split(data: bytes) -> tuple[bytes, bytes]:
    """Take a tile apart, without the number of its table set: decisions and bits."""
    if not data:
        return b"", b""
    length = at = 0
    while True:
        length += (data[at] & 127) * 128**at
        at += 1
        if data[at - 1] < 128:
            return data[at : at + length], data[at + length :]


def decode(
    data: bytes,
    skip: list[list[bool]],
    order: list[int],
    thresholds: list[int],
    lengths: list[list[int]],
    decisions: list[list[int]],
    predicted: bool,
) -> list[list[list[int]]]:
    """Decode a tile (without the index of the table set).

    Returns
    -------
    list
        Rows of positions of channels.
    """
    channels = len(order)
    sizes = [40] + [(channels - k) * 19 + 1 for k in range(1, channels)]
    codecs = []
    for row in lengths:
        parts = iter(row)
        codecs.append([codec_of([next(parts) for _ in range(size)]) for size in sizes])
    first, second = split(data)
    chances = {
        (group, context): chance
        for group, row in zip(("empty", "single"), decisions, strict=True)
        for context, chance in enumerate(row)
    }
    coder, bits = Decisions(first, chances, 5), Bits(second)
    height, width = len(skip), len(skip[0])
    mean: dict[tuple[int, int], int] = {}
    amount: dict[tuple[int, int], int] = {}
    result = [[[0] * channels for _ in range(width)] for _ in range(height)]
    for y in range(height):
        for x in range(width):
            left, up, corner = mean.get((y, x - 1)), mean.get((y - 1, x)), mean.get((y - 1, x - 1))
            if left is None or up is None or corner is None:
                p = left if left is not None else up if up is not None else 0
            else:
                p = sorted([left, up, left + up - corner])[1]
            if not predicted:
                p = 0
            mean[y, x] = p
            position = result[y][x]
            position[0] = p
            if skip[y][x]:
                continue
            activity = sum(
                weight * amount.get((y + dy, x + dx), 0)
                for weight, dy, dx in [(2, 0, -1), (2, -1, 0), (1, -1, -1), (1, -1, 1)]
            )
            number = sum(threshold <= activity for threshold in thresholds)
            differ = y > 0 and x > 0 and len({left, up, corner}) > 1
            context = 2 * number + differ
            if not coder.bit("empty", context):
                continue
            if not coder.bit("single", context):
                mean[y, x] = position[0] = p + 1 - 2 * bits.raw(1)
                amount[y, x] = 1
                continue
            tables = codecs[number]
            symbol = bits.symbol(tables[0])
            assert symbol not in (1, 3)
            error = signed(symbol // 2, bits)
            mean[y, x] = position[0] = p + error
            amount[y, x] = min(abs(error), 15)
            k = channels if symbol % 2 else 1
            while k < channels:
                symbol = bits.symbol(tables[k])
                if symbol == sizes[k] - 1:
                    break
                k += symbol // 19
                position[order[k]] = signed(symbol % 19 + 1, bits)
                amount[y, x] += min(abs(position[order[k]]), 15)
                k += 1
    assert not first.endswith(b"\0")
    assert len(first) <= coder.taken
    assert len(bits.left) < 8
    assert not any(bits.left)
    return result
