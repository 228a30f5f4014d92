"""Mixed decisions: round trips, what experience is worth, and damaged streams."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.entropy.latents import best_set, decode_tile, encode_tile
from radcodec.entropy.mixing import Experience, decode_mixed, encode_mixed, learnt
from radcodec.entropy.symbols import LARGEST
from radcodec.entropy.tables import TableSet
from radcodec.errors import CorruptError
from tests.independent_entropy import Refused
from tests.independent_mixing import decode_latent
from tests.independent_mixing import decode_mixed as decode_independently

from .samples import (
    MIXED,
    NO_SKIP,
    blank,
    laplacian,
    latents,
    sampled,
    scan,
    sets_for,
    trained,
    wild,
    with_recall,
)


class Case:
    """A latent with what it is coded by."""

    def __init__(
        self, q: NDArray[np.int32], skip: NDArray[np.bool_], which: str, predicted: bool
    ) -> None:
        self.q, self.skip, self.which, self.predicted = q, skip, which, predicted
        self.order = scan(len(q))
        by_name = {"blank": blank, "sampled": sampled, "wild": wild}
        self.experience = by_name[which](len(q))

    def __repr__(self) -> str:
        """Tell a failing example."""
        return f"Case({self.q!r}, {self.skip!r}, {self.which!r}, {self.predicted})"

    def encoded(self) -> bytes:
        """Return the stream."""
        return encode_mixed(
            self.q, self.skip, self.order, self.experience, predicted=self.predicted
        )

    def decoded(self, data: bytes) -> NDArray[np.int32]:
        """Decode a stream as the package does."""
        return decode_mixed(
            data, self.q.shape, self.skip, self.order, self.experience, predicted=self.predicted
        )

    def decoded_independently(self, data: bytes) -> NDArray[np.int64]:
        """Decode a stream as the document has it."""
        found = self.experience
        arrays = found.chances, found.sightings, found.weights
        out: NDArray[np.int64] = decode_independently(
            data, self.skip, self.order, self.predicted, arrays
        )
        return out


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw latents with escapes and the largest values, and experience."""
    q, skip = draw(latents())
    flat = q.reshape(-1)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, q.size - 1))
        flat[place] = draw(st.sampled_from([-LARGEST, LARGEST, 13, -14, 15, 254, -255, 256]))
    which = draw(st.sampled_from(["blank", "sampled", "wild"]))
    return Case(q, skip, which, draw(st.booleans()))


def outcome(case: Case, data: bytes) -> tuple[object, object]:
    """Return what both decoders make of a stream, None where it is refused."""
    first = second = None
    with contextlib.suppress(CorruptError):
        first = case.decoded(data).tolist()
    with contextlib.suppress(Refused):
        second = case.decoded_independently(data).tolist()
    return first, second


@settings(max_examples=150, deadline=None)
@given(cases())
def test_what_is_coded_comes_back(case: Case) -> None:
    out = case.decoded(case.encoded())
    assert out.dtype == np.int32
    assert out.flags.c_contiguous
    assert np.array_equal(out[:, ~case.skip], case.q[:, ~case.skip])
    assert not out[1:, case.skip].any()
    assert case.predicted or not out[0, case.skip].any()


@settings(max_examples=25, deadline=None)
@given(cases(), st.integers(0, 2**32 - 1))
def test_an_independent_decoder_agrees(case: Case, seed: int) -> None:
    data = case.encoded()
    assert np.array_equal(case.decoded(data), case.decoded_independently(data))
    random = np.random.default_rng(seed)
    damaged = bytearray(data or b"\1")
    damaged[random.integers(len(damaged))] ^= int(random.integers(1, 256))
    for other in (bytes(damaged), data[: len(data) // 2], data + b"\1", random.bytes(20)):
        first, second = outcome(case, other)
        assert first == second


@pytest.mark.parametrize("channels", [3, 64])
@pytest.mark.parametrize("predicted", [False, True])
def test_any_number_of_channels(channels: int, predicted: bool) -> None:
    q = laplacian(2, (channels, 4, 5), 3.0)
    case = Case(q, NO_SKIP[:4, :5], "blank", predicted)
    data = case.encoded()
    assert np.array_equal(case.decoded(data), q)
    assert np.array_equal(case.decoded_independently(data), q)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("which", ["blank", "sampled", "wild"])
@pytest.mark.parametrize("predicted", [False, True])
def test_the_largest_values_survive(sign: int, which: str, predicted: bool) -> None:
    """With prediction, the errors of channel 0 are twice as large."""
    q = np.full((5, 2, 2), sign * LARGEST, dtype=np.int32)
    q[:, 0, 1] = -sign * LARGEST
    case = Case(q, np.zeros((2, 2), dtype=bool), which, predicted)
    data = case.encoded()
    assert np.array_equal(case.decoded(data), q)
    assert np.array_equal(case.decoded_independently(data), q)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("before", [-LARGEST, -1, 0, 1, LARGEST])
def test_larger_values_in_a_stream_are_told(sign: int, before: int) -> None:
    """Errors of a prediction stand for values where there is none."""
    q = sign * np.array([[[before, LARGEST]]], dtype=np.int32)
    data = Case(q, NO_SKIP[:1, :2], "blank", True).encoded()
    without = Case(q, NO_SKIP[:1, :2], "blank", False)
    first, second = outcome(without, data)
    assert (
        first
        == second
        == (None if before < 0 else (sign * np.array([[[before, LARGEST - before]]])).tolist())
    )


def test_experience_is_worth_something_and_stays_as_it_is() -> None:
    for predicted in (False, True):
        found = sampled(16, predicted)
        after: list[NDArray[np.generic]] = [found.chances, found.sightings, found.weights]
        before = [values.copy() for values in after]
        q = laplacian(7, (16, 24, 24), 2.0)
        sizes = []
        for experience in (found, blank(16)):
            data, again = (
                encode_mixed(q, NO_SKIP, scan(16), experience, predicted=predicted)
                for _ in range(2)
            )
            assert data == again
            args = data, q.shape, NO_SKIP, scan(16), experience
            assert np.array_equal(decode_mixed(*args, predicted=predicted), q)
            sizes.append(len(data))
        assert sizes[0] < 0.95 * sizes[1]
        for values, copy in zip(after, before, strict=True):
            assert np.array_equal(values, copy)


def test_learning_is_the_same_every_time_and_goes_on_from_tile_to_tile() -> None:
    tiles = [(laplacian(seed, (5, 9, 8), 2.0), NO_SKIP[:9, :8]) for seed in range(3)]
    one, two, less = (
        learnt(iter(part), scan(5), predicted=True) for part in (tiles, tiles, tiles[:1])
    )
    one.check(5)
    assert np.array_equal(one.chances, two.chances)
    assert np.array_equal(one.sightings, two.sightings)
    assert np.array_equal(one.weights, two.weights)
    assert not np.array_equal(one.chances, less.chances)
    nothing = learnt([], scan(5), predicted=True)
    nothing.check(5)
    nothing = learnt([(tiles[0][0], ~NO_SKIP[:9, :8])], scan(5), predicted=True)
    assert np.array_equal(nothing.chances, Experience.none(5).chances)


def test_views_and_other_strides_are_taken() -> None:
    q = laplacian(4, (5, 20, 20), 1.0)
    part, skip = q[:, 3:17:2, 1:9], np.zeros((40, 8), dtype=bool)[::2][:7]
    skip[2, 3] = True
    case = Case(part, skip, "sampled", True)
    assert np.array_equal(case.decoded(case.encoded())[:, ~skip], part[:, ~skip])


@settings(max_examples=60, deadline=None)
@given(cases(), st.data())
def test_damage_gives_an_error_or_another_latent(case: Case, data: st.DataObject) -> None:
    stream = bytearray(case.encoded() or b"\1")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place] ^= data.draw(st.integers(1, 255))
    for end in (len(stream), data.draw(st.integers(0, len(stream)))):
        with contextlib.suppress(CorruptError):
            out = case.decoded(bytes(stream[:end]))
            assert out.shape == case.q.shape
            assert np.abs(out.astype(np.int64)).max() <= LARGEST


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([blank, sampled, wild]),
    st.booleans(),
)
def test_foreign_bytes_give_an_error_or_a_latent(
    data: bytes, rows: int, cols: int, source: object, predicted: bool
) -> None:
    assert callable(source)
    skip = np.zeros((rows, cols), dtype=bool)
    with contextlib.suppress(CorruptError):
        out = decode_mixed(data, (5, rows, cols), skip, scan(5), source(5), predicted=predicted)
        assert np.abs(out.astype(np.int64)).max() <= LARGEST


def test_additions_and_streams_that_no_encoder_writes_are_told() -> None:
    case = Case(laplacian(3, (16, 9, 7), 2.0), NO_SKIP[:9, :7], "sampled", True)
    data = case.encoded()
    assert not data.endswith(b"\0")
    for other in (data + b"\0", data + b"\1" * 5, data + bytes(99) + b"\1", b"\xff" * 4 + data):
        assert outcome(case, other) == (None, None)
    for length in range(len(data)):
        with contextlib.suppress(CorruptError):
            assert not np.array_equal(case.decoded(data[:length]), case.q)


@pytest.mark.parametrize("which", ["blank", "sampled", "wild"])
def test_nothing_is_written_for_what_is_skipped(which: str) -> None:
    case = Case(laplacian(1, (5, 5, 5), 2.0), ~NO_SKIP[:5, :5], which, True)
    assert case.encoded() == b""
    assert not case.decoded(b"").any()
    for tail in (b"\0", b"\1", b"\1\1\1\1", b"\1" * 9):
        assert outcome(case, tail) == (None, None)


def arrays_of(sets: list[TableSet]) -> dict[str, NDArray[np.generic]]:
    """Return table sets as their file has them."""
    names = ("order", "thresholds", "lengths", "decisions")
    out = {name: np.stack([getattr(one, name) for one in sets]) for name in names}
    return {**out, "predicted": np.array([one.predicted for one in sets], dtype=np.uint8)}


def test_tiles_are_mixed_where_that_is_shorter() -> None:
    kinds = set()
    for scale, bare in zip((0.2, 2.0, 40.0), sets_for(16), strict=False):
        tiles = [(laplacian(seed, (16, 24, 24), scale), NO_SKIP) for seed in range(3)]
        for found in (learnt(tiles, bare.order, predicted=True), wild(16)):
            sets = [trained(16, 300.0), with_recall(bare, found)]
            q = laplacian(5, (16, 24, 21), scale)
            skip = np.random.default_rng(2).random((24, 21)) < 0.2
            data = encode_tile(q, skip, sets)
            plain = encode_tile(q, skip, [sets[0], bare])
            assert plain[0] == 1
            assert best_set(q, skip, sets) is sets[1]
            mixed = bytes([MIXED | 1]) + encode_mixed(q, skip, bare.order, found, predicted=True)
            assert data == min(mixed, plain, key=len)
            kinds.add((data == mixed, found is wild(16)))
            out = decode_tile(data, q.shape, skip, sets)
            assert np.array_equal(out[:, ~skip], q[:, ~skip])
            assert np.array_equal(decode_tile(plain, q.shape, skip, sets), out)
    assert kinds == {(True, False), (False, True)}


def test_only_sets_with_experience_decode_mixed_tiles() -> None:
    q, skip = laplacian(5, (5, 6, 7), 2.0), NO_SKIP[:6, :7]
    bare = [trained(5, scale) for scale in (0.2, 2.0)]
    sets = [with_recall(one, sampled(5)) for one in bare]
    data = encode_tile(q, skip, sets)
    assert data[0] >= MIXED
    found = sampled(5)
    archive: dict[str, NDArray[np.generic]] = {}
    for number in range(2):
        archive[f"chances_{number}"] = found.chances
        archive[f"sightings_{number}"] = found.sightings
        archive[f"weights_{number}"] = found.weights
    assert np.array_equal(decode_tile(data, q.shape, skip, sets), q)
    assert np.array_equal(decode_latent(data, skip, arrays_of(sets), archive), q)
    with pytest.raises(CorruptError, match="experience"):
        decode_tile(data, q.shape, skip, bare)
    with pytest.raises(Refused, match="experience"):
        decode_latent(data, skip, arrays_of(bare), None)
    unknown = bytes([MIXED | 2]) + data[1:]
    with pytest.raises(CorruptError, match="table set 2 of 2"):
        decode_tile(unknown, q.shape, skip, sets)
    with pytest.raises(Refused, match="table set"):
        decode_latent(unknown, skip, arrays_of(sets), archive)
    for tail in (b"\0", b"\1" * 5):
        with pytest.raises(CorruptError):
            decode_tile(data + tail, q.shape, skip, sets)


def test_a_tile_where_all_is_skipped_is_one_byte() -> None:
    q, skip = laplacian(5, (5, 6, 7), 2.0), ~NO_SKIP[:6, :7]
    sets = [with_recall(trained(5, 2.0), sampled(5))]
    assert encode_tile(q, skip, sets) == b"\0"
    assert not decode_tile(bytes([MIXED]), q.shape, skip, sets).any()
    with pytest.raises(CorruptError):
        decode_tile(bytes([MIXED, 1]), q.shape, skip, sets)


def test_there_are_no_more_sets_than_a_byte_has_room_for() -> None:
    q = laplacian(5, (1, 2, 3), 2.0)
    sets = [trained(1, 2.0)] * 128
    data = encode_tile(q, NO_SKIP[:2, :3], sets, [127])
    assert np.array_equal(decode_tile(data, q.shape, NO_SKIP[:2, :3], sets), q)
    with pytest.raises(ValueError, match="128"):
        encode_tile(q, NO_SKIP[:2, :3], [*sets, sets[0]])
