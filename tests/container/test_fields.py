"""Numbers of as many bytes as they need, and fields one after another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radcodec.container.fields import Fields, pack_signed, pack_unsigned, unsigned_at
from radcodec.errors import CorruptError


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, b"\0"),
        (1, b"\1"),
        (127, b"\x7f"),
        (128, b"\x80\1"),
        (300, b"\xac\2"),
        (2**14, b"\x80\x80\1"),
        (2**32 - 1, b"\xff\xff\xff\xff\x0f"),
    ],
)
def test_the_bytes_of_a_number(value: int, data: bytes) -> None:
    assert pack_unsigned(value) == data
    assert unsigned_at(b"x" + data + b"y", 1) == (value, 1 + len(data))


@pytest.mark.parametrize(
    ("value", "unsigned"), [(0, 0), (-1, 1), (1, 2), (-2, 3), (2**31 - 1, 2**32 - 2)]
)
def test_numbers_of_either_sign(value: int, unsigned: int) -> None:
    assert pack_signed(value) == pack_unsigned(unsigned)


@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_numbers_come_back(unsigned: int, signed: int) -> None:
    fields = Fields("NAME", pack_unsigned(unsigned) + pack_signed(signed) + b"rest")
    assert (fields.unsigned(), fields.signed(), fields.rest()) == (unsigned, signed, b"rest")
    fields.end()


@pytest.mark.parametrize("value", [-1, 2**32])
def test_numbers_out_of_range_are_not_written(value: int) -> None:
    with pytest.raises(ValueError, match="is not within"):
        pack_unsigned(value)


@pytest.mark.parametrize("value", [-(2**31) - 1, 2**31])
def test_signed_numbers_out_of_range_are_not_written(value: int) -> None:
    with pytest.raises(ValueError, match="is not within"):
        pack_signed(value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes, too few"),
        (b"\x80", "1 bytes, too few"),
        (b"\xff\xff\xff\xff", "4 bytes, too few"),
        (b"\x80\0", "shortest form"),
        (b"\xff\x80\0", "shortest form"),
        (b"\xff\xff\xff\xff\x10", "too large"),
        (b"\x80\x80\x80\x80\x80\1", "more than five bytes"),
        (b"\xff" * 9, "more than five bytes"),
    ],
)
def test_what_is_no_number(data: bytes, message: str) -> None:
    for take in (Fields.unsigned, Fields.signed):
        with pytest.raises(CorruptError, match=f"NAME.*{message}.*again from its source"):
            take(Fields("NAME", data))


def test_fields_are_taken_one_after_another() -> None:
    fields = Fields("NAME", b"ab\x05c")
    assert (fields.take(2), fields.unsigned(), fields.left) == (b"ab", 5, 1)
    with pytest.raises(CorruptError, match="NAME holds 4 bytes, 1 too many"):
        fields.end()
    with pytest.raises(CorruptError, match="NAME holds 4 bytes, too few"):
        fields.take(2)
    assert fields.rest() == b"c"
    assert fields.rest() == b""
    fields.end()
