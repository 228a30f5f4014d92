"""Filters applied, against the independent decoder, and fitted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.codec import filters as module
from radcodec.codec.area import Area
from radcodec.codec.filters import apply_filter, around, fit_filter
from radcodec.codec.layer import BAND, FixedImage
from radcodec.entropy.filter_weights import (
    CLASSES,
    LARGEST_WEIGHT,
    decode_weights,
    encode_weights,
    inputs_of,
)
from radcodec.filtering.fit import CHUNK_COST, fit
from radcodec.filtering.walk import OFFSETS, products
from radcodec.quantising.levels import EXCHANGE
from tests import independent_filter
from tests.container.networks import random_weights

#: Rows around those of a band, and images smaller than what a filter reaches over.
SIDES = [1, 2, 3, 4, 7, BAND - 1, BAND, BAND + 1, BAND + 3, 2 * BAND + 1]


def noise(
    random: np.random.Generator, shape: tuple[int, int], bits: int, loudness: float
) -> FixedImage:
    """Return noise of an amplitude of 2**-loudness of the range, on any grey, some of it at an end."""
    grey = random.uniform(0, 2**bits)
    values = random.normal(grey, 2.0 ** (bits - loudness), shape)
    values[random.random(shape) < 0.02] = random.choice([0, 2**bits])
    return FixedImage(np.rint(values).clip(0, 2**bits).astype(np.int32), bits)


def extremes(random: np.random.Generator, shape: tuple[int, int], bits: int) -> FixedImage:
    """Return an image of black and white."""
    return FixedImage(random.choice([0, 2**bits], shape).astype(np.int32), bits)


@st.composite
def layers(
    draw: st.DrawFn, sides: list[int] = SIDES
) -> tuple[FixedImage, FixedImage | None, NDArray[np.int32], int]:
    """Draw a decoded image, what it was before a refinement or None, and weights with their shift."""
    shape = draw(st.sampled_from(sides)), draw(st.sampled_from(sides[:5]))
    if draw(st.booleans()):
        shape = shape[::-1]
    bits, refined = draw(st.integers(8, 30)), draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    other = draw(st.integers(8, bits))
    if draw(st.booleans()):
        fixed, first = (extremes(random, shape, n) for n in (bits, other))
    else:
        loudness = draw(st.floats(0, 18))
        fixed, first = (noise(random, shape, n, loudness) for n in (bits, other))
    weights, shift = random_weights(random, refined)
    if draw(st.booleans()):
        most = LARGEST_WEIGHT >> shift << shift
        weights = random.choice([-most, most], weights.shape).astype(np.int32)
    return fixed, first if refined else None, weights, shift


def independent(
    fixed: FixedImage, first: FixedImage | None, weights: NDArray[np.int32], shift: int
) -> NDArray[np.int64]:
    """Filter by the independent decoder, in numbers of any size."""
    f, bits = fixed.values.astype(object), fixed.fraction_bits
    g = None if first is None else first.values.astype(object) << (bits - first.fraction_bits)
    out = independent_filter.apply(encode_weights(weights, shift), f, g, bits)
    filtered: NDArray[np.int64] = out.astype(np.int64)
    return filtered


@settings(max_examples=60, deadline=None)
@given(layers())
def test_both_decoders_filter_alike(
    drawn: tuple[FixedImage, FixedImage | None, NDArray[np.int32], int],
) -> None:
    fixed, first, weights, _ = drawn
    got = apply_filter(fixed, first, weights)
    assert got.fraction_bits == fixed.fraction_bits and got.values.dtype == np.int32
    assert np.array_equal(got.values, independent(*drawn))


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_sums_fit_into_64_bits(refined: bool, sign: int) -> None:
    """In the middle every input is as large as can be, with the largest weight of its sign."""
    bits, shape = 30, (9, 9)
    y, x = np.indices(shape)
    rings = np.maximum(abs(y - 4), abs(x - 4))
    fixed = FixedImage(np.where(rings == 0, 0, 2**bits).astype(np.int32), bits)
    first = FixedImage((2**bits - fixed.values).astype(np.int32), bits) if refined else None
    weights = np.full((CLASSES, inputs_of(refined)), sign * LARGEST_WEIGHT, np.int32)
    weights[:, [k for k in (13, 22, 23) if k < weights.shape[1]]] *= -1
    drawn = fixed, first, weights, 0
    got = apply_filter(*drawn[:3]).values
    assert got[4, 4] == (0 if sign < 0 else 2**bits)
    assert np.array_equal(got, independent(*drawn))


def test_a_filter_of_no_weights_changes_nothing() -> None:
    fixed = noise(np.random.default_rng(1), (20, 30), 19, 3)
    for first in (None, noise(np.random.default_rng(2), (20, 30), 16, 3)):
        weights = np.zeros((CLASSES, inputs_of(first is not None)), np.int32)
        assert np.array_equal(apply_filter(fixed, first, weights).values, fixed.values)


@settings(max_examples=60, deadline=None)
@given(layers(), st.data())
def test_a_part_is_that_of_the_whole(
    drawn: tuple[FixedImage, FixedImage | None, NDArray[np.int32], int], data: st.DataObject
) -> None:
    fixed, first, weights, _ = drawn
    rows, columns = fixed.values.shape
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    bottom = data.draw(st.integers(top + 1, min(rows, top + 9)))
    area = Area(top, left, bottom, data.draw(st.integers(left + 1, min(columns, left + 9))))
    wide = around(area, rows, columns)
    before = None if first is None else first.part(wide.slices)
    part = apply_filter(fixed.part(wide.slices), before, weights).part(area.within(wide))
    whole = apply_filter(fixed, first, weights).part(area.slices)
    assert np.array_equal(part.values, whole.values)


def test_around() -> None:
    assert around(Area(5, 6, 7, 8), 20, 30) == Area(2, 3, 10, 11)
    assert around(Area(1, 2, 19, 28), 20, 30) == Area(0, 0, 20, 30)


def test_neighbours_are_all_within_three_steps_but_for_their_opposites() -> None:
    both = {(y, x) for y, x in OFFSETS.tolist()} | {(-y, -x) for y, x in OFFSETS.tolist()}
    ball = {(y, x) for y in range(-3, 4) for x in range(-3, 4) if 0 < abs(y) + abs(x) <= 3}
    assert both == ball and 2 * len(OFFSETS) == len(ball)


BITS = 19
STEP = 1 / 32


def scene(rows: int = 90, columns: int = 110) -> NDArray[np.float32]:
    """Return waves with edges and grain, 0 to 1."""
    y, x = np.indices((rows, columns))
    image = 0.45 + 0.3 * np.sin(x / 7) * np.cos(y / 9) + 0.15 * ((x // 20 + y // 15) % 2)
    image += np.random.default_rng(1).normal(0, 0.01, image.shape)
    return image.clip(0, 1).astype(np.float32)


def fixed_of(image: NDArray[np.floating]) -> FixedImage:
    """Return an image as a decoder gives it."""
    return FixedImage(np.rint(image * 2.0**BITS).clip(0, 2**BITS).astype(np.int32), BITS)


def blurred(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of each pixel and of its four neighbours."""
    wide = np.pad(image.astype(np.float64), 1, mode="edge")
    cross = wide[1:-1, :-2] + wide[1:-1, 2:] + wide[:-2, 1:-1] + wide[2:, 1:-1]
    return (wide[1:-1, 1:-1] + cross) / 5


def error(fixed: FixedImage, wanted: NDArray[np.float32]) -> float:
    """Return the sum of squared errors."""
    return float(((fixed.values / 2.0**fixed.fraction_bits - wanted) ** 2).sum())


def gain(
    fixed: FixedImage, first: FixedImage | None, wanted: NDArray[np.float32], step: float = STEP
) -> float:
    """Return bits that a fitted filter gains beside what it takes; 0 where there is none."""
    coded = fit_filter(fixed, first, wanted, None, step)
    if coded is None:
        return 0.0
    after = apply_filter(fixed, first, decode_weights(coded, first is not None))
    worth = EXCHANGE / step**2
    return worth * (error(fixed, wanted) - error(after, wanted)) - 8 * len(coded) - CHUNK_COST


def lost(fixed: FixedImage, wanted: NDArray[np.float32], step: float = STEP) -> float:
    """Return what an error is worth in bits."""
    return EXCHANGE / step**2 * error(fixed, wanted)


DAMAGES: dict[str, Callable[[NDArray[np.float32]], NDArray[np.floating]]] = {
    "blur": blurred,
    "offset": lambda image: image * 0.9 + 0.02,
    "dark": lambda image: np.where(image < 0.25, image * 0.7, image),
    "noise": lambda image: image + np.random.default_rng(3).normal(0, 0.04, image.shape),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_everywhere_is_put_right(damage: str) -> None:
    wanted = scene()
    fixed = fixed_of(DAMAGES[damage](wanted))
    # Half of the error at least is worth its bits.
    assert gain(fixed, None, wanted) > 0.5 * lost(fixed, wanted) > 100


def test_a_refinement_is_taken_back_where_it_does_harm() -> None:
    wanted = scene()
    first = fixed_of(wanted)
    fixed = fixed_of(wanted + np.random.default_rng(3).normal(0, 0.04, wanted.shape))
    alone = gain(fixed, None, wanted)
    both = gain(fixed, first, wanted)
    assert both > 0.95 * lost(fixed, wanted) > alone


@pytest.mark.parametrize("step", [1 / 1024, 1 / 32, 1.0])
def test_what_is_right_gets_no_filter(step: float) -> None:
    assert fit_filter(fixed_of(scene()), None, scene(), None, step) is None
    first = fixed_of(scene() + 0.1)
    assert fit_filter(fixed_of(scene()), first, scene(), None, step) is None


def test_no_filter_costs_more_than_it_gains() -> None:
    wanted = scene()
    fixed = fixed_of(0.8 * wanted.astype(np.float64) + 0.2 * blurred(wanted))
    gains = [gain(fixed, None, wanted, step) for step in 2.0 ** np.arange(-9, 2)]
    assert all(later <= sooner for sooner, later in pairwise(gains))
    assert gains[0] > 1000 and gains[-1] == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (60, 60)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_images(shape: tuple[int, int], level: float) -> None:
    wanted = np.full(shape, level, np.float32)
    fixed = fixed_of(wanted)
    assert fit_filter(fixed, None, wanted, None, STEP) is None
    assert fit_filter(fixed, fixed, wanted, None, STEP) is None
    off = fixed_of(np.full(shape, abs(level - 0.1)))
    for first in (None, fixed, off):
        if lost(off, wanted) > 400:
            assert gain(off, first, wanted) > 0.5 * lost(off, wanted)
        else:
            assert gain(off, first, wanted) >= 0


def test_covered_pixels_do_not_matter() -> None:
    wanted = scene()
    fixed = fixed_of(blurred(wanted))
    covered = np.zeros(wanted.shape, dtype=bool)
    covered[:, 60:], covered[10:20, 5:30] = True, True
    other = wanted.copy()
    other[covered] = np.random.default_rng(4).random(int(covered.sum()))
    coded = fit_filter(fixed, None, wanted, covered, STEP)
    assert coded is not None
    assert fit_filter(fixed, None, other, covered, STEP) == coded
    assert fit_filter(fixed, None, other, None, STEP) != coded
    assert fit_filter(fixed, None, other, np.ones_like(covered), STEP) is None


def test_a_fit_sees_bands_as_the_filter_does(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = scene(40, 50)
    fixed, first = fixed_of(blurred(wanted)), fixed_of(wanted * 0.9)
    whole = fit_filter(fixed, first, wanted, None, STEP)
    monkeypatch.setattr(module, "BAND", 7)
    assert whole is not None
    # Sums of products are rounded in another order.
    split = fit_filter(fixed, first, wanted, None, STEP)
    assert split is not None
    images = [apply_filter(fixed, first, decode_weights(one, True)) for one in (whole, split)]
    assert error(images[1], wanted) == pytest.approx(error(images[0], wanted), rel=0.01)


def test_some_rows_of_large_images_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = scene(300, 110)
    fixed = fixed_of(blurred(wanted))
    best = gain(fixed, None, wanted)
    asked: list[int] = []

    def counted(*arguments: object) -> None:
        asked.append(arguments[-2])  # type: ignore[arg-type]
        products(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "products", counted)
    monkeypatch.setattr(module, "ENOUGH", wanted.size // 4)
    assert gain(fixed, None, wanted) > 0.9 * best
    assert set(asked) == {4}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(40))
def test_sums_of_very_different_sizes_have_a_solution(seed: int) -> None:
    """As of an input that is hardly ever but nil, or all inputs alike."""
    random = np.random.default_rng(seed)
    count = inputs_of(seed % 2 == 0) + 1
    sums = np.zeros((CLASSES, count, count))
    for one in sums:
        found = random.normal(0, 1, (random.integers(50), count))
        found *= 10.0 ** random.uniform(-12, 3, count)
        if seed % 3 == 0:
            found[:, :-1] = found[:, :1] * random.normal(0, 1, count - 1)
        one += np.tril(found.T @ found)
    worth = 10.0 ** random.uniform(-3, 6)
    coded = fit(sums, worth)
    if coded is None:
        return
    weights = decode_weights(coded, seed % 2 == 0)
    whole = sums + np.tril(sums, -1).transpose(0, 2, 1)
    applied = np.concatenate([-weights, np.ones((CLASSES, 1))], axis=1)
    left = np.einsum("ni,nij,nj->", applied, whole, applied)
    assert worth * left + 8 * len(coded) + CHUNK_COST < worth * whole[:, -1, -1].sum()
