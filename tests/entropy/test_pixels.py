"""Blocks coded as pixels: what comes back, what is refused, and a plain second coder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.entropy.pixels import (
    SIDE,
    area_of,
    decode_flags,
    decode_pixels,
    encode_flags,
    encode_pixels,
    open_blocks,
)
from radcodec.errors import CorruptError

Case = tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_], int, int, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Stored values, coded pixels, background, step, and the ends of the range."""
    rows, cols = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    low = draw(st.integers(-32768, 30000))
    high = low + draw(st.sampled_from([0, 1, 7, 255, 4095, 35535]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["noise", "letters", "slope"]))
    if kind == "noise":
        stored = random.integers(low, high + 1, (rows, cols))
    elif kind == "letters":
        stored = np.where(random.random((rows, cols)) < 0.2, low, high)
    else:
        stored = np.clip(low + np.add.outer(np.arange(rows), np.arange(cols)), low, high)
    background = area_of(random.random((-(-rows // SIDE), -(-cols // SIDE))) < 0.2, rows, cols)
    stored = np.where(background, draw(st.integers(-100, 100)), stored).astype(np.int32)
    flags = random.random((-(-rows // SIDE), -(-cols // SIDE))) < draw(st.floats(0, 1))
    coded = area_of(flags, rows, cols) & ~background
    step = draw(st.sampled_from([1, 2, 3, 10, 500, 65535]))
    return stored, coded, background, step, low, high


@given(cases())
def test_round_trip(case: Case) -> None:
    stored, coded, background, step, low, high = case
    data = encode_pixels(stored, coded, background, step, low, high)
    start = np.where(coded, -7, stored).astype(np.int32)
    back = decode_pixels(data, start, coded, background, step, low, high)
    np.testing.assert_array_equal(back[~coded], stored[~coded])
    if not coded.any():
        assert data == b""
        return
    assert np.abs(back - stored)[coded].max() <= step >> 1
    assert back[coded].min() >= low and back[coded].max() <= high
    if step == 1:
        np.testing.assert_array_equal(back, stored)


@given(cases(), st.binary(max_size=60))
def test_any_bytes_give_values_of_the_range_or_an_error(case: Case, data: bytes) -> None:
    stored, coded, background, step, low, high = case
    try:
        back = decode_pixels(data, stored, coded, background, step, low, high)
    except CorruptError:
        return
    np.testing.assert_array_equal(back[~coded], stored[~coded])
    if coded.any():
        assert back[coded].min() >= low and back[coded].max() <= high


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32), st.floats(0, 1))
def test_flags_round_trip(rows: int, cols: int, seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    background = random.random((rows, cols)) < 0.9
    open_ = open_blocks(background)
    assert open_.shape == (-(-rows // SIDE), -(-cols // SIDE))
    flags = random.random(open_.shape) < share
    back = decode_flags(encode_flags(flags, open_), open_)
    np.testing.assert_array_equal(back, flags & open_)


@given(st.binary(max_size=40))
def test_any_bytes_are_flags_or_an_error(data: bytes) -> None:
    try:
        flags = decode_flags(data, np.eye(9, dtype=bool))
    except CorruptError:
        return
    assert not flags[~np.eye(9, dtype=bool)].any()


def test_bytes_behind_the_end_are_refused() -> None:
    stored = np.arange(64, dtype=np.int32).reshape(8, 8)
    coded, none = np.ones((8, 8), bool), np.zeros((8, 8), bool)
    data = encode_pixels(stored, coded, none, 1, 0, 63)
    for more in (b"\x01" * 40, b"\x00"):
        with pytest.raises(CorruptError, match="pixel blocks"):
            decode_pixels(data + more, stored, coded, none, 1, 0, 63)
    with pytest.raises(CorruptError, match="pixel blocks"):
        decode_pixels(b"\x01" * 40, stored, none, none, 1, 0, 63)
    with pytest.raises(CorruptError, match="pixel blocks"):
        decode_pixels(b"\xff\xff\xff\xff\x01", stored, coded, none, 1, 0, 63)


def test_letters_take_few_bits_and_half_the_step_is_the_worst() -> None:
    glyph = np.zeros((8, 48), np.int32)
    glyph[1:7, 2::6] = glyph[1, 2:40] = 255
    tall = np.tile(glyph, (6, 1))
    coded, none = np.ones(tall.shape, bool), np.zeros(tall.shape, bool)
    sizes = [len(encode_pixels(tall, coded, none, step, 0, 255)) for step in (1, 16)]
    assert 8 * sizes[1] / tall.size < 0.6
    noise = np.random.default_rng(0).integers(0, 256, tall.shape).astype(np.int32)
    assert 8 * len(encode_pixels(noise, coded, none, 1, 0, 255)) / tall.size < 9.5
