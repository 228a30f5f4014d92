"""The independent decoder agrees with the package, here with networks of random integers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from radcodec.codec.blocks import Chosen, pack_blocks
from radcodec.codec.colour import forward
from radcodec.container import Header, PixelBlocks, Plane
from radcodec.entropy.mask import encode_mask
from radcodec.entropy.mixing import learnt
from radcodec.intensity.background import skipped_positions
from tests import independent_decoder as second
from tests.codec.samples import scene
from tests.independent_entropy import decode_mask

from .made import (
    COLUMNS,
    ROWS,
    Nets,
    data_of,
    decoded_twice,
    header_for,
    jpegls_plane,
    letters,
    networks_plane,
    pixel_plane,
    some_mask,
    tiles_of,
)
from .networks import FRACTION_BITS, RandomNetwork, random_latent, table_sets

#: Bits stored, signed, inverted, tile log2.
FORMATS = [(16, False, False, 6), (16, True, True, 6), (12, True, False, 10), (8, False, True, 6)]
#: Quantiser steps of pixel blocks and residuals; None for a file without.
STEPS = [None, 1, 5, 9000]
RESIDUAL_STEPS = [None, 1, 2, 7]
ONE_TILE = np.zeros((16, 16), dtype=bool)


def header_of(which: tuple[int, bool, bool, int], **changes: object) -> Header:
    """Return a header of one of `FORMATS`."""
    bits, signed, inverted, tile_log2 = which
    return header_for(bits, tile_log2=tile_log2, signed=signed, inverted=inverted, **changes)


# Every step of pixel blocks meets every one of residuals, each pair one of the formats, and
# a refinement either with the mask or without, and so a filter.
@pytest.mark.parametrize(
    ("step", "residual", "which", "refined", "filtered"),
    [
        (*steps, FORMATS[(n + n // 4) % 4], (n // 2 + n // 4) % 2 == 0, (n + n // 4) % 2 == 0)
        for n, steps in enumerate(itertools.product(STEPS, RESIDUAL_STEPS))
    ],
)
@pytest.mark.parametrize("masked", [False, True])
def test_networks(
    nets: Nets,
    step: int | None,
    residual: int | None,
    which: tuple[int, bool, bool, int],
    refined: bool,
    filtered: bool,
    masked: bool,
) -> None:
    refined, filtered = refined ^ masked, filtered ^ masked
    header = header_of(which)
    made = networks_plane(
        nets,
        header,
        masked=masked,
        refined=refined,
        filtered=filtered,
        step=step,
        residual=residual,
    )
    plane = made.plane
    assert len(plane.tiles) == (4 if header.tile_log2 == 6 else 1)
    assert (step is None) or skipped_positions(made.coded | made.mask, 8).any()
    got = decoded_twice(nets, header, plane)[0, 0]

    # What the format says, computed without help from either decoder.
    assert np.array_equal(got[made.mask], made.stored[made.mask])
    off = np.abs(got - made.stored)
    if residual is not None:
        assert off.max() <= residual >> 1
        return
    scaled = (made.fixed * (plane.high - plane.low) + 2 ** (FRACTION_BITS - 1)) >> FRACTION_BITS
    expected = plane.high - scaled if header.inverted else plane.low + scaled
    assert np.unique(expected).size > 50
    elsewhere = ~made.mask & ~made.coded
    if filtered:
        assert np.mean(got[elsewhere] != expected[elsewhere]) > 0.3
    else:
        assert np.array_equal(got[elsewhere], expected[elsewhere])
    if step is not None:
        assert off[made.coded].max() <= step >> 1


def test_mixed_tiles_beside_those_of_huffman_codes(tmp_path: Path) -> None:
    """Experience of one network, none of the other."""
    sets = table_sets(np.random.default_rng(5))
    tiles = [(random_latent(np.random.default_rng(seed), (16, 16)), ONE_TILE) for seed in (1, 2)]
    able = []
    for one in sets:
        found = learnt(tiles, one.order, predicted=one.predicted)
        able.append(replace(one, recall=partial(replace, found)))
    first = RandomNetwork(tmp_path / "2", 2, able, 7)
    nets = Nets(first, RandomNetwork(tmp_path / "1", 1, sets, 8))
    header = header_for()
    made = networks_plane(
        nets, header, masked=True, refined=True, filtered=True, step=5, residual=3
    )
    assert made.plane.refinement is not None
    assert 1 in {tile[0] >> 7 for tile in made.plane.tiles}
    assert {tile[0] >> 7 for tile in made.plane.refinement.tiles} == {0}
    decoded_twice(nets, header, made.plane)


@pytest.mark.parametrize("seed", range(8))
def test_steps_of_any_size(nets: Nets, seed: int) -> None:
    step, residual = (int(2 ** np.random.default_rng([seed, n]).uniform(0, 16)) for n in (1, 2))
    header = header_for(signed=True)
    over = residual if seed % 4 == 3 else None
    made = networks_plane(
        nets, header, masked=seed % 2 == 0, step=step, residual=over, seed=100 + seed
    )
    decoded_twice(nets, header, made.plane)
    decoded_twice(nets, header, pixel_plane(made.stored, header, residual))


@pytest.mark.parametrize("step", [1, 2, 5, 800])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("which", FORMATS)
def test_pixels(nets: Nets, step: int, masked: bool, which: tuple[int, bool, bool, int]) -> None:
    rng, header = np.random.default_rng(step), header_of(which)
    least, most = header.stored_range
    stored = letters(rng, least + 1, most)
    mask = some_mask(rng) if masked else None
    if mask is not None:
        stored[mask] = least
    got = decoded_twice(nets, header, pixel_plane(stored, header, step, mask))[0, 0]
    assert np.abs(got - stored).max() <= step >> 1


@pytest.mark.parametrize("step", [1, 3])
def test_values_that_are_listed(nets: Nets, step: int) -> None:
    """Few of the range's values are in use, with a background that is none of them."""
    rng, header = np.random.default_rng(1), header_for(16, signed=True)
    few = np.cumsum(rng.integers(-1, 2, (ROWS, COLUMNS)), axis=1, dtype=np.int32) * 256 - 999
    mask = some_mask(rng)
    few[mask] = -31000
    made = networks_plane(nets, header)
    planes = [pixel_plane(few, header, step, mask)]
    residual = planes[0].residual
    assert residual is not None and sum(map(len, residual.tiles)) < ROWS * COLUMNS / 3
    got = decoded_twice(nets, header, *planes)
    assert np.array_equal(got[0, 0], few)
    # Over a base, whose values are none of those listed.
    stored = made.stored // 500 * 500 + 250
    over = networks_plane(nets, header, masked=True, residual=step, stored=stored)
    got = decoded_twice(nets, header, over.plane)
    assert np.array_equal(got[0, 0], over.stored)


@pytest.mark.parametrize(
    ("colour", "transform", "bits"),
    [("rgb", "ycocg-r", 8), ("rgb", "ycocg-r", 15), ("rgb", "none", 16), ("ybr", "none", 8)],
)
@pytest.mark.parametrize("bound", [0, 1])
def test_colour(nets: Nets, colour: str, transform: str, bits: int, bound: int) -> None:
    header = header_for(
        bits, colour=colour, transform=transform, samples=3, frames=2, rows=30, columns=40
    )
    frames = scene(2, 3, 30, 40, bits)
    planes: list[Plane] = []
    for frame in frames:
        for sample, values in enumerate(forward(frame) if transform == "ycocg-r" else frame):
            planes.append(pixel_plane(values, header, 2 * bound + 1))
            if sample == 1:
                planes[-1] = jpegls_plane(values, header, sample, bound)
    got = decoded_twice(nets, header, *planes)
    assert got.shape == frames.shape
    assert np.abs(got - frames).max() <= 3 * bound
    assert header.transform == "none" or got.max() < 2**bits


def test_the_shape_of_what_is_decoded(nets: Nets) -> None:
    header = header_for(8, colour="ybr", samples=3, rows=3, columns=4)
    values = np.arange(36, dtype=np.int32).reshape(3, 3, 4)
    planes = [pixel_plane(plane, header) for plane in values]
    got = second.decode(data_of(nets, header, *planes))
    assert np.array_equal(got, np.moveaxis(values, 0, -1)[None])


@pytest.mark.parametrize("bits", [1, 2, 8, 11, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bound", [0, 1])
def test_jpegls(nets: Nets, bits: int, signed: bool, bound: int) -> None:
    header = header_for(bits, signed=signed, rows=30, columns=40)
    values = scene(1, 1, 30, 40, bits)[0, 0] + header.stored_range[0]
    if bits > 1 or bound == 0:
        got = decoded_twice(nets, header, jpegls_plane(values, header, 0, bound))
        assert np.abs(got[0, 0] - values).max() <= bound


def test_frames_of_every_coding_with_unused_bits(nets: Nets) -> None:
    header = header_for(12, frames=4, signed=True)
    made = networks_plane(
        nets, header, masked=True, refined=True, filtered=True, step=5, residual=3
    )
    masks = [some_mask(np.random.default_rng(seed)) for seed in (5, 6)]
    pixels = pixel_plane(made.stored, header)
    bits = tuple((bit, encode_mask(mask)) for bit, mask in zip((12, 15), masks, strict=True))
    jpegls = jpegls_plane(made.stored, header, 0, 0)
    planes = [replace(plane, unused=bits) for plane in (made.plane, pixels, jpegls)]
    decoded_twice(nets, header, *planes, pixels)


def test_streams_that_code_nothing_have_no_bytes(nets: Nets) -> None:
    """Tiles where nothing is flagged, and flags where all is background."""
    header = header_for()
    made = networks_plane(nets, header, step=3)
    none = Chosen(np.zeros((9, 11), dtype=bool), np.zeros_like(made.mask), made.mask)
    rng, grid = np.random.default_rng(2), header.grid(2)
    tiles, _ = tiles_of(nets.first, made.mask, grid, rng)
    pixels = pack_blocks(none, made.stored, 3, made.plane.low, made.plane.high, grid)
    assert pixels == PixelBlocks(3, b"", [b""] * 4)
    plane = replace(made.plane, tiles=tiles, pixels=pixels)
    decoded_twice(nets, header, plane)

    everything = np.ones_like(made.mask)
    tiles, _ = tiles_of(nets.first, everything, grid, rng)
    plane = replace(plane, tiles=tiles, mask=(0, encode_mask(everything)))
    assert not decoded_twice(nets, header, plane).any()
    plane = replace(pixel_plane(made.stored, header), mask=plane.mask)
    assert plane.residual is not None
    plane = replace(plane, residual=replace(plane.residual, tiles=[b""] * 4))
    assert not decoded_twice(nets, header, plane).any()


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 33), (50, 3), (40, 70)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_masks(shape: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(3)
    mask = rng.random(shape) < share
    mask[: shape[0] // 2] |= share > 0
    assert np.array_equal(decode_mask(encode_mask(mask), *shape), mask)
