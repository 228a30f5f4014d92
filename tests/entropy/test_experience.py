"""What mixing starts with: what is no such thing, and how a bundle keeps it."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from radcodec.entropy.latents import decode_tile
from radcodec.entropy.mixing import Experience
from radcodec.entropy.tables import TableSet, packed, save_experience, with_experience
from radcodec.errors import ModelMismatchError

from .samples import (
    MIXED,
    NO_SKIP,
    blank,
    sampled,
    trained,
    wild,
    with_recall,
)


def changed(name: str, place: tuple[int, int], value: int) -> Experience:
    """Return experience of two channels with one value changed."""
    values = getattr(blank(2), name).copy()
    values[place] = value
    return replace(blank(2), **{name: values})


def test_experience_that_cannot_be_is_refused() -> None:
    good = blank(2)
    for experience in (good, sampled(2), wild(2)):
        experience.check(2)
    for channels in (1, 3, 16):
        with pytest.raises(ModelMismatchError):
            good.check(channels)
    for name, other in (("chances", np.int32), ("sightings", np.uint16), ("weights", np.int64)):
        values = getattr(good, name)
        wrong = [values.astype(other), values[1:], values[:, 1:], values[None], values.ravel()]
        for instead in wrong:
            with pytest.raises(ModelMismatchError):
                replace(good, **{name: instead}).check(2)
    last = len(good.weights) - 1
    for fine in (16, 65519):
        changed("chances", (18, 2759), fine).check(2)
    for fine in (-(1 << 20), 1 << 20):
        changed("weights", (last, 8), fine).check(2)
    for bad in (0, 15, 65520, 65535):
        with pytest.raises(ModelMismatchError):
            changed("chances", (18, 2759), bad).check(2)
    for bad in (-(1 << 20) - 1, (1 << 20) + 1, (1 << 31) - 1):
        with pytest.raises(ModelMismatchError):
            changed("weights", (last, 8), bad).check(2)


def test_the_least_weight_of_all_is_refused() -> None:
    with pytest.raises(ModelMismatchError):
        changed("weights", (0, 0), -(1 << 31)).check(2)


def test_experience_comes_back_and_the_bytes_stay_the_same() -> None:
    bare = [trained(2, scale) for scale in (0.2, 2.0)]
    found = [sampled(2, scale=0.2), wild(2)]
    sets = [with_recall(*pair) for pair in zip(bare, found, strict=True)]
    data = save_experience(sets)
    again = with_experience(bare, data)
    assert data == save_experience(sets) == save_experience(again)
    for one, other in zip(found, again, strict=True):
        for name in ("chances", "sightings", "weights"):
            values, copy = getattr(one, name), getattr(other.experience, name)
            assert values.dtype == copy.dtype
            assert np.array_equal(values, copy)
    with pytest.raises(ValueError, match="table set 1 has no experience"):
        save_experience([sets[0], bare[1]])
    with pytest.raises(ModelMismatchError):
        _ = with_experience([*bare, bare[0]], data)[2].experience
    with pytest.raises(ModelMismatchError):
        _ = with_experience([trained(5, 2.0)], data)[0].experience


def test_experience_that_a_file_should_not_hold_is_told_when_it_is_needed() -> None:
    broken = changed("chances", (0, 0), 7)
    names = ("chances", "sightings", "weights")
    data = packed({f"{name}_0": getattr(broken, name) for name in names})
    (one,) = with_experience([trained(2, 2.0)], data)
    for _ in range(2):
        with pytest.raises(ModelMismatchError):
            _ = one.experience
    with pytest.raises(ModelMismatchError):
        decode_tile(bytes([MIXED, 1]), (2, 1, 1), NO_SKIP[:1, :1], [one])


def told_of(one: TableSet, data: bytes) -> None:
    """See that bytes are refused."""
    with pytest.raises(ModelMismatchError):
        _ = with_experience([one], data)[0].experience


def test_damaged_experience_is_told() -> None:
    one = trained(1, 2.0)
    data = save_experience([with_recall(one, wild(1))])
    for length in range(0, len(data), len(data) // 40):
        told_of(one, data[:length])
    told_of(one, b"PK\3\4" + bytes(100))
    told_of(one, b"\x93NUMPY" + data[6:])
    # Behind the first .npy header, within the compressed values.
    for place in range(300, len(data) // 2, len(data) // 40):
        told_of(one, data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def test_damaged_experience_is_told_wherever_the_damage_is() -> None:
    one = trained(1, 2.0)
    data = save_experience([with_recall(one, blank(1))])
    for place in range(len(data)):
        for flip in (1, 255):
            damaged = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
            # Some fields of a ZIP archive are of no effect.
            with contextlib.suppress(ModelMismatchError):
                assert with_experience([one], damaged)[0].experience is not None
