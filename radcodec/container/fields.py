"""Whole numbers of as many bytes as they need, and the fields of a payload one after another.

docs/format.md, section 2, defines both kinds of numbers.
"""

from __future__ import annotations

from radcodec.errors import CorruptError

#: Bits of the largest number.
MOST_BITS = 32
#: Bytes that it takes.
MOST_BYTES = -(-MOST_BITS // 7)
_AGAIN = "get the file again from its source"


def pack_unsigned(value: int) -> bytes:
    """Write a number from 0 to 2**32 - 1, seven bits a byte, the lowest ones first.

    Raises
    ------
    ValueError
        If it is outside that range.
    """
    if not 0 <= value < 1 << MOST_BITS:
        raise ValueError(f"{value} is not within 0 to 2**{MOST_BITS} - 1")
    out = bytearray()
    while value >= 128:
        out.append(128 | value & 127)
        value >>= 7
    out.append(value)
    return bytes(out)


def pack_signed(value: int) -> bytes:
    """Write a number from -2**31 to 2**31 - 1: 0, -1, 1, -2 ... as 0, 1, 2, 3 ..."""
    return pack_unsigned(2 * value if value >= 0 else -2 * value - 1)


def unsigned_at(data: bytes, at: int) -> tuple[int, int]:
    """Read a number; return it, and where the next byte is.

    Raises
    ------
    ValueError
        If it takes more bytes than it needs, or more than 32 bits.
    IndexError
        If `data` ends within it.
    """
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            break
        shift += 7
        if shift >= 7 * MOST_BYTES:
            raise ValueError("a number takes more than five bytes")
    if value >> MOST_BITS or (byte == 0 and shift):
        raise ValueError("a number is too large, or not written in its shortest form")
    return value, at


class Fields:
    """Fields of a payload, taken one after another.

    Parameters
    ----------
    chunk : str
        Name for errors.
    payload : bytes
        What holds them.
    """

    def __init__(self, chunk: str, payload: bytes) -> None:
        self._chunk, self._payload, self._at = chunk, payload, 0

    @property
    def left(self) -> int:
        """Bytes that are left."""
        return len(self._payload) - self._at

    def unsigned(self) -> int:
        """Take a number from 0 to 2**32 - 1; `CorruptError` where there is none."""
        try:
            value, self._at = unsigned_at(self._payload, self._at)
        except IndexError:
            raise self._short() from None
        except ValueError as error:
            raise CorruptError(f"{self._chunk}: {error}; {_AGAIN}") from None
        return value

    def signed(self) -> int:
        """Take a number from -2**31 to 2**31 - 1; `CorruptError` where there is none."""
        value = self.unsigned()
        return value >> 1 if value % 2 == 0 else -(value >> 1) - 1

    def take(self, length: int) -> bytes:
        """Take bytes; `CorruptError` where fewer are left."""
        if length > self.left:
            raise self._short()
        self._at += length
        return self._payload[self._at - length : self._at]

    def rest(self) -> bytes:
        """Take all that is left."""
        return self.take(self.left)

    def end(self) -> None:
        """See that nothing is left; `CorruptError` otherwise."""
        if self.left:
            raise CorruptError(
                f"{self._chunk} holds {len(self._payload)} bytes, {self.left} too many; {_AGAIN}"
            )

    def _short(self) -> CorruptError:
        return CorruptError(
            f"{self._chunk} holds {len(self._payload)} bytes, too few for its fields; {_AGAIN}"
        )
