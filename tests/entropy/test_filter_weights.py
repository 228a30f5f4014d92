"""Streams of a filter's weights, against those of the independent decoder."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.entropy import filter_weights as module
from radcodec.entropy.filter_weights import (
    CLASSES,
    LARGEST_WEIGHT,
    SHIFT_BITS,
    decode_weights,
    encode_weights,
    inputs_of,
)
from radcodec.entropy.residual_bits import LARGEST_LOG, LEAST_CHANCE
from radcodec.errors import CorruptError
from tests.entropy.inventing import Inventor
from tests.independent_entropy import Refused
from tests.independent_filter import read_weights, weights_of

SHIFTS = range(1 << SHIFT_BITS)


def largest(shift: int) -> int:
    """Return the largest weight that a shift allows."""
    return LARGEST_WEIGHT >> shift << shift


@st.composite
def filters(draw: st.DrawFn) -> tuple[NDArray[np.int32], int, bool]:
    """Draw any weights, their shift, and whether there is a refinement."""
    shift, refined = draw(st.sampled_from(SHIFTS)), draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = CLASSES, inputs_of(refined)
    most = LARGEST_WEIGHT >> shift
    kind = draw(st.sampled_from(["any", "small", "ends"]))
    if kind == "ends":
        units = random.choice([-most, 0, most], shape)
    else:
        spread = most if kind == "any" else min(draw(st.integers(0, 20)), most)
        units = random.integers(-spread, spread + 1, shape)
    # Classes, and weights of the others, that go on with those of the class before.
    kept = random.random((CLASSES, 1)) < draw(st.sampled_from([0.0, 0.5, 0.9]))
    kept = kept | (random.random(shape) < draw(st.sampled_from([0.0, 0.5, 1.0])))
    for group in range(1, CLASSES):
        units[group, kept[group]] = units[group - 1, kept[group]]
    return units.astype(np.int32) << shift, shift, refined


def read_back(weights: NDArray[np.int32], shift: int, refined: bool) -> bytes:
    """Code weights and see that both decoders return them; the stream."""
    stream = encode_weights(weights, shift)
    assert not stream.endswith(b"\0")
    found = decode_weights(stream, refined)
    assert found.dtype == np.int32
    assert np.array_equal(found, weights)
    assert weights_of(stream, refined) == weights.tolist()
    return stream


@settings(max_examples=80, deadline=None)
@given(filters())
def test_weights_come_back(drawn: tuple[NDArray[np.int32], int, bool]) -> None:
    weights, shift, refined = drawn
    before = weights.copy()
    read_back(weights, shift, refined)
    assert np.array_equal(weights, before)


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize("shift", SHIFTS)
def test_the_largest_steps(shift: int, refined: bool) -> None:
    ends = np.where(np.indices((CLASSES, inputs_of(refined))).sum(axis=0) % 2, 1, -1)
    read_back((ends * largest(shift)).astype(np.int32), shift, refined)


@pytest.mark.parametrize("refined", [False, True])
def test_no_weights_take_no_bytes(refined: bool) -> None:
    assert read_back(np.zeros((CLASSES, inputs_of(refined)), np.int32), 0, refined) == b""


def test_classes_that_share_their_weights_take_few_bytes() -> None:
    weights = np.zeros((CLASSES, inputs_of(False)), np.int32)
    weights[7:] = np.random.default_rng(1).integers(-30, 31, weights.shape[1])
    assert len(read_back(weights, 0, False)) < 25


def test_coarse_weights_are_cheaper_with_their_shift() -> None:
    units = np.random.default_rng(2).integers(-40, 41, (CLASSES, inputs_of(True)), np.int32)
    sizes = [len(read_back(units << 3, shift, True)) for shift in SHIFTS]
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3]


def test_weights_are_clamped() -> None:
    """A step beyond the largest weight, which no encoder needs, leads to just that."""
    steps: dict[tuple[object, ...], int] = {("sign", 0): 0}
    coder = Inventor(lambda context: steps.get(context, 1 if context else 0))
    found = read_weights(coder, False)
    assert found[0][:12] == [LARGEST_WEIGHT] * 12
    assert found[0][12:] == [-LARGEST_WEIGHT] * 9
    assert decode_weights(coder.end(), False).tolist() == found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([0.1, 0.5, 0.9]))
def test_any_decisions_decode_alike(seed: int, refined: bool, share: float) -> None:
    random = np.random.default_rng(seed)
    coder = Inventor(lambda _: int(random.random() < share))
    found = read_weights(coder, refined)
    stream = coder.end()
    assert decode_weights(stream, refined).tolist() == found
    assert np.abs(found).max() <= LARGEST_WEIGHT


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_foreign_bytes_are_refused_by_both_or_decode_alike(stream: bytes, refined: bool) -> None:
    try:
        wanted = weights_of(stream, refined)
    except Refused:
        with pytest.raises(CorruptError, match="filter"):
            decode_weights(stream, refined)
        return
    assert decode_weights(stream, refined).tolist() == wanted


@pytest.mark.parametrize("refined", [False, True])
def test_what_is_refused(refined: bool) -> None:
    weights = np.full((CLASSES, inputs_of(refined)), 100, np.int32)
    stream = encode_weights(weights, 2)
    for damaged in (stream + b"\0", b"\0", b"\xff" * 4, b"\xff" * 4 + stream):
        with pytest.raises(CorruptError, match="filter: the stream is not valid"):
            decode_weights(damaged, refined)
    with pytest.raises(CorruptError, match="filter: bytes behind the weights"):
        decode_weights(stream + bytes(4) + b"\1", refined)


def test_room_for_the_dearest_weight() -> None:
    """What no weights can take more than: every decision being the least likely one."""
    # Whether any differs, whether this one does, its sign, the logarithm, and digits.
    decisions = 3 + LARGEST_LOG + LARGEST_LOG
    # The range has at least 24 bits, so that its upper 16 are off by less than 1/256.
    bits = math.log2(2**16 / LEAST_CHANCE * (1 + 1 / 256))
    assert decisions * bits / 8 < module._MOST_BYTES


@pytest.mark.parametrize("period", [1, 2, 5, 21])
def test_dear_weights_stay_within_the_room(period: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written behind what the encoder has reckoned with."""
    rows = np.arange(CLASSES)[:, None] // period % 2
    weights = np.where(rows, LARGEST_WEIGHT, -LARGEST_WEIGHT).repeat(inputs_of(True), axis=1)
    weights[:, ::3] //= 2
    stream = encode_weights(weights.astype(np.int32), 0)
    assert len(stream) < weights.size * module._MOST_BYTES / 4
    monkeypatch.setattr(module, "_MOST_BYTES", 4 * module._MOST_BYTES)
    assert encode_weights(weights.astype(np.int32), 0) == stream
