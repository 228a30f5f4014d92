""".rcz files with changed bytes: each decodes, or is refused by an error of the package.

Checksums are made to fit after the change, so that the decoders of payloads see the bytes.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcodec.errors import RadcodecError

from .attempts import Chunk, attempt_rcz, joined, number, number_at, split
from .made import RCZ_KINDS, rcz

#: Changes to a byte: its ends, and bits that lengths and counts feel.
CHANGES = (0x01, 0x10, 0x80, 0xFF)
#: Where the only stream begins in payloads.
STREAMS = {b"RESD": 1, b"LATN": 0, b"REFN": 10, b"FILT": 0, b"MASK": 1}


@pytest.mark.parametrize("kind", RCZ_KINDS)
def test_the_samples_decode(kind: str) -> None:
    assert attempt_rcz(rcz(kind)) == [None] * 6
    assert joined(split(rcz(kind))) == rcz(kind)


def test_every_part_of_the_format_is_among_the_samples() -> None:
    there = {name for kind in RCZ_KINDS for name, _ in split(rcz(kind))}
    parts = "HEAD dset PLAN MASK PIXL LATN REFN FILT RESD JPLS UNUS qual"
    assert there == {part.encode() for part in parts.split()}


@pytest.mark.parametrize("kind", ["networks", "rgb"])
def test_every_byte_changed_without_a_checksum_that_fits(kind: str) -> None:
    data = rcz(kind)
    for at in range(len(data)):
        # The first flag byte may be ignored, and tells nothing of the pixels.
        expected = at == 10
        damaged = data[:at] + bytes([data[at] ^ CHANGES[at % 4]]) + data[at + 1 :]
        assert (attempt_rcz(damaged)[1] is None) == expected


@pytest.mark.parametrize("kind", RCZ_KINDS)
def test_every_length_cut(kind: str) -> None:
    data = rcz(kind)
    assert all(attempt_rcz(data[:length])[0] is not None for length in range(0, len(data), 3))


@pytest.mark.parametrize("kind", RCZ_KINDS)
def test_every_byte_changed_with_checksums_that_fit(kind: str) -> None:
    chunks = split(rcz(kind))
    for index, (name, payload) in enumerate(chunks):
        for at in range(len(payload)):
            changed = bytearray(payload)
            changed[at] ^= CHANGES[at % 4]
            attempt_rcz(joined(_with(chunks, index, name, bytes(changed))))


@pytest.mark.parametrize("kind", RCZ_KINDS)
def test_every_payload_cut(kind: str) -> None:
    chunks = split(rcz(kind))
    for index, (name, payload) in enumerate(chunks):
        for length in range(0, len(payload), 2):
            attempt_rcz(joined(_with(chunks, index, name, payload[:length])))


@pytest.mark.parametrize("kind", RCZ_KINDS)
def test_random_streams(kind: str) -> None:
    chunks, draw = split(rcz(kind)), random.Random(kind)
    for index, (name, payload) in enumerate(chunks):
        for _ in range(12):
            length = draw.randrange(300)
            noise = draw.choice([draw.randbytes(length), bytes(length), b"\xff" * length])
            changed = _with(chunks, index, name, _streams(name, payload, noise))
            attempt_rcz(joined(changed))


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.sampled_from(RCZ_KINDS), st.data())
def test_structured_changes(kind: str, data: st.DataObject) -> None:
    chunks = split(rcz(kind))
    for _ in range(data.draw(st.integers(1, 3))):
        chunks = data.draw(_mutated(chunks))
    attempt_rcz(joined(chunks))


def _with(chunks: list[Chunk], index: int, name: bytes, payload: bytes) -> list[Chunk]:
    return [*chunks[:index], (name, payload), *chunks[index + 1 :]]


def _streams(name: bytes, payload: bytes, noise: bytes) -> bytes:
    """Put noise where the only stream of a payload is, with the length that it has."""
    if name in STREAMS:
        return payload[: STREAMS[name]] + noise
    if name == b"PIXL":
        half = len(noise) // 2
        _, at = number_at(payload, 0)
        return payload[:at] + number(half) + noise
    if name == b"UNUS":
        return payload[:1] + number(len(noise)) + noise
    if name == b"JPLS":
        return payload[:26] + noise + b"\xff\xd9"
    return noise


@st.composite
def _mutated(draw: st.DrawFn, chunks: list[Chunk]) -> list[Chunk]:
    """Change, move, drop, double or add a chunk, or a number of 1 to 4 bytes in one."""
    index = draw(st.integers(0, len(chunks) - 1)) if chunks else 0
    how = draw(st.sampled_from(["number", "number", "move", "drop", "double", "add", "cut"]))
    if not chunks or how == "add":
        names = st.sampled_from([b"PLAN", b"MASK", b"FILT", b"RESD", b"JPLS", b"x", b"X", b"TAIL"])
        added = (draw(names), draw(st.binary(max_size=40)))
        return [*chunks[:index], added, *chunks[index:]]
    name, payload = chunks[index]
    if how == "drop":
        return [*chunks[:index], *chunks[index + 1 :]]
    if how == "double":
        return [*chunks[:index], chunks[index], *chunks[index:]]
    if how == "move":
        rest = [*chunks[:index], *chunks[index + 1 :]]
        to = draw(st.integers(0, len(rest)))
        return [*rest[:to], chunks[index], *rest[to:]]
    if how == "cut" or not payload:
        return _with(chunks, index, name, payload[: draw(st.integers(0, len(payload)))])
    size = draw(st.sampled_from([1, 2, 4]))
    at = draw(st.integers(0, max(len(payload) - size, 0)))
    edges = [0, 1, 2, 3, 63, 64, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]
    number = draw(st.sampled_from(edges) | st.integers(0, 2**32 - 1)) % (1 << 8 * size)
    changed = payload[:at] + number.to_bytes(size, "little") + payload[at + size :]
    return _with(chunks, index, name, changed)


def test_errors_are_of_the_package() -> None:
    # What `attempt_rcz` counts on: nothing but this class is caught there.
    assert not issubclass(ValueError, RadcodecError)
    assert attempt_rcz(b"") == ["FormatError"] * 6
