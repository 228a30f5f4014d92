"""Small files of every coding, and both decoders' view of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from radcodec.codec import decode_plane, decompress
from radcodec.codec.blocks import Chosen, pack_blocks
from radcodec.codec.decoder import checksum_of
from radcodec.codec.jpegls import encode_jpegls
from radcodec.codec.residuals import pack_residuals
from radcodec.container import (
    DIGEST_LENGTH,
    Grid,
    Header,
    Plane,
    Quality,
    RczFile,
    Refinement,
    write_rcz,
)
from radcodec.entropy.filter_weights import encode_weights
from radcodec.entropy.latents import encode_tile
from radcodec.entropy.mask import encode_mask
from radcodec.entropy.pixels import area_of
from radcodec.intensity.background import skipped_positions
from radcodec.network.store import ModelStore
from tests import independent_decoder as second

from .networks import FRACTION_BITS, RandomNetwork, RandomStore, random_latent, random_weights

ROWS, COLUMNS = 71, 85


@dataclass(frozen=True)
class Nets:
    """A network of depth 2, and one of depth 1 that refines it."""

    first: RandomNetwork
    other: RandomNetwork

    @property
    def store(self) -> ModelStore:
        """Both, as the package takes them."""
        return cast(ModelStore, RandomStore(self.first, self.other))

    @property
    def folders(self) -> list[str]:
        """Both, as the independent decoder takes them."""
        return [str(network.folder) for network in (self.other, self.first)]


def header_for(bits: int = 16, *, tile_log2: int = 6, **changes: object) -> Header:
    """Return a header of a grey image."""
    header = Header(
        modality="ct",
        bits_allocated=8 if bits <= 8 else 16,
        bits_stored=bits,
        signed=False,
        source="png",
        rows=ROWS,
        columns=COLUMNS,
        tile_log2=tile_log2,
    )
    return replace(header, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Made:
    """A plane with what it was made of; `fixed` is what networks give, clamped."""

    plane: Plane
    stored: NDArray[np.int32]
    mask: NDArray[np.bool_]
    coded: NDArray[np.bool_]
    fixed: NDArray[np.int64]


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
    stored[10:14, 5:80], stored[50:70, 30:33], stored[40:71:3, 75:] = high, low, high
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


def networks_plane(
    nets: Nets,
    header: Header,
    *,
    masked: bool = False,
    refined: bool = False,
    filtered: bool = False,
    step: int | None = None,
    residual: int | None = None,
    stored: NDArray[np.int32] | None = None,
    seed: int = 1,
) -> Made:
    """Make a plane that networks code; without PIXL where there is no step, and RESD likewise.

    The `fixed` of a plane that is filtered is what it was before.
    """
    rng = np.random.default_rng(seed)
    least, most = header.stored_range
    # Where the range has room, the background lies outside what the map covers.
    low, high = least + (most - least) // 20, least + (most - least) * 7 // 8
    stored = letters(rng, low, high) if stored is None else np.clip(stored, low, high)
    mask = some_mask(rng) if masked else np.zeros((ROWS, COLUMNS), dtype=bool)
    stored[mask] = least
    grid = header.grid(2)
    pixels, coded = None, np.zeros_like(mask)
    if step is not None:
        flags = rng.random((-(-ROWS // 8), -(-COLUMNS // 8))) < 0.3
        flags[:, -1] = flags[-1] = True
        flags[3:8, 1:6] = True  # so that positions are skipped
        coded = area_of(flags, ROWS, COLUMNS) & ~mask
        pixels = pack_blocks(Chosen(flags, coded, mask), stored, step, low, high, grid)
    tiles, q = tiles_of(nets.first, mask | coded, grid, rng)
    fixed = nets.first.fixed_image(q, 77)[:ROWS, :COLUMNS].astype(np.int64)
    fixed = np.clip(fixed, 0, 2**FRACTION_BITS)
    refinement = None
    if refined:
        more, q = tiles_of(nets.other, mask | coded, grid.at_depth(1), rng)
        refinement = Refinement(1, 99, nets.other.model_id, more)
        change = nets.other.fixed_image(q, 99)[:ROWS, :COLUMNS]
        fixed = np.clip(fixed + change - 2 ** (FRACTION_BITS - 1), 0, 2**FRACTION_BITS)
    coded_mask = (least, encode_mask(mask)) if masked else None
    plane = Plane(
        "networks", low, high, 0, 2, 77, nets.first.model_id, tiles, coded_mask, pixels, refinement
    )
    if filtered:
        plane = replace(plane, filter=encode_weights(*random_weights(rng, refined)))
    if residual is not None:
        base = decode_plane(plane, header, 0, nets.store)
        coded_rest, _ = pack_residuals(stored, base, mask, residual, low, high, grid)
        plane = replace(plane, residual=coded_rest)
    return Made(plane, stored, mask, coded, fixed)


def pixel_plane(
    stored: NDArray[np.int32], header: Header, step: int = 1, mask: NDArray[np.bool_] | None = None
) -> Plane:
    """Code a plane without networks, its background that of `mask`, all of one value."""
    inside = stored if mask is None else stored[~mask]
    low, high = int(inside.min()), int(inside.max())
    residual, _ = pack_residuals(stored, None, mask, step, low, high, header.grid(1))
    coded_mask = None if mask is None else (int(stored[mask][0]), encode_mask(mask))
    return Plane("pixels", low, high, mask=coded_mask, residual=residual)


def jpegls_plane(values: NDArray[np.int32], header: Header, sample: int, bound: int) -> Plane:
    """Code a plane as JPEG-LS."""
    found = encode_jpegls(values, *header.plane_bits(sample), bound)
    assert found is not None
    return Plane("jpegls", int(values.min()), int(values.max()), stream=found[0])


def file_of(header: Header, planes: Sequence[Plane], store: ModelStore) -> RczFile:
    """Return a file whose planes' checksums fit."""
    fitting = []
    for n, plane in enumerate(planes):
        values = decode_plane(plane, header, n % header.samples, store)
        fitting.append(replace(plane, checksum=checksum_of(values)))
    return RczFile(header, fitting)


def data_of(nets: Nets, header: Header, *planes: Plane) -> bytes:
    """Return the bytes of a file whose planes' checksums fit."""
    return write_rcz(file_of(header, planes, nets.store))


def decoded_twice(nets: Nets, header: Header, *planes: Plane) -> NDArray[np.int32]:
    """Decode (frames, samples, rows, columns) by the package, and see that the other agrees."""
    file = file_of(header, planes, nets.store)
    frames = decompress(write_rcz(file), models=nets.store).frames
    own = np.stack([frame.planes for frame in frames])
    digest = hashlib.sha256(own.astype("<i4").tobytes()).digest()[:DIGEST_LENGTH]
    data = write_rcz(replace(file, quality=Quality(30.0, 99, digest)))
    stored, unused = second.restore(data, nets.folders)
    assert stored.dtype == np.int32
    assert np.array_equal(stored, own)
    for frame, bits in zip(frames, unused, strict=True):
        assert np.array_equal(bits, 0 * bits if frame.unused is None else frame.unused)
    return own
