"""JPEG-LS planes: round trips at all depths, bounds, and streams that are refused."""

from __future__ import annotations

import struct
import tracemalloc

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.codec.jpegls import decode_jpegls, encode_jpegls
from radcodec.errors import CorruptError
from tests.codec.samples import scene

SHAPE = (40, 50)


def coded(values: NDArray[np.int32], bits: int, signed: bool = False, bound: int = 0) -> bytes:
    """Encode values that JPEG-LS can take."""
    found = encode_jpegls(values, bits, signed, bound)
    assert found is not None
    stream, decoded = found
    assert np.array_equal(decode_jpegls(stream, *SHAPE, bits, signed), decoded)
    assert np.abs(decoded - values).max() <= bound
    return stream


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bound", [0, 1, 5])
def test_round_trip(bits: int, signed: bool, bound: int) -> None:
    values = scene(1, 1, *SHAPE, bits)[0, 0] - ((1 << (bits - 1)) if signed else 0)
    if bound > ((1 << max(bits, 2)) - 1) // 2:
        assert encode_jpegls(values, bits, signed, bound) is None
        return
    stream = coded(values, bits, signed, bound)
    # Another decoder's opinion.
    other = imagecodecs.jpegls_decode(stream).astype(np.int32)
    other -= (1 << (bits - 1)) if signed else 0
    assert np.array_equal(other, decode_jpegls(stream, *SHAPE, bits, signed))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_image_round_trips_or_is_left_to_others(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    bits, signed = data.draw(st.integers(1, 16)), data.draw(st.booleans())
    low = -(1 << (bits - 1)) if signed else 0
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    span = data.draw(st.sampled_from([1, 1 << bits]))
    values = random.integers(low, low + span, (rows, columns), dtype=np.int32)
    bound = data.draw(st.sampled_from([0, 1, 5, 300]))
    found = encode_jpegls(values, bits, signed, bound)
    if found is None:
        return
    stream, decoded = found
    assert np.abs(decoded - values).max() <= bound
    assert np.array_equal(decode_jpegls(stream, rows, columns, bits, signed), decoded)


@pytest.mark.parametrize("shape", [(1, 2**16), (2**16, 1)])
def test_sides_beyond_jpegls_are_left_to_others(shape: tuple[int, int]) -> None:
    assert encode_jpegls(np.zeros(shape, np.int32), 8, False, 0) is None


def test_seventeen_bits_are_left_to_others() -> None:
    assert encode_jpegls(np.zeros(SHAPE, np.int32), 17, True, 0) is None


@pytest.mark.parametrize(
    ("rows", "columns", "bits"), [(50, 40, 12), (40, 51, 12), (39, 50, 12), (40, 50, 11), (4, 5, 8)]
)
def test_a_stream_of_another_size_or_depth_is_refused(rows: int, columns: int, bits: int) -> None:
    stream = coded(scene(1, 1, *SHAPE, 12)[0, 0], 12)
    with pytest.raises(CorruptError, match=f"JPLS.*{columns} x {rows} pixels of {bits} bits"):
        decode_jpegls(stream, rows, columns, bits, False)


def test_a_stream_of_several_components_is_refused() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    with pytest.raises(CorruptError, match=r"JPLS.*one component"):
        decode_jpegls(bytes(imagecodecs.jpegls_encode(colour)), *SHAPE, 8, False)


def test_every_truncation_is_told() -> None:
    stream = coded(scene(1, 1, *SHAPE, 12)[0, 0], 12)
    for length in range(len(stream)):
        with pytest.raises(CorruptError, match=r"JPLS.*again from its source"):
            decode_jpegls(stream[:length], *SHAPE, 12, False)


def test_changed_bytes_are_told_or_give_an_image_in_range() -> None:
    stream = coded(scene(1, 1, *SHAPE, 12)[0, 0], 12)
    for place in range(len(stream)):
        broken = bytearray(stream)
        broken[place] ^= 0x55
        try:
            values = decode_jpegls(bytes(broken), *SHAPE, 12, False)
        except CorruptError:
            continue
        assert values.shape == SHAPE
        assert values.min() >= 0 and values.max() < 4096


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(noise: bytes) -> None:
    for stream in (noise, b"\xff\xd8" + noise, b"\xff\xd8\xff\xf7" + noise):
        with pytest.raises(CorruptError, match="JPLS"):
            decode_jpegls(stream, *SHAPE, 8, False)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_behind_a_right_header_are_refused_or_decode(noise: bytes) -> None:
    frame = struct.pack(">4HB2HB3B", 0xFFD8, 0xFFF7, 11, 0, 0, 0, 0, 0, 0, 0, 0)[:6]
    frame += struct.pack(">B2H4B", 8, *SHAPE, 1, 1, 0x11, 0)
    scan = struct.pack(">2H6B", 0xFFDA, 8, 1, 1, 0, 0, 0, 0)
    try:
        values = decode_jpegls(frame + scan + noise, *SHAPE, 8, False)
    except CorruptError:
        return
    assert values.shape == SHAPE


def test_a_claim_of_many_pixels_takes_no_memory() -> None:
    stream = bytearray(coded(scene(1, 1, *SHAPE)[0, 0], 8))
    at = stream.index(b"\xff\xf7") + 5
    stream[at : at + 4] = b"\xff" * 4
    tracemalloc.start()
    try:
        with pytest.raises(CorruptError, match="JPLS"):
            decode_jpegls(bytes(stream), *SHAPE, 8, False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**16


@pytest.mark.parametrize("signed", [False, True])
def test_values_of_more_bits_than_the_plane_has_are_refused(signed: bool) -> None:
    """A precision of one bit is below what JPEG-LS has, so its streams take two."""
    stream = bytes(imagecodecs.jpegls_encode(np.full(SHAPE, 3, np.uint8)))
    at = stream.index(b"\xff\xf7") + 4
    two = stream[:at] + b"\2" + stream[at + 1 :]
    with pytest.raises(CorruptError, match="JPLS"):
        decode_jpegls(two, *SHAPE, 1, signed)
