"""The signature of a file and the chunks that follow it.

A chunk is a letter, a length, a payload and a CRC-32.  This module knows nothing of
what is in the payloads, except that TAIL is the last and holds the length of the file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from radcodec.container.fields import MOST_BYTES, pack_unsigned, unsigned_at
from radcodec.errors import CorruptError, FormatError, TruncatedError, UnsupportedVersionError

MAGIC = b"\x89RCZ\r\n\x1a\n"
#: Version of the format, apart from the version of the package.
VERSION = (0, 8)
#: Bits of the second flag byte that this version understands.
KNOWN_FLAGS = 0

_SIGNATURE = struct.Struct("<8s4B")
#: Length of what comes before the first chunk.
SIGNATURE_LENGTH = _SIGNATURE.size
#: Letters that stand for the types of chunks in a file; capitals are critical.
TYPES = {
    "HEAD": b"H",
    "PLAN": b"P",
    "MASK": b"M",
    "PIXL": b"B",
    "LATN": b"L",
    "REFN": b"F",
    "FILT": b"W",
    "RESD": b"R",
    "JPLS": b"J",
    "UNUS": b"U",
    "dset": b"d",
    "qual": b"q",
    "TAIL": b"T",
}
_NAMES = {letter[0]: name for name, letter in TYPES.items()}
_CRC = struct.Struct("<I")
_TAIL = struct.Struct("<I")
#: TAIL holds the length of the file modulo this.
_TAIL_MODULUS = 2**32
#: Most bytes of a type and a length, and the fewest of a chunk.
_LONGEST_START = 1 + MOST_BYTES
_SHORTEST = 2 + _CRC.size
#: Bytes of a payload that are read at a time where only its CRC is of interest.
_PIECE = 2**20
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Chunk(NamedTuple):
    """Where one chunk lies in a file: type, offset of its first byte, length of its payload.

    The type is a name of `TYPES`, or the letter where it is none of these.
    """

    type: str
    offset: int
    length: int

    @property
    def critical(self) -> bool:
        """True where a reader that does not know the type must refuse the file."""
        return self.type[0].isupper()

    @property
    def begin(self) -> int:
        """Offset of the payload."""
        return self.offset + 1 + len(pack_unsigned(self.length))

    @property
    def end(self) -> int:
        """Offset of the first byte behind the chunk."""
        return self.begin + self.length + _CRC.size


def pack_signature() -> bytes:
    """Return the bytes that come before the first chunk."""
    return _SIGNATURE.pack(MAGIC, *VERSION, 0, 0)


def pack_chunk(kind: str, payload: bytes) -> bytes:
    """Return a whole chunk.

    Parameters
    ----------
    kind : str
        A name of `TYPES`, or another letter.
    payload : bytes
        Fewer than 2**32 bytes.
    """
    start = TYPES.get(kind, kind.encode("ascii")) + pack_unsigned(len(payload))
    return start + payload + _CRC.pack(zlib.crc32(payload, zlib.crc32(start)))


def pack_tail(length_so_far: int) -> bytes:
    """Return the TAIL chunk that ends a file which is `length_so_far` bytes long without it."""
    return pack_chunk("TAIL", _TAIL.pack((length_so_far + TAIL_SIZE) % _TAIL_MODULUS))


#: Bytes of the TAIL chunk.
TAIL_SIZE = len(pack_chunk("TAIL", bytes(_TAIL.size)))


def check_signature(data: bytes) -> None:
    """Check the magic, version and flags at the start of `data`.

    Raises
    ------
    TruncatedError
        `data` ends within the signature.
    CorruptError
        Line ends were changed in transfer.
    UnsupportedVersionError
        Another version, or a flag that must be understood and is not.
    FormatError
        Not an .rcz file.
    """
    head = data[: len(MAGIC)]
    if head != MAGIC[: len(head)] or not head:
        # The letters survive a text-mode transfer while the line ends around them do not.
        if data[1:4] == MAGIC[1:4]:
            raise CorruptError(
                "the signature of the .rcz file is damaged, as by a transfer in text mode; "
                "get the file again in binary mode"
            )
        raise FormatError(
            "this is not an .rcz file: it does not start with the .rcz signature; "
            "give one that radcodec compress wrote"
        )
    if len(data) < SIGNATURE_LENGTH:
        raise _truncated(f"after {len(data)} bytes, within its signature")
    _, major, minor, _, needed = _SIGNATURE.unpack_from(data)
    if (major, minor) != VERSION:
        raise UnsupportedVersionError(
            f"the file has format version {major}.{minor}; this version of radcodec reads "
            f"{VERSION[0]}.{VERSION[1]}; use the version of radcodec that matches"
        )
    if needed & ~KNOWN_FLAGS:
        raise UnsupportedVersionError(
            f"the file needs features (flags {needed:#04x}) that this version does not know; "
            "use a newer version of radcodec"
        )


def iterate_chunks(file: BinaryIO, size: int, *, check: bool = True) -> Iterator[Chunk]:
    """Yield where the chunks of a file lie, with TAIL as the last.

    Parameters
    ----------
    file : BinaryIO
        Seekable; it may be moved between two chunks.
    size : int
        Its length in bytes.
    check : bool
        Compare the CRC of every chunk, which reads the whole file in small pieces.  TAIL's is
        always compared, and `read_chunk` compares that of what it reads.

    Raises
    ------
    TruncatedError
        The file ends before TAIL.
    CorruptError
        A CRC or the length in TAIL does not fit, or bytes follow TAIL.
    FormatError
        As `check_signature`, or a type that is no letter.
    """
    file.seek(0)
    check_signature(file.read(min(size, SIGNATURE_LENGTH)))
    offset = SIGNATURE_LENGTH
    while True:
        chunk = _chunk_at(file, size, offset, check)
        offset = chunk.end
        if chunk.type == "TAIL":
            _check_tail(file, chunk, size)
            yield chunk
            return
        yield chunk


def chunks_from(file: BinaryIO, size: int, offset: int) -> Iterator[Chunk]:
    """Yield where chunks lie from one at `offset` on, up to TAIL; no CRC is compared yet."""
    while True:
        chunk = _chunk_at(file, size, offset, False)
        yield chunk
        if chunk.type == "TAIL":
            return
        offset = chunk.end


def read_chunk(file: BinaryIO, chunk: Chunk) -> bytes:
    """Return the payload of a chunk; `CorruptError` where its CRC does not fit."""
    file.seek(chunk.offset)
    data = file.read(chunk.end - chunk.offset)
    if len(data) != chunk.end - chunk.offset:
        raise _truncated(f"within the chunk at byte {chunk.offset}")
    (recorded,) = _CRC.unpack_from(data, len(data) - _CRC.size)
    if zlib.crc32(memoryview(data)[: -_CRC.size]) != recorded:
        raise _changed(chunk.offset)
    return data[chunk.begin - chunk.offset : -_CRC.size]


def _chunk_at(file: BinaryIO, size: int, offset: int, check: bool) -> Chunk:
    left = size - offset
    if left < _SHORTEST:
        raise _ends_early(file, size, offset)
    file.seek(offset)
    start = file.read(min(_LONGEST_START, left))
    try:
        length, begin = unsigned_at(start, 1)
    except IndexError:
        raise _truncated(f"within the chunk at byte {offset}") from None
    except ValueError as error:
        raise CorruptError(
            f"the length of the chunk at byte {offset} is damaged ({error}); "
            "get the file again from its source"
        ) from None
    if length > left - begin - _CRC.size:
        raise _ends_early(file, size, offset)
    if check:
        file.seek(offset + begin)
        _check_crc(file, start[:begin], length, offset)
    letter = start[0]
    if letter not in _LETTERS:
        raise FormatError(f"the chunk at byte {offset} has no valid type: {start[:1]!r}")
    return Chunk(_NAMES.get(letter, chr(letter)), offset, length)


def _check_crc(file: BinaryIO, start: bytes, length: int, offset: int) -> None:
    """Compare the CRC of the chunk whose payload comes next in `file`."""
    crc = zlib.crc32(start)
    while length:
        piece = file.read(min(length, _PIECE))
        if not piece:
            raise _truncated(f"within the chunk at byte {offset}")
        crc = zlib.crc32(piece, crc)
        length -= len(piece)
    recorded = file.read(_CRC.size)
    if len(recorded) < _CRC.size:
        raise _truncated(f"within the chunk at byte {offset}")
    if _CRC.unpack(recorded)[0] != crc:
        raise _changed(offset)


def _changed(offset: int) -> CorruptError:
    return CorruptError(
        f"the CRC of the chunk at byte {offset} does not fit: the file has changed; "
        "get it again from its source"
    )


def _check_tail(file: BinaryIO, chunk: Chunk, size: int) -> None:
    if chunk.length != _TAIL.size:
        raise CorruptError(f"TAIL holds {chunk.length} bytes, not {_TAIL.size}")
    (recorded,) = _TAIL.unpack(read_chunk(file, chunk))
    if recorded != chunk.end % _TAIL_MODULUS:
        raise CorruptError(
            f"TAIL says that the file has {recorded} bytes, but it ends at {chunk.end}: "
            "chunks are missing or were added; get the file again from its source"
        )
    if size > chunk.end:
        raise CorruptError(
            f"{size - chunk.end} bytes follow the end of the file at byte {chunk.end}"
        )


def _ends_early(file: BinaryIO, size: int, offset: int) -> FormatError:
    """Tell a file cut short from one with a changed chunk length, by looking for its TAIL."""
    file.seek(max(size - TAIL_SIZE, 0))
    if file.read(TAIL_SIZE) == pack_tail(size - TAIL_SIZE):
        return CorruptError(
            f"the length of the chunk at byte {offset} is wrong, though the file is complete; "
            "get it again from its source"
        )
    return _truncated(f"after {size} bytes, within the chunk at byte {offset}")


def _truncated(where: str) -> TruncatedError:
    return TruncatedError(f"the file ends early, {where}; get the whole file from its source")
