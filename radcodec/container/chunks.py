"""The signature of a file and the chunks that follow it.

A chunk is four letters, a length, a payload and a CRC-32.  This module knows nothing of
what is in the payloads, except that TAIL is the last and holds the length of the file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from radcodec.errors import CorruptError, FormatError, TruncatedError, UnsupportedVersionError

MAGIC = b"\x89RCZ\r\n\x1a\n"
#: Version of the format, apart from the version of the package.
VERSION = (0, 3)
#: Bits of the second flag word that this version understands.
KNOWN_FLAGS = 0

_SIGNATURE = struct.Struct("<8s2B2H")
#: Length of what comes before the first chunk.
SIGNATURE_LENGTH = _SIGNATURE.size
_START = struct.Struct("<4sI")
_CRC = struct.Struct("<I")
_TAIL = struct.Struct("<Q")
#: Bytes of a chunk beside its payload.
OVERHEAD = _START.size + _CRC.size
_TAIL_CHUNK = OVERHEAD + _TAIL.size
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Chunk(NamedTuple):
    """One chunk where it lies in a file; nothing is copied."""

    type: str
    offset: int
    payload: memoryview

    @property
    def critical(self) -> bool:
        """True where a reader that does not know the type must refuse the file."""
        return self.type[0].isupper()


def pack_signature() -> bytes:
    """Return the bytes that come before the first chunk."""
    return _SIGNATURE.pack(MAGIC, *VERSION, 0, 0)


def pack_chunk(kind: str, payload: bytes) -> bytes:
    """Return a whole chunk.

    Parameters
    ----------
    kind : str
        Four ASCII letters.
    payload : bytes
        Fewer than 2**32 bytes.
    """
    start = _START.pack(kind.encode("ascii"), len(payload))
    return start + payload + _CRC.pack(zlib.crc32(payload, zlib.crc32(start)))


def pack_tail(length_so_far: int) -> bytes:
    """Return the TAIL chunk that ends a file which is `length_so_far` bytes long without it."""
    return pack_chunk("TAIL", _TAIL.pack(length_so_far + _TAIL_CHUNK))


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
        raise FormatError("this is not an .rcz file: it does not start with the .rcz signature")
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
            f"the file needs features (flags {needed:#06x}) that this version does not know; "
            "use a newer version of radcodec"
        )


def iterate_chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a file, each checked, with TAIL as the last.

    Raises
    ------
    TruncatedError
        The file ends before TAIL.
    CorruptError
        A CRC or the length in TAIL does not fit, or bytes follow TAIL.
    FormatError
        As `check_signature`, or a type that is not four letters.
    """
    check_signature(data)
    view = memoryview(data)
    offset = SIGNATURE_LENGTH
    while True:
        chunk = _chunk_at(view, offset)
        offset += OVERHEAD + len(chunk.payload)
        if chunk.type == "TAIL":
            _check_tail(chunk, offset, len(data))
            yield chunk
            return
        yield chunk


def _chunk_at(view: memoryview, offset: int) -> Chunk:
    left = len(view) - offset
    if left < OVERHEAD:
        raise _ends_early(view, offset)
    name, length = _START.unpack_from(view, offset)
    if length > left - OVERHEAD:
        raise _ends_early(view, offset)
    begin = offset + _START.size
    payload = view[begin : begin + length]
    (recorded,) = _CRC.unpack_from(view, begin + length)
    if zlib.crc32(payload, zlib.crc32(view[offset:begin])) != recorded:
        raise CorruptError(
            f"the CRC of the chunk at byte {offset} does not fit: the file has changed; "
            "get it again from its source"
        )
    if not _LETTERS.issuperset(name):
        raise FormatError(f"the chunk at byte {offset} has no valid type: {name!r}")
    return Chunk(name.decode("ascii"), offset, payload)


def _check_tail(chunk: Chunk, end: int, length: int) -> None:
    if len(chunk.payload) != _TAIL.size:
        raise CorruptError(f"TAIL holds {len(chunk.payload)} bytes, not {_TAIL.size}")
    (recorded,) = _TAIL.unpack(chunk.payload)
    if recorded != end:
        raise CorruptError(
            f"TAIL says that the file has {recorded} bytes, but it ends at {end}: "
            "chunks are missing or were added; get the file again from its source"
        )
    if length > end:
        raise CorruptError(f"{length - end} bytes follow the end of the file at byte {end}")


def _ends_early(view: memoryview, offset: int) -> FormatError:
    """Tell a file cut short from one with a changed chunk length, by looking for its TAIL."""
    tail = pack_tail(len(view) - _TAIL_CHUNK)
    if len(view) >= _TAIL_CHUNK and view[-_TAIL_CHUNK:] == tail:
        return CorruptError(
            f"the length of the chunk at byte {offset} is wrong, though the file is complete; "
            "get it again from its source"
        )
    return _truncated(f"after {len(view)} bytes, within the chunk at byte {offset}")


def _truncated(where: str) -> TruncatedError:
    return TruncatedError(f"the file ends early, {where}; get the whole file from its source")
