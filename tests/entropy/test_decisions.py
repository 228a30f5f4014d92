"""Decisions of tiles, their length, and what is wrong with either."""

from __future__ import annotations

import numpy as np
import pytest

from radcodec.entropy.latents import cost_bits, decode_tile, encode_tile
from radcodec.errors import CorruptError

from . import plain
from .samples import code_of, even, laplacian, sets_for

ONE = np.zeros((1, 1), dtype=bool)


def test_decisions_by_hand() -> None:
    """Positions empty, single and full, as docs/format.md says."""
    one = even(1)
    q = np.array([[[0, -1, 3]]], dtype=np.int32)
    data = encode_tile(q, np.zeros((1, 3), dtype=bool), [one])
    decisions, bits = plain.split(data[1:])
    coder = plain.Decisions(decisions, {}, 5)
    outcomes = [("empty", 0), ("empty", 0), ("single", 0)]
    assert [coder.bit(*each) for each in outcomes] == [0, 1, 0]
    # the error of the last is 4: category 4, and then its sign
    assert f"{int.from_bytes(bits):0{8 * len(bits)}b}".rstrip("0") == (
        ("1" + code_of(one, 9, int(one.class_of[2])) + "0").rstrip("0")
    )


@pytest.mark.parametrize("size", [1, 100, 128, 300])
def test_empty_tiles_take_two_bytes(size: int) -> None:
    skip = np.zeros((size, size), dtype=bool)
    q = np.zeros((16, size, size), dtype=np.int32)
    sets = sets_for(16)
    data = encode_tile(q, skip, sets)
    assert data[1:] == b"\0"
    assert cost_bits(q, skip, sets[data[0]]) == 8
    assert not decode_tile(data, q.shape, skip, sets).any()


def test_lengths_of_decisions() -> None:
    sets = sets_for(16)
    q = laplacian(3, (16, 60, 60), 0.2)
    skip = np.zeros((60, 60), dtype=bool)
    data = encode_tile(q, skip, sets)
    decisions, bits = plain.split(data[1:])
    assert 127 < len(decisions) < 16384
    assert data[1] >= 128 > data[2]
    rest = data[3:]
    longer = [
        bytes([data[0], data[1], data[2] | 128, 0]),
        bytes([data[0], data[1], data[2] | 128, 128, 0]),
        bytes([data[0], data[1], data[2] | 128, 128, 128]),
        bytes([data[0], data[1], data[2] | 128, 128, 128, 0]),
    ]
    for head in longer:
        with pytest.raises(CorruptError, match="not valid"):
            decode_tile(head + rest, q.shape, skip, sets)
    for head in (data[:2], data[:1] + b"\x80", data[:1] + b"\x80\x80\x80\x80"):
        with pytest.raises(CorruptError, match="not valid"):
            decode_tile(head, q.shape, skip, sets)
    with pytest.raises(CorruptError, match="within its decisions"):
        decode_tile(data[:1] + b"\xff\xff\xff\x7f" + rest, q.shape, skip, sets)
    shorter = bytes([100])
    with pytest.raises(CorruptError):
        decode_tile(data[:1] + shorter + decisions[:100] + bits, q.shape, skip, sets)


def test_decisions_that_are_too_many_or_end_in_zero_are_told() -> None:
    one = even(2)
    q = np.array([[[1]], [[0]]], dtype=np.int32)
    data = encode_tile(q, ONE, [one])
    decisions, bits = plain.split(data[1:])
    more = decisions.ljust(4, b"\0") + b"\1"
    with pytest.raises(CorruptError, match="behind its last"):
        decode_tile(b"\0" + bytes([len(more)]) + more + bits, q.shape, ONE, [one])
    more = decisions + b"\0"
    with pytest.raises(CorruptError, match="end in zero"):
        decode_tile(b"\0" + bytes([len(more)]) + more + bits, q.shape, ONE, [one])
