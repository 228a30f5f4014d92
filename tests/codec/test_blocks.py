"""Blocks coded as pixels: which are chosen, how near they come, and what they save."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from radcodec.codec import BaseEncoder, Encoder, Plan, check, compress, decompress, prepare
from radcodec.codec import encoder as encoder_module
from radcodec.codec.blocks import (
    Chosen,
    choose_blocks,
    latent_bits,
    pack_blocks,
    pixel_step,
    unpack_flags,
    unpack_values,
)
from radcodec.container import Grid, list_chunks, read_rcz, write_rcz
from radcodec.entropy.pixels import area_of
from radcodec.errors import CorruptError
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.reading.image import GreyImage
from tests.codec.samples import grey, images

SHAPE = (200, 240)
STEP, SPAN = 1 / 64, 4095


def smooth(shape: tuple[int, int] = SHAPE) -> NDArray[np.int32]:
    """Return a slow wave with a little noise, of 12 bits."""
    rows, cols = np.indices(shape)
    wave = 1500 + 900 * np.sin(rows / 60) * np.cos(cols / 70)
    noise = np.random.default_rng(0).normal(0, 4, shape)
    return np.rint(wave + noise).astype(np.int32)


def written() -> NDArray[np.bool_]:
    """Return the pixels of letters."""
    paper = Image.new("L", SHAPE[::-1])
    font = ImageFont.load_default(40)
    ImageDraw.Draw(paper).text((30, 40), "L 12:30", fill=255, font=font)
    return np.asarray(paper) > 127


def with_letters() -> NDArray[np.int32]:
    """Return the wave with letters burned in."""
    stored = smooth()
    stored[written()] = 4095
    return stored


def blurred(stored: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return what a network that is bad at edges would make of an image."""
    padded = np.pad(stored.astype(np.int64), 2, mode="edge")
    rows, cols = stored.shape
    parts = [padded[v : v + rows, u : u + cols] for v, u in np.ndindex(5, 5)]
    out: NDArray[np.int32] = (np.sum(parts, axis=0) // 25).astype(np.int32)
    return out


def latent_for(shape: tuple[int, int], where: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
    """Return a refinement's latent that is zero but for some positions."""
    latent = np.zeros((16, -(-shape[0] // 4), -(-shape[1] // 4)), dtype=np.int32)
    if where is not None:
        rows, cols = np.nonzero(where)
        latent[:, rows // 4, cols // 4] = 40
    return latent


def choose(
    stored: NDArray[np.int32],
    decoded: NDArray[np.int32],
    mask: NDArray[np.bool_] | None = None,
    latent: NDArray[np.int32] | None = None,
    step: float = STEP,
) -> Chosen | None:
    """Choose blocks of an image of 12 bits."""
    return choose_blocks(stored, decoded, latent, mask, step, SPAN)


def test_letters_are_chosen_for_their_error_and_little_else_is() -> None:
    stored = with_letters()
    chosen = choose(stored, blurred(stored))
    assert chosen is not None
    assert chosen.coded[written()].mean() > 0.95
    assert chosen.flags.mean() < 0.2
    assert np.array_equal(chosen.coded, area_of(chosen.flags, *SHAPE))
    assert not chosen.background.any()


def test_letters_are_chosen_for_the_bits_that_they_take() -> None:
    stored = with_letters()
    chosen = choose(stored, stored, latent=latent_for(SHAPE, written()))
    assert chosen is not None
    assert chosen.coded[written()].mean() > 0.95
    assert chosen.flags.mean() < 0.2


@pytest.mark.parametrize("spread", [0, 20, 200])
def test_what_networks_code_as_well_is_left_to_them(spread: int) -> None:
    """Noise among it, as long as networks are off by no more than their step allows."""
    random = np.random.default_rng(1)
    stored = np.clip(smooth() + random.normal(0, spread, SHAPE), 0, 4095).astype(np.int32)
    decoded = stored + np.rint(random.uniform(-STEP / 2, STEP / 2, SHAPE) * SPAN).astype(np.int32)
    assert choose(stored, decoded) is None
    assert choose(stored, decoded, latent=latent_for(SHAPE)) is None


@pytest.mark.parametrize("latent", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (9, 1), (7, 9), (8, 16), (13, 21), (65, 3)])
def test_images_of_any_size(shape: tuple[int, int], latent: bool) -> None:
    """All of an image that networks fail at, its last blocks cut off."""
    blocks = (-(-shape[0] // 8), -(-shape[1] // 8))
    stored = np.full(shape, 4000, dtype=np.int32)
    lost = choose(stored, np.zeros_like(stored), latent=latent_for(shape) if latent else None)
    assert lost is not None
    assert lost.flags.shape == blocks and lost.flags.all()
    assert lost.coded.shape == shape and lost.coded.all()
    assert choose(stored, stored, latent=latent_for(shape) if latent else None) is None


def test_background_is_never_chosen() -> None:
    stored = with_letters()
    zeros = np.zeros_like(stored)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:90] = True
    mask[100:104, 50:60] = True
    everything = latent_for(SHAPE, np.ones(SHAPE, dtype=bool))
    chosen = choose(stored, zeros, mask, everything)
    assert chosen is not None
    assert np.array_equal(chosen.coded, ~mask & area_of(chosen.flags, *SHAPE))
    assert not chosen.flags[:11].any()  # whole blocks of background
    assert np.array_equal(chosen.background, mask)
    assert choose(stored, zeros, np.ones(SHAPE, dtype=bool), everything) is None
    assert choose(stored[:1, :1], zeros[:1, :1], mask[:1, :1]) is None


def test_the_step_of_pixels_is_a_whole_number_of_stored_values() -> None:
    assert pixel_step(1e-9, 4095) == 1
    assert pixel_step(1.0, 2**16 - 1) in (32767, 32768)
    assert pixel_step(1e9, 2**16 - 1) == 2**16 - 1
    assert [pixel_step(step, 1000) for step in (0.01, 0.1)] == [5, 50]


def test_positions_take_more_bits_the_more_they_hold() -> None:
    latent = np.zeros((16, 1, 4), dtype=np.int32)
    latent[0, 0, 1], latent[0, 0, 2], latent[:, 0, 3] = 1, -9, 9
    bits = latent_bits(latent)[0]
    assert 0 < bits[0] < 1
    assert (np.diff(bits) > 0).all()


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_coded_pixel_is_off_by_more_than_half_a_step(data: st.DataObject) -> None:
    image = data.draw(images(side=100))
    stored = image.stored
    rows, cols = stored.shape
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    mask = random.random(stored.shape) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    stored[mask] = int(stored.min())
    flags = random.random((-(-rows // 8), -(-cols // 8))) < data.draw(st.sampled_from([0.1, 1.0]))
    coded = area_of(flags, rows, cols) & ~mask
    step = data.draw(st.integers(1, 300) | st.integers(1, 2**16 - 1))
    low, high = int(stored.min()), int(stored.max())
    grid = Grid(rows, cols, 2, 6)
    blocks = pack_blocks(Chosen(flags, coded, mask), stored, step, low, high, grid)
    assert len(blocks.tiles) == grid.tile_count
    for tile, part in zip(blocks.tiles, grid.pixel_tiles, strict=True):
        assert not tile or coded[part].any()
    found = unpack_flags(blocks, mask, rows, cols)
    assert np.array_equal(found.coded, coded)
    restored = np.where(mask, stored, 12345)
    unpack_values(blocks, found, restored, low, high, grid)
    assert np.array_equal(restored[mask], stored[mask])
    assert (restored[~mask & ~coded] == 12345).all()
    assert np.abs(restored - stored)[coded].max(initial=0) <= step >> 1


@pytest.mark.parametrize("ratio", [0.5, None])
@pytest.mark.parametrize("level", [80, 120, 160])
def test_letters_take_fewer_bytes_or_come_nearer(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch, ratio: float | None, level: int
) -> None:
    image, depth = grey(with_letters(), 12), models.depths("xr")[-1]
    if ratio is not None and 1 not in models.depths("xr")[:-1]:
        pytest.skip("there is nothing to refine with")
    base = BaseEncoder(prepare(image), "xr", depth, models)
    with_blocks = Encoder(base, Plan(depth, ratio))
    (plane,) = read_rcz(write_rcz(with_blocks.file(level))).planes
    assert plane.pixels is not None
    coded = unpack_flags(plane.pixels, None, *SHAPE).coded
    assert coded[written()].mean() > 0.9
    off = np.abs(with_blocks.decoded(level) - image.stored)[coded]
    assert off.max() <= plane.pixels.step >> 1
    size, psnr = with_blocks.size(level), with_blocks.psnr(level)
    monkeypatch.setattr(encoder_module, "choose_blocks", lambda *_: None)
    without = Encoder(base, Plan(depth, ratio))
    assert without.plane(level).pixels is None
    assert psnr > without.psnr(level) + 2
    if ratio is not None:
        assert size < 0.75 * without.size(level)


def test_letters_come_nearer_in_as_many_bytes(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, target = grey(with_letters(), 12), Target("bpp", 0.5)
    with_blocks = compress(image, modality="xr", target=target, models=models)
    assert read_rcz(with_blocks.data).planes[0].pixels is not None
    monkeypatch.setattr(encoder_module, "choose_blocks", lambda *_: None)
    without = compress(image, modality="xr", target=target, models=models)
    assert read_rcz(without.data).planes[0].pixels is None
    assert with_blocks.psnr is not None and without.psnr is not None
    assert with_blocks.psnr > without.psnr + 2
    errors = [
        np.abs(decompress(packed.data, models=models).stored - image.stored)[written()].max()
        for packed in (with_blocks, without)
    ]
    assert errors[0] < errors[1]


def test_anatomy_is_left_to_the_networks(models: ModelStore, scan: GreyImage) -> None:
    packed = compress(scan, depth=2, refine=False, target=Target("level", 200), models=models)
    (plane,) = read_rcz(packed.data).planes
    if plane.pixels is not None:
        coded = unpack_flags(plane.pixels, None, *scan.stored.shape).coded
        assert coded.mean() < 0.1


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_is_smooth_gets_no_blocks(models: ModelStore, depth: int) -> None:
    if depth not in models.depths("xr"):
        pytest.skip("there is no such network")
    packed = compress(
        grey(smooth(), 12), modality="xr", depth=depth, refine=False,
        target=Target("level", 200), models=models,
    )  # fmt: skip
    assert "PIXL" not in [chunk.type for chunk in list_chunks(packed.data)]


@pytest.mark.parametrize("inverted", [False, True])
def test_background_stays_exact_beside_blocks(models: ModelStore, inverted: bool) -> None:
    stored = with_letters() - 3000
    stored[:, 150:] = -5000
    image = grey(stored, signed=True, inverted=inverted)
    packed = compress(image, modality="xr", target=Target("level", 150), models=models)
    assert {"MASK", "PIXL"} <= {chunk.type for chunk in list_chunks(packed.data)}
    restored = check(packed.data, models=models).stored
    assert (restored[:, 150:] == -5000).all()
    assert np.abs(restored - stored).max() == packed.max_error
    (plane,) = read_rcz(packed.data).planes
    assert plane.pixels is not None
    coded = unpack_flags(plane.pixels, stored == -5000, *SHAPE).coded
    assert not coded[:, 150:].any()
    assert np.abs(restored - stored)[coded].max() <= plane.pixels.step >> 1


def test_damaged_blocks_are_told() -> None:
    stored, mask = with_letters(), np.zeros(SHAPE, dtype=bool)
    chosen = choose(stored, blurred(stored))
    assert chosen is not None
    grid = Grid(*SHAPE, 2, 10)
    blocks = pack_blocks(chosen, stored, 9, 0, 4095, grid)
    assert blocks.tiles[0]
    with pytest.raises(CorruptError, match="pixel blocks"):
        unpack_flags(type(blocks)(9, blocks.flags + b"\0", blocks.tiles), mask, *SHAPE)
    with pytest.raises(CorruptError, match="pixel blocks"):
        broken = type(blocks)(9, blocks.flags, [blocks.tiles[0] + b"\1" * 9])
        unpack_values(broken, chosen, stored.copy(), 0, 4095, grid)
