"""The independent decoder agrees with the package, here with networks of random integers."""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from radcodec.codec.blocks import Chosen, pack_blocks
from radcodec.codec.decoder import decode
from radcodec.container import (
    Grid,
    Header,
    PixelBlocks,
    Quality,
    RczFile,
    Refinement,
    read_rcz,
    write_rcz,
)
from radcodec.entropy.latents import encode_tile
from radcodec.entropy.mask import encode_mask
from radcodec.entropy.pixels import area_of
from radcodec.entropy.tables import TableSet
from radcodec.errors import CorruptError, FormatError
from radcodec.intensity.background import skipped_positions
from radcodec.network.store import ModelStore

from .networks import FRACTION_BITS, RandomNetwork, RandomStore, random_latent, table_sets
from .samples import raw_chunk, raw_file

SOURCE = Path(__file__).resolve().parents[1] / "independent_decoder.py"
ROWS, COLUMNS = 75, 101
BACKGROUND = -2000


@pytest.fixture(scope="module")
def second() -> ModuleType:
    """Return tests/independent_decoder.py as a module."""
    spec = importlib.util.spec_from_file_location("independent_decoder", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Nets:
    """A network of depth 2, and one of depth 1 that refines it."""

    first: RandomNetwork
    other: RandomNetwork
    store: ModelStore


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Nets:
    """Return networks shared by the tests."""
    folder = tmp_path_factory.mktemp("bundles")
    sets: list[TableSet] = table_sets(np.random.default_rng(5))
    first, other = RandomNetwork(folder / "2", 2, sets, 7), RandomNetwork(folder / "1", 1, sets, 8)
    return Nets(first, other, cast(ModelStore, RandomStore(first, other)))


@dataclass(frozen=True)
class Made:
    """A file with what it was made of."""

    file: RczFile
    fixed: NDArray[np.int64]
    stored: NDArray[np.int32]
    mask: NDArray[np.bool_]
    coded: NDArray[np.bool_]


def some_mask(rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a background of a frayed rectangle and lone pixels."""
    mask = np.zeros((ROWS, COLUMNS), dtype=bool)
    mask[:30, 48:] = True
    mask[rng.integers(0, ROWS, 60), rng.integers(0, COLUMNS, 60)] ^= True
    return mask


def letters(rng: np.random.Generator, low: int, high: int) -> NDArray[np.int32]:
    """Return a ramp with noise and, here and there, bars of the extremes."""
    ramp = np.linspace(low, high, COLUMNS) + rng.normal(0, (high - low) / 40, (ROWS, COLUMNS))
    stored = np.clip(np.rint(ramp), low, high).astype(np.int32)
    stored[10:14, 5:90], stored[50:70, 30:33], stored[40:75:3, 90:] = high, low, high
    return stored


def tiles_of(
    network: RandomNetwork, covered: NDArray[np.bool_], grid: Grid, rng: np.random.Generator
) -> tuple[list[bytes], NDArray[np.int32]]:
    """Return the tiles of a random latent, and the latent as a decoder finds it."""
    skip = skipped_positions(covered, grid.block)
    q = random_latent(rng, grid.latent_shape)
    tiles, decoded = [], np.empty_like(q)
    for part in grid.tile_slices:
        left_out = np.ascontiguousarray(skip[part])
        mine = np.ascontiguousarray(q[(slice(None), *part)])
        tiles.append(encode_tile(mine, left_out, network.table_sets))
        for y, x in zip(*np.nonzero(left_out), strict=True):
            mine[:, y, x] = 0
            mine[0, y, x] = foreseen(mine[0], int(y), int(x))
        decoded[(slice(None), *part)] = mine
    return tiles, decoded


def foreseen(mean: NDArray[np.int32], y: int, x: int) -> int:
    """Predict channel 0, as section 8.3 has it."""
    if not (y and x):
        return int(mean[y, x - 1] if x else mean[y - 1, x] if y else 0)
    left, up, corner = int(mean[y, x - 1]), int(mean[y - 1, x]), int(mean[y - 1, x - 1])
    return sorted((left, up, left + up - corner))[1]


def make(
    nets: Nets,
    *,
    masked: bool = False,
    refined: bool = False,
    step: int | None = None,
    bits: int = 16,
    signed: bool = False,
    inverted: bool = False,
    tile_log2: int = 6,
    seed: int = 1,
) -> Made:
    """Make a file; `step` of None goes without PIXL."""
    rng = np.random.default_rng(seed)
    least = -(1 << (bits - 1)) if signed else 0
    # Where the range has room, the background lies outside what the map covers.
    low, high = least + (1 << bits) // 20, least + (1 << bits) * 7 // 8
    stored = letters(rng, low, high)
    mask = some_mask(rng) if masked else np.zeros((ROWS, COLUMNS), dtype=bool)
    stored[mask] = least
    header = Header(
        "ct", 2, 8 if bits == 8 else 16, bits, signed, 77, "png", ROWS, COLUMNS, low, high,
        nets.first.model_id, inverted, tile_log2=tile_log2,
    )  # fmt: skip
    pixels, coded = None, np.zeros_like(mask)
    if step is not None:
        flags = rng.random((-(-ROWS // 8), -(-COLUMNS // 8))) < 0.3
        flags[:, -1] = flags[-1] = True
        flags[3:8, 1:6] = True  # so that positions are skipped
        coded = area_of(flags, ROWS, COLUMNS) & ~mask
        pixels = pack_blocks(Chosen(flags, coded, mask), stored, step, low, high, header.grid)
    tiles, q = tiles_of(nets.first, mask | coded, header.grid, rng)
    fixed = nets.first.fixed_image(q, 77)[:ROWS, :COLUMNS].astype(np.int64)
    fixed = np.clip(fixed, 0, 2**FRACTION_BITS)
    refinement = None
    if refined:
        more, q = tiles_of(nets.other, mask | coded, header.grid.at_depth(1), rng)
        refinement = Refinement(1, 99, nets.other.model_id, more)
        change = nets.other.fixed_image(q, 99)[:ROWS, :COLUMNS]
        fixed = np.clip(fixed + change - 2 ** (FRACTION_BITS - 1), 0, 2**FRACTION_BITS)
    coded_mask = (least, encode_mask(mask)) if masked else None
    file = RczFile(header, tiles, coded_mask, refinement=refinement, pixels=pixels)
    return Made(file, fixed, stored, mask, coded)


def decoded_twice(second: ModuleType, nets: Nets, file: RczFile) -> NDArray[np.int32]:
    """Decode by the package, and see that the other decoder agrees."""
    own = decode(read_rcz(write_rcz(file)), nets.store)
    digest = hashlib.sha256(own.astype("<i4").tobytes()).digest()
    data = write_rcz(replace(file, quality=Quality(30.0, 99, digest)))
    got = second.decode(
        data, nets.first.folder, None if file.refinement is None else nets.other.folder
    )
    assert got.dtype == np.int32
    assert np.array_equal(got, own)
    return own


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize("step", [None, 1, 5, 9000])
@pytest.mark.parametrize(
    ("bits", "signed", "inverted", "tile_log2"),
    [(16, False, False, 6), (16, True, True, 6), (12, True, False, 10), (8, False, True, 6)],
)
def test_a_whole_file(
    second: ModuleType, nets: Nets, masked: bool, refined: bool, step: int | None, bits: int,
    signed: bool, inverted: bool, tile_log2: int,
) -> None:  # fmt: skip
    made = make(
        nets, masked=masked, refined=refined, step=step, bits=bits, signed=signed,
        inverted=inverted, tile_log2=tile_log2,
    )  # fmt: skip
    header = made.file.header
    assert header.grid.tile_count == (4 if tile_log2 == 6 else 1)
    assert (step is None) or skipped_positions(made.coded | made.mask, 8).any()
    got = decoded_twice(second, nets, made.file)

    # What the format says, computed without help from either decoder.
    low, high = header.low, header.high
    scaled = (made.fixed * (high - low) + 2 ** (FRACTION_BITS - 1)) >> FRACTION_BITS
    expected = high - scaled if inverted else low + scaled
    assert np.unique(expected).size > 50
    elsewhere = ~made.mask & ~made.coded
    assert np.array_equal(got[elsewhere], expected[elsewhere])
    assert np.array_equal(got[made.mask], made.stored[made.mask])
    if step is not None:
        off = np.abs(got - made.stored)[made.coded]
        assert off.max() <= step >> 1


@pytest.mark.parametrize("seed", range(8))
def test_pixel_blocks_of_any_step(second: ModuleType, nets: Nets, seed: int) -> None:
    step = int(2 ** np.random.default_rng(seed).uniform(0, 16))
    made = make(nets, masked=seed % 2 == 0, step=step, signed=True, seed=100 + seed)
    decoded_twice(second, nets, made.file)


def test_damage_is_refused(second: ModuleType, nets: Nets) -> None:
    data = bytearray(write_rcz(make(nets, masked=True, step=3).file))
    data[len(data) // 2] ^= 1
    with pytest.raises(second.Refused):
        second.decode(bytes(data), nets.first.folder)


def with_pixels(file: RczFile, **changes: object) -> RczFile:
    """Return the file with other fields in its PIXL."""
    assert file.pixels is not None
    pixels: PixelBlocks = replace(file.pixels, **changes)  # type: ignore[arg-type]
    return replace(file, pixels=pixels)


def refused_by_both(second: ModuleType, nets: Nets, file: RczFile, message: str) -> None:
    """See that neither decoder makes an image of a file, whose chunks are sound."""
    with pytest.raises(CorruptError, match=f"pixel blocks: .*{message}.*new copy"):
        decode(read_rcz(write_rcz(file)), nets.store)
    with pytest.raises(second.Refused):
        second.decode(write_rcz(file), nets.first.folder)


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (b"\0", "values are not valid"),
        (b"\1" * 9, "behind the values"),
    ],
)
def test_bytes_behind_the_values_are_refused(
    second: ModuleType, nets: Nets, tail: bytes, message: str
) -> None:
    file = make(nets, step=3).file
    assert file.pixels is not None
    tiles = file.pixels.tiles
    for place in range(len(tiles)):
        broken = [tile + tail * (n == place) for n, tile in enumerate(tiles)]
        refused_by_both(second, nets, with_pixels(file, tiles=broken), message)


@pytest.mark.parametrize(
    ("tail", "message"), [(b"\0", "flags are not valid"), (b"\1" * 9, "behind the flags")]
)
def test_bytes_behind_the_flags_are_refused(
    second: ModuleType, nets: Nets, tail: bytes, message: str
) -> None:
    file = make(nets, masked=True, step=3).file
    assert file.pixels is not None
    refused_by_both(second, nets, with_pixels(file, flags=file.pixels.flags + tail), message)


@pytest.mark.parametrize("stream", [b"\1", b"\xff\xff\xff\xff", b"abcde"])
def test_streams_that_code_nothing_have_no_bytes(
    second: ModuleType, nets: Nets, stream: bytes
) -> None:
    """Tiles where nothing is flagged, and flags where all is background."""
    made = make(nets, step=3)
    none = Chosen(np.zeros((10, 13), dtype=bool), np.zeros_like(made.mask), made.mask)
    grid, header = made.file.header.grid, made.file.header
    tiles, _ = tiles_of(nets.first, made.mask, grid, np.random.default_rng(2))
    pixels = pack_blocks(none, made.stored, 3, header.low, header.high, grid)
    assert pixels == PixelBlocks(3, b"", [b""] * 4)
    file = replace(made.file, tiles=tiles, pixels=pixels)
    decoded_twice(second, nets, file)
    broken = with_pixels(file, tiles=[b"", stream, b"", b""])
    refused_by_both(second, nets, broken, "values are not valid")

    everything = np.ones_like(made.mask)
    tiles, _ = tiles_of(nets.first, everything, grid, np.random.default_rng(2))
    file = replace(file, tiles=tiles, mask=(0, encode_mask(everything)))
    assert not decoded_twice(second, nets, file).any()
    refused_by_both(second, nets, with_pixels(file, flags=stream), "flags are not valid")


@pytest.mark.parametrize("seed", range(20))
def test_damaged_streams_are_refused_by_both_or_by_none(
    second: ModuleType, nets: Nets, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    file = make(nets, masked=True, step=40, seed=3).file
    assert file.pixels is not None
    tile = bytearray(file.pixels.tiles[2])
    tile[rng.integers(len(tile))] ^= int(rng.integers(1, 256))
    changed = bytes(tile[: rng.integers(len(tile) // 2, len(tile))]) if seed % 2 else bytes(tile)
    file = with_pixels(file, tiles=[*file.pixels.tiles[:2], changed, file.pixels.tiles[3]])
    try:
        wanted = decode(read_rcz(write_rcz(file)), nets.store)
    except CorruptError:
        with pytest.raises(second.Refused):
            second.decode(write_rcz(file), nets.first.folder)
        return
    assert np.array_equal(second.decode(write_rcz(file), nets.first.folder), wanted)
    assert wanted[wanted != 0].min() >= file.header.low
    assert wanted.max() <= file.header.high


def pieces(nets: Nets) -> tuple[bytes, bytes, bytes]:
    """Return the chunks HEAD, PIXL and LATN of a file."""
    data = write_rcz(make(nets, step=3).file)
    begin, middle, end = (data.index(kind) for kind in (b"PIXL", b"LATN", b"TAIL"))
    return data[14:begin], data[begin:middle], data[middle:end]


@pytest.mark.parametrize(
    "change",
    [
        lambda chunk: b"\0\0" + chunk[2:],
        lambda chunk: chunk[:5],
        lambda chunk: chunk[:-1],
        lambda chunk: chunk + b"\1",
        lambda chunk: chunk[:2] + struct.pack("<I", 2**32 - 1) + chunk[6:],
    ],
)
def test_chunks_that_do_not_fit_are_refused(
    second: ModuleType, nets: Nets, change: Callable[[bytes], bytes]
) -> None:
    head, pixl, latn = pieces(nets)
    broken = raw_file(head, raw_chunk(b"PIXL", change(pixl[8:-4])), latn)
    with pytest.raises(CorruptError, match="PIXL"):
        read_rcz(broken)
    with pytest.raises(second.Refused):
        second.decode(broken, nets.first.folder)


def test_chunks_out_of_order_are_refused(second: ModuleType, nets: Nets) -> None:
    head, pixl, latn = pieces(nets)
    second.decode(raw_file(head, pixl, latn), nets.first.folder)
    for chunks in ((head, latn, pixl), (head, pixl, pixl, latn), (pixl, head, latn)):
        with pytest.raises(FormatError):
            read_rcz(raw_file(*chunks))
        with pytest.raises(second.Refused):
            second.decode(raw_file(*chunks), nets.first.folder)


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 33), (50, 3), (40, 70)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_masks(second: ModuleType, shape: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(3)
    mask = rng.random(shape) < share
    mask[: shape[0] // 2] |= share > 0
    assert np.array_equal(second.decode_mask(encode_mask(mask), *shape), mask)
