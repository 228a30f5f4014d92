"""Blocks coded as pixels: round trips, a plain second coder, and damaged streams."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.entropy.pixels import (
    area_of,
    decode_flags,
    decode_pixels,
    encode_flags,
    encode_pixels,
    open_blocks,
)
from radcodec.errors import CorruptError

from .plain_pixels import Writer, magnitude, reader, walk_flags, walk_values


@dataclass(frozen=True)
class Tile:
    """What `encode_pixels` takes."""

    stored: NDArray[np.int32]
    coded: NDArray[np.bool_]
    background: NDArray[np.bool_]
    step: int
    low: int
    high: int

    @property
    def blank(self) -> NDArray[np.int32]:
        """The tile as a decoder has it before: the background, and what networks gave."""
        return np.where(self.background, self.stored, 77).astype(np.int32)

    def encode(self) -> bytes:
        """Code the tile."""
        return encode_pixels(
            self.stored, self.coded, self.background, self.step, self.low, self.high
        )

    def decode(self, data: bytes) -> NDArray[np.int32]:
        """Decode a stream for a tile of this shape."""
        return decode_pixels(
            data, self.blank, self.coded, self.background, self.step, self.low, self.high
        )


def pattern(kind: str, shape: tuple[int, int], random: np.random.Generator) -> NDArray[np.float64]:
    """Return values of 0 to 1: noise, a smooth ramp with a little noise, letters, or a constant."""
    if kind == "noise":
        return random.random(shape)
    if kind == "ramp":
        rows, cols = np.indices(shape)
        return np.clip((rows + 2 * cols) / (sum(shape) * 2) + random.normal(0, 0.01, shape), 0, 1)
    if kind == "letters":
        return np.repeat(random.integers(0, 2, (shape[0], -(-shape[1] // 2))), 2, axis=1)[
            :, : shape[1]
        ].astype(np.float64)
    return np.full(shape, random.random())


@st.composite
def tiles(draw: st.DrawFn, side: int = 24) -> Tile:
    """Draw tiles of all depths, with and without background and what networks code."""
    shape = (draw(st.integers(1, side)), draw(st.integers(1, side)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    least, most = draw(st.sampled_from([(0, 255), (0, 2**16 - 1), (-(2**15), 2**15 - 1)]))
    low = draw(st.integers(least, most))
    low, high = draw(st.sampled_from([(least, most), (low, low), (low, most)]))
    kind = draw(st.sampled_from(["noise", "ramp", "letters", "constant"]))
    stored = np.rint(low + pattern(kind, shape, random) * (high - low)).astype(np.int32)
    background = random.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    # The background's value may lie outside of what the map covers.
    stored[background] = draw(st.integers(least, most))
    coded = ~background & (random.random(shape) < draw(st.sampled_from([0.0, 0.05, 0.7, 1.0])))
    step = draw(st.sampled_from([1, 2, 3, 64, 2**16 - 1]) | st.integers(1, 2**16 - 1))
    return Tile(stored, coded, background, step, low, high)


@settings(max_examples=300, deadline=None)
@given(tiles())
def test_no_coded_pixel_is_off_by_more_than_half_a_step(tile: Tile) -> None:
    before = tile.stored.copy()
    out = tile.decode(tile.encode())
    assert np.array_equal(tile.stored, before)
    assert out.dtype == np.int32
    assert np.array_equal(out[~tile.coded], tile.blank[~tile.coded])
    off = np.abs(out.astype(np.int64) - tile.stored)[tile.coded]
    assert off.max(initial=0) <= tile.step >> 1
    if tile.step == 1:
        assert np.array_equal(out[tile.coded], tile.stored[tile.coded])
    values = out[tile.coded]
    assert ((values >= tile.low) & (values <= tile.high)).all()


@settings(max_examples=150, deadline=None)
@given(tiles(side=14))
def test_a_plain_coder_agrees(tile: Tile) -> None:
    """Byte for byte, and pixel for pixel on the way back."""
    data, writer = tile.encode(), Writer()
    coded, background = tile.coded.tolist(), tile.background.tolist()
    range_of = (tile.step, tile.low, tile.high)
    restored = walk_values(writer.bit, tile.stored.tolist(), coded, background, *range_of)
    assert data == writer.end()
    coder, bit = reader(data)
    found = walk_values(bit, tile.blank.tolist(), coded, background, *range_of)
    assert len(data) <= coder.taken
    assert tile.decode(data).tolist() == found
    assert np.array_equal(np.array(found)[tile.coded], np.array(restored)[tile.coded])


@settings(max_examples=50, deadline=None)
@given(tiles())
def test_where_nothing_is_coded_there_are_no_bytes(tile: Tile) -> None:
    none = Tile(
        tile.stored, np.zeros_like(tile.coded), tile.background, tile.step, tile.low, tile.high
    )
    assert none.encode() == b""
    assert np.array_equal(none.decode(b""), tile.blank)
    for stream in (b"\1", b"abcd"):
        with pytest.raises(CorruptError, match="values are not valid"):
            none.decode(stream)


def decoded_or_refused(tile: Tile, stream: bytes) -> None:
    """See that a stream is refused, or gives values of the range, within the coded pixels."""
    with contextlib.suppress(CorruptError):
        out = tile.decode(stream)
        assert np.array_equal(out[~tile.coded], tile.blank[~tile.coded])
        values = out[tile.coded]
        assert ((values >= tile.low) & (values <= tile.high)).all()


@settings(max_examples=200, deadline=None)
@given(tiles(), st.data())
def test_damage_gives_an_error_or_other_values(tile: Tile, data: st.DataObject) -> None:
    stream = bytearray(tile.encode() or b"\1")
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    decoded_or_refused(tile, bytes(stream[: data.draw(st.integers(0, len(stream)))]))


@settings(max_examples=200, deadline=None)
@given(tiles(), st.binary(max_size=300))
def test_foreign_bytes_give_an_error_or_values(tile: Tile, stream: bytes) -> None:
    decoded_or_refused(tile, stream)


def whole(values: list[list[int]], step: int = 1, low: int = 0, high: int = 255) -> Tile:
    """Return a tile that is coded from end to end."""
    stored = np.array(values, dtype=np.int32)
    every = np.ones(stored.shape, dtype=bool)
    return Tile(stored, every, ~every, step, low, high)


def test_what_is_foreseen_takes_no_bytes() -> None:
    assert whole([[127] * 40] * 50).encode() == b""
    assert whole([[-1] * 8], low=-2, high=1).encode() == b""


@pytest.mark.parametrize("low", [-(2**15), 0])
def test_the_largest_errors(low: int) -> None:
    high = low + 2**16 - 1
    values = [[low, high, low, high] * 5, [high, low, low, high] * 5] * 10
    tile = whole(values, 1, low, high)
    assert tile.decode(tile.encode()).tolist() == values


@pytest.mark.parametrize("negative", [0, 1])
def test_the_largest_logarithm_has_no_end(negative: int) -> None:
    """After 17 decisions 1 the bits follow at once; what they give is clamped."""
    writer = Writer()
    writer.bit("error", 0, 1)
    writer.bit("sign", 0, negative)
    assert magnitude(writer.bit, 0, 2**18 - 1) == 2**18 - 1
    tile = whole([[0]], 2**16 - 1, -300, 200)
    assert tile.decode(writer.end()).tolist() == [[-300 if negative else 200]]


def test_bytes_behind_the_end_are_told() -> None:
    tile = whole(np.random.default_rng(1).integers(0, 256, (9, 9)).tolist())
    data = tile.encode()
    with pytest.raises(CorruptError, match="behind the values"):
        tile.decode(data + bytes(8) + b"\1")
    with pytest.raises(CorruptError, match="values are not valid"):
        tile.decode(data + b"\0")
    with pytest.raises(CorruptError, match="values are not valid"):
        tile.decode(b"\xff" * 4 + data)


def test_sizes() -> None:
    random = np.random.default_rng(2)
    noise = whole(random.integers(0, 256, (64, 64)).tolist())
    assert len(noise.encode()) < 64 * 64 * 1.25
    letters = (random.random((8, 8)) < 0.5).repeat(8, axis=0).repeat(8, axis=1) * 255
    assert len(whole(letters.tolist()).encode()) < 64 * 64 / 8
    strokes = np.zeros((8, 48), dtype=np.int32)
    strokes[1:7, 2::6] = strokes[1, 2:40] = 255
    coarse = whole(np.tile(strokes, (6, 1)).tolist(), 16)
    assert 8 * len(coarse.encode()) < 0.6 * coarse.stored.size


@st.composite
def flagged(draw: st.DrawFn) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw a background and flags of blocks; some blocks are all background."""
    shape = (draw(st.integers(1, 90)), draw(st.integers(1, 90)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    background = random.random(shape) < draw(st.sampled_from([0.0, 0.1, 1.0]))
    background[: shape[0] // 2, shape[1] // 3 :] = draw(st.booleans())
    blocks = open_blocks(background).shape
    return random.random(blocks) < draw(st.sampled_from([0.0, 0.1, 0.6, 1.0])), background


@settings(max_examples=150, deadline=None)
@given(flagged())
def test_flags_come_back(drawn: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> None:
    flags, background = drawn
    open_ = open_blocks(background)
    data = encode_flags(flags, open_)
    out = decode_flags(data, open_)
    assert out.dtype == np.bool_
    assert np.array_equal(out, flags & open_)
    assert data or not out.any()


@settings(max_examples=100, deadline=None)
@given(flagged())
def test_a_plain_coder_of_flags_agrees(
    drawn: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> None:
    flags, background = drawn
    writer = Writer()
    walk_flags(writer.bit, flags.astype(int).tolist(), background.tolist())
    data = encode_flags(flags, open_blocks(background))
    assert data == writer.end()
    coder, bit = reader(data)
    found = walk_flags(bit, [[0] * flags.shape[1]] * len(flags), background.tolist())
    assert np.array_equal(found, decode_flags(data, open_blocks(background)))
    assert len(data) <= coder.taken


@settings(max_examples=100, deadline=None)
@given(flagged(), st.binary(max_size=40))
def test_foreign_bytes_give_an_error_or_flags(
    drawn: tuple[NDArray[np.bool_], NDArray[np.bool_]], stream: bytes
) -> None:
    open_ = open_blocks(drawn[1])
    with contextlib.suppress(CorruptError):
        out = decode_flags(stream, open_)
        assert out.shape == open_.shape
        assert not out[~open_].any()


def test_bytes_behind_the_flags_are_told() -> None:
    flags = np.random.default_rng(3).random((12, 13)) < 0.4
    every = np.ones(flags.shape, dtype=bool)
    data = encode_flags(flags, every)
    with pytest.raises(CorruptError, match="behind the flags"):
        decode_flags(data + bytes(8) + b"\1", every)
    for stream in (data + b"\0", b"\xff" * 4, b"\xff" * 4 + data):
        with pytest.raises(CorruptError, match="flags are not valid"):
            decode_flags(stream, every)
    assert encode_flags(flags, ~every) == b""
    with pytest.raises(CorruptError, match="flags are not valid"):
        decode_flags(b"\1", ~every)


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 8), (8, 16), (17, 31), (1, 40)])
def test_blocks_at_the_edges_are_cut_off(shape: tuple[int, int]) -> None:
    rows, cols = shape
    background = np.ones(shape, dtype=bool)
    blocks = (-(-rows // 8), -(-cols // 8))
    assert np.array_equal(open_blocks(background), np.zeros(blocks, dtype=bool))
    background[-1, -1] = False
    last = np.zeros(blocks, dtype=bool)
    last[-1, -1] = True
    assert np.array_equal(open_blocks(background), last)
    area = area_of(last, rows, cols)
    assert area.shape == shape
    assert area.sum() == ((rows - 1) % 8 + 1) * ((cols - 1) % 8 + 1)
    assert area[-1, -1]
