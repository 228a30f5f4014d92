"""Round trips of the background mask, its size, and damaged streams."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.entropy.mask import decode_mask, encode_mask
from radcodec.errors import CorruptError, RadcodecError

from .plain import Decisions


@st.composite
def masks(draw: st.DrawFn) -> NDArray[np.bool_]:
    """Draw constants, noise, and noise on a disc."""
    shape = (draw(st.integers(1, 70)), draw(st.integers(1, 70)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mask = random.random(shape) < draw(st.sampled_from([0.0, 0.002, 0.5, 0.998, 1.0]))
    if draw(st.booleans()):
        rows, cols = np.mgrid[: shape[0], : shape[1]]
        mask ^= (rows - shape[0] // 2) ** 2 + (cols - shape[1] // 3) ** 2 > 400
    return mask


def reference_decode(data: bytes, rows: int, cols: int) -> list[list[int]]:
    """Decode as docs/format.md says, in plain Python."""
    bit = Decisions(data, {}, 4).bit
    states: dict[tuple[int, int], int] = {}
    high, wide = -(-rows // 16), -(-cols // 16)
    for y in range(high):
        for x in range(wide):
            context = (
                states.get((y, x - 1), 0)
                + 3 * states.get((y - 1, x), 0)
                + 9 * states.get((y - 1, x + 1), 0)
            )
            states[y, x] = 2 if bit("mixed", context) else bit("set", context)
    pixels = {(y, x): int(states[y // 16, x // 16] == 1) for y in range(rows) for x in range(cols)}
    near = [(-2, -1), (-2, 0), (-2, 1), *((-1, dx) for dx in range(-2, 3)), (0, -2), (0, -1)]
    for y in range(rows):
        for x in range(cols):
            if states[y // 16, x // 16] == 2:
                context = 0
                for dy, dx in near:
                    context = 2 * context + pixels.get((y + dy, x + dx), 0)
                pixels[y, x] = bit("pixel", context)
    return [[pixels[y, x] for x in range(cols)] for y in range(rows)]


@settings(max_examples=150, deadline=None)
@given(masks())
def test_what_is_coded_comes_back(mask: NDArray[np.bool_]) -> None:
    out = decode_mask(encode_mask(mask), *mask.shape)
    assert out.dtype == np.bool_
    assert np.array_equal(out, mask)


@settings(max_examples=25, deadline=None)
@given(masks())
def test_a_plain_decoder_agrees(mask: NDArray[np.bool_]) -> None:
    assert np.array_equal(reference_decode(encode_mask(mask), *mask.shape), mask)


@settings(max_examples=100, deadline=None)
@given(masks(), st.data())
def test_damage_gives_an_error_or_another_mask(
    mask: NDArray[np.bool_], data: st.DataObject
) -> None:
    stream = bytearray(encode_mask(mask) or b"\1")
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(stream)))
    with contextlib.suppress(RadcodecError):
        assert decode_mask(bytes(stream[:cut]), *mask.shape).shape == mask.shape


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100), st.integers(1, 70), st.integers(1, 70))
def test_foreign_bytes_give_an_error_or_a_mask(data: bytes, rows: int, cols: int) -> None:
    with contextlib.suppress(RadcodecError):
        assert decode_mask(data, rows, cols).shape == (rows, cols)


def test_bytes_behind_the_end_are_told() -> None:
    mask = np.ones((40, 40), dtype=bool)
    with pytest.raises(CorruptError, match="behind its end"):
        decode_mask(encode_mask(mask) + bytes(20) + b"\1", 40, 40)
    with pytest.raises(CorruptError, match="zero"):
        decode_mask(encode_mask(mask) + b"\0", 40, 40)


def test_sizes() -> None:
    assert encode_mask(np.zeros((300, 200), dtype=bool)) == b""
    rows, cols = np.mgrid[:512, :512]
    disc = (rows - 256) ** 2 + (cols - 256) ** 2 > 240**2
    assert len(encode_mask(disc)) < 400
    noise = np.random.default_rng(0).random((256, 256)) < 0.5
    assert len(encode_mask(noise)) < 256 * 256 / 8 * 1.05


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4,)])
def test_a_mask_without_pixels_is_a_mistake(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rows and columns"):
        encode_mask(np.zeros(shape, dtype=bool))


@pytest.mark.parametrize("stream", ["ffffffffbca51ed7800b3e", "ffffffff3ec639f3c67f84", "ffffffff"])
def test_a_start_that_no_encoder_writes_is_refused(stream: str) -> None:
    with pytest.raises(CorruptError):
        decode_mask(bytes.fromhex(stream), 100, 120)
