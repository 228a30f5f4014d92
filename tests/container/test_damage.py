"""Damaged files: cut short, bytes changed, added to, of another version."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcodec.container import list_chunks, read_rcz, write_rcz
from radcodec.container.chunks import (
    MAGIC,
    SIGNATURE_LENGTH,
    TAIL_SIZE,
    pack_chunk,
    pack_tail,
)
from radcodec.errors import (
    CorruptError,
    FormatError,
    RadcodecError,
    TruncatedError,
    UnsupportedVersionError,
)

from .samples import small_file

FILE = small_file()
DATA = write_rcz(FILE)
#: The word of flags that may be ignored: a change there is no damage.
IGNORED = range(10, 11)


@pytest.mark.parametrize("length", range(1, len(DATA)))
def test_every_truncation_is_told(length: int) -> None:
    with pytest.raises(TruncatedError):
        read_rcz(DATA[:length])


def test_nothing_at_all_is_no_rcz_file() -> None:
    with pytest.raises(FormatError):
        read_rcz(b"")


@pytest.mark.parametrize("offset", range(len(DATA)))
def test_every_changed_byte_is_seen(offset: int) -> None:
    for change in (0x01, 0x20, 0x80, 0xFF):
        damaged = bytearray(DATA)
        damaged[offset] ^= change
        if offset in IGNORED:
            assert read_rcz(bytes(damaged)) == FILE
            continue
        with pytest.raises(FormatError) as caught:
            read_rcz(bytes(damaged))
        # The file is complete, so nobody should be told to look for the rest of it.
        assert not isinstance(caught.value, TruncatedError) or offset >= len(DATA) - TAIL_SIZE


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(DATA)), st.integers(0, len(DATA)))
def test_spliced_bytes_give_no_other_error(noise: bytes, begin: int, end: int) -> None:
    with contextlib.suppress(RadcodecError):
        read_rcz(DATA[:begin] + noise + DATA[end:])


def test_bytes_after_the_end() -> None:
    with pytest.raises(CorruptError, match="1 bytes follow"):
        read_rcz(DATA + b"\0")


@pytest.mark.parametrize(
    ("kind", "following"), [("qual", "TAIL"), ("PIXL", "LATN"), ("FILT", "RESD"), ("JPLS", "qual")]
)
def test_a_missing_chunk_shows_in_the_length(kind: str, following: str) -> None:
    offsets = {chunk.type: chunk.offset for chunk in list_chunks(DATA)}
    begin, end = offsets[kind], offsets[following]
    with pytest.raises(CorruptError, match="TAIL"):
        read_rcz(DATA[:begin] + DATA[end:])


def test_a_tail_of_the_wrong_length() -> None:
    with pytest.raises(CorruptError, match="TAIL"):
        read_rcz(DATA[:-TAIL_SIZE] + pack_chunk("TAIL", b"12345678"))


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (8, 255), (9, 7), (9, 9)])
def test_other_versions_are_refused(offset: int, value: int) -> None:
    changed = bytearray(DATA)
    changed[offset] = value
    with pytest.raises(UnsupportedVersionError, match="version"):
        read_rcz(bytes(changed))


@pytest.mark.parametrize("bit", range(8))
def test_flags(bit: int) -> None:
    flags = bytes([1 << bit])
    assert read_rcz(DATA[:10] + flags + DATA[11:]) == FILE
    with pytest.raises(UnsupportedVersionError, match="flags"):
        read_rcz(DATA[:11] + flags + DATA[SIGNATURE_LENGTH:])


def test_text_mode_transfer_is_named() -> None:
    with pytest.raises(CorruptError, match="text mode"):
        read_rcz(DATA.replace(b"\r\n", b"\n"))
    with pytest.raises(CorruptError, match="text mode"):
        read_rcz(b"\x09" + DATA[1:])
    with pytest.raises(FormatError, match="this is not an"):
        read_rcz(b"\x89PNG" + MAGIC[4:])


def test_the_tail_of_a_long_file_holds_the_length_modulo_two_to_the_32() -> None:
    length = 2**32 + 7
    assert pack_tail(length)[2:6] == struct.pack("<I", 7 + TAIL_SIZE)
    assert pack_tail(length - 2**32) == pack_tail(length)
