"""Residuals: bound on the error, a second coder, and damaged streams."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file

from radcodec.entropy.residual import decode_residual, encode_residual
from radcodec.errors import CorruptError
from tests.independent_entropy import Refused, residual_values, values_in_use
from tests.independent_entropy import decode_residual as decode_independently

from .inventing import Inventor


@dataclass(frozen=True)
class Tile:
    """What `encode_residual` takes."""

    stored: NDArray[np.int32]
    base: NDArray[np.int32] | None
    background: NDArray[np.bool_]
    step: int
    low: int
    high: int

    @property
    def blank(self) -> NDArray[np.int32]:
        """The tile as a decoder has it before: the background alone."""
        return np.where(self.background, self.stored, 77).astype(np.int32)

    def encode(self) -> tuple[bytes, NDArray[np.int32]]:
        """Code the tile."""
        return encode_residual(
            self.stored, self.base, self.background, self.step, self.low, self.high
        )

    def decode(self, data: bytes) -> NDArray[np.int32]:
        """Decode a stream for a tile of this shape."""
        return decode_residual(
            data, self.base, self.background, self.blank, self.step, self.low, self.high
        )

    def check(self) -> bytes:
        """See that the tile comes back within the bound; return its stream."""
        before = self.stored.copy()
        data, restored = self.encode()
        assert np.array_equal(self.stored, before)
        assert restored.dtype == np.int32
        assert np.array_equal(self.decode(data), restored)
        off = np.abs(restored.astype(np.int64) - self.stored)
        assert off.max() <= self.step >> 1
        assert not off[self.background].any()
        inside = restored[~self.background]
        assert ((inside >= self.low) & (inside <= self.high)).all()
        return data


def whole(values: object, step: int = 1, low: int | None = None, high: int | None = None) -> Tile:
    """Return a tile without background and base."""
    stored = np.array(values, dtype=np.int32)
    low = int(stored.min()) if low is None else low
    high = int(stored.max()) if high is None else high
    return Tile(stored, None, np.zeros(stored.shape, dtype=bool), step, low, high)


def pattern(kind: str, shape: tuple[int, int], random: np.random.Generator) -> NDArray[np.float64]:
    """Return values of 0 to 1: noise, a noisy ramp, letters, extremes or a constant."""
    if kind == "noise":
        return random.random(shape)
    if kind == "ramp":
        rows, cols = np.indices(shape)
        return np.clip((rows + 2 * cols) / (sum(shape) * 2) + random.normal(0, 0.01, shape), 0, 1)
    if kind == "letters":
        few = random.integers(0, 2, (shape[0], -(-shape[1] // 2)))
        return np.repeat(few, 2, axis=1)[:, : shape[1]].astype(np.float64)
    if kind == "extremes":
        board: NDArray[np.float64] = (np.indices(shape).sum(axis=0) % 2).astype(np.float64)
        return board
    return np.full(shape, random.random())


@st.composite
def tiles(draw: st.DrawFn, side: int = 24) -> Tile:
    """Draw tiles of all depths, with and without background, base and values not in use."""
    shape = (draw(st.integers(1, side)), draw(st.integers(1, side)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    least, most = draw(st.sampled_from([(0, 255), (0, 2**16 - 1), (-(2**15), 2**15 - 1)]))
    low = draw(st.integers(least, most))
    low, high = draw(st.sampled_from([(least, most), (low, low), (low, most)]))
    kind = draw(st.sampled_from(["noise", "ramp", "letters", "extremes", "constant"]))
    levels = draw(st.sampled_from([high - low, 2, 40]))
    values = np.rint(pattern(kind, shape, random) * levels) / max(levels, 1)
    stored = np.rint(low + values * (high - low)).astype(np.int32)
    background = random.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    stored[background] = draw(st.integers(least, most))
    base = None
    if draw(st.booleans()):
        spread = draw(st.sampled_from([0, 2, 500]))
        base = (stored + random.integers(-spread, spread + 1, shape)).astype(np.int32)
    error = draw(st.sampled_from([0, 1, 2, 4, 300, 2**15 - 1]) | st.integers(0, 2**15 - 1))
    return Tile(stored, base, background, 2 * error + 1, low, high)


@settings(max_examples=300, deadline=None)
@given(tiles())
def test_no_pixel_is_off_by_more_than_the_bound(tile: Tile) -> None:
    tile.check()


@settings(max_examples=100, deadline=None)
@given(tiles(side=14))
def test_an_independent_decoder_agrees(tile: Tile) -> None:
    data, restored = tile.encode()
    found = tile.blank
    decode_independently(data, tile.base, found, tile.background, (tile.step, tile.low, tile.high))
    assert np.array_equal(found, restored)


def group_of(context: tuple[object, ...]) -> str:
    """Name of the group of a decision; none of even ones."""
    return str(context[0]) if context else ""


@settings(max_examples=100, deadline=None)
@given(tiles(side=10), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.5, 0.9]))
def test_streams_of_any_decisions_are_decoded_alike(tile: Tile, seed: int, share: float) -> None:
    """Another encoder may choose weights, values in use and errors that ours would not."""
    if tile.background.all():
        return
    random = np.random.default_rng(seed)
    # So that values in use are few, and more often than not there are none listed.
    shares = {"listed": 0.4, "gap": 0.8, "any weight differs": 0.3, "weight differs": share}
    coder = Inventor(lambda context: int(random.random() < shares.get(group_of(context), share)))
    try:
        wanted = residual_values(coder, tile.base, tile.background, tile.step, tile.low, tile.high)
    except Refused:
        with pytest.raises(CorruptError, match="no value is in use"):
            tile.decode(coder.end())
        return
    coded = ~tile.background
    assert np.array_equal(tile.decode(coder.end())[coded], wanted[coded])


@pytest.mark.parametrize("error", [0, 1, 2, 4, 50])
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_scans(name: str, error: int) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    tile = whole(dcmread(path).pixel_array, 2 * error + 1)
    noise = np.random.default_rng(1).integers(-9, 10, tile.stored.shape)
    size = len(tile.check())
    based = replace(tile, base=(tile.stored + noise).astype(np.int32))
    assert len(based.check()) < size
    masked = replace(tile, background=tile.stored <= np.quantile(tile.stored, 0.3))
    assert len(masked.check()) < size


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (37, 1), (2, 2), (3, 200)])
@pytest.mark.parametrize("error", [0, 3])
def test_narrow_tiles(shape: tuple[int, int], error: int) -> None:
    random = np.random.default_rng(4)
    for low, high in ((0, 4095), (-(2**15), 2**15 - 1), (-5, -5)):
        whole(random.integers(low, high + 1, shape), 2 * error + 1, low, high).check()


def test_where_all_is_background_there_are_no_bytes() -> None:
    tile = replace(whole([[3, 4], [5, 6]]), background=np.ones((2, 2), dtype=bool))
    assert tile.check() == b""
    for stream in (b"\1", b"abcd"):
        with pytest.raises(CorruptError, match="not valid"):
            tile.decode(stream)


def test_flat_areas_take_next_to_nothing() -> None:
    assert len(whole(np.full((512, 512), 7)).check()) < 30
    dot = np.zeros((512, 512), dtype=np.int32)
    dot[100:120, 200:230] = 4000
    assert 8 * len(whole(dot).check()) < 0.005 * dot.size


def test_values_that_are_not_in_use_take_no_bits() -> None:
    random = np.random.default_rng(5)
    few = np.cumsum(random.integers(-1, 2, (64, 64)), axis=1) % 200
    size = len(whole(few).check())
    for spread in (few * 256, few * 16 - 2000, few * 64 + few // 4):
        assert len(whole(spread).check()) < size + 40
    # Without loss it is smaller than with loss and every value possible.
    assert len(whole(few * 256, 3).check()) < size + 40


def test_noise_hardly_grows() -> None:
    noise = whole(np.random.default_rng(6).integers(-(2**15), 2**15, (256, 256)))
    assert len(noise.check()) < 1.03 * 2 * noise.stored.size


@pytest.mark.parametrize("low", [-(2**15), 0])
def test_the_largest_errors(low: int) -> None:
    high = low + 2**16 - 1
    values = [[low, high, low, high] * 5, [high, low, low, high] * 5, [low] * 19 + [high]] * 10
    whole(values).check()
    far = replace(whole(values), base=np.full((30, 20), 2**31 - 1, dtype=np.int32))
    far.check()


def decoded_or_refused(tile: Tile, stream: bytes) -> None:
    """See that a stream is refused, or gives values of the range."""
    with contextlib.suppress(CorruptError):
        out = tile.decode(stream)
        assert np.array_equal(out[tile.background], tile.stored[tile.background])
        values = out[~tile.background]
        assert ((values >= tile.low) & (values <= tile.high)).all()


@settings(max_examples=200, deadline=None)
@given(tiles(), st.data())
def test_damage_gives_an_error_or_other_values(tile: Tile, data: st.DataObject) -> None:
    stream = bytearray(tile.encode()[0] or b"\1")
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    decoded_or_refused(tile, bytes(stream[: data.draw(st.integers(0, len(stream)))]))


@settings(max_examples=300, deadline=None)
@given(tiles(), st.binary(max_size=300))
def test_foreign_bytes_give_an_error_or_values(tile: Tile, stream: bytes) -> None:
    decoded_or_refused(tile, stream)


def test_every_truncation_gives_an_error_or_values() -> None:
    random = np.random.default_rng(7)
    for spread in (1, 100):
        tile = whole(np.cumsum(random.integers(-3, 4, (20, 20)), axis=0) * spread)
        data = tile.check()
        for end in range(len(data)):
            decoded_or_refused(tile, data[:end])


def test_bytes_behind_the_end_are_told() -> None:
    tile = whole(np.random.default_rng(1).integers(0, 256, (9, 9)))
    data = tile.check()
    with pytest.raises(CorruptError, match="behind the values"):
        tile.decode(data + bytes(8) + b"\1")
    with pytest.raises(CorruptError, match="not valid"):
        tile.decode(data + b"\0")
    with pytest.raises(CorruptError, match="not valid"):
        tile.decode(b"\xff" * 4 + data)


def test_a_list_of_no_values_is_refused() -> None:
    coder = Inventor(lambda context: int(context != ("same", 0)))
    with pytest.raises(Refused):
        values_in_use(coder, 0, 255)
    tile = whole([[0, 255]])
    with pytest.raises(CorruptError, match="no value is in use"):
        tile.decode(coder.end())
    with pytest.raises(Refused, match="no value is in use"):
        decode_independently(coder.end(), None, tile.blank, tile.background, (1, 0, 255))
