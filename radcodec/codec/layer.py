"""One layer of a file: a network pair over a plane, at any quality level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.area import Area
from radcodec.codec.threads import side_by_side
from radcodec.container.layers import Grid
from radcodec.entropy.economy import economise
from radcodec.entropy.foresight import WORTH, foresee
from radcodec.entropy.latents import best_set, decode_tile, encode_tile
from radcodec.intensity.background import skipped_positions
from radcodec.network.compressor import Compressor
from radcodec.network.decompressor import HALO, Decompressor
from radcodec.quantising.quantise import quantise

#: How often the latents of a refinement are lowered by foresight, each time with what the time
#: before has made of what comes next.  First layers gain nothing by a second time.
REFINING_PASSES = 2
#: Rows that are worked on at a time where numbers take 64 bits.
BAND = 256


@dataclass(frozen=True)
class FixedImage:
    """A fixed-point image.

    Attributes
    ----------
    values : ndarray of int32, shape (rows, columns)
        In units of ``2**-fraction_bits``.
    fraction_bits : int
        8 to 30.
    """

    values: NDArray[np.int32]
    fraction_bits: int

    def clamped(self) -> FixedImage:
        """Clamp to [0, 1]."""
        return FixedImage(np.clip(self.values, 0, 1 << self.fraction_bits), self.fraction_bits)

    def part(self, where: tuple[slice, slice]) -> FixedImage:
        """Cut some rows and columns out."""
        return FixedImage(self.values[where], self.fraction_bits)

    def refined(self, other: FixedImage) -> FixedImage:
        """Add a refinement, whose middle grey stands for no change; exact, then clamped.

        Sums take 64 bits, and are made a band of rows at a time to bound the memory.
        """
        bits = max(self.fraction_bits, other.fraction_bits)
        out = np.empty(self.values.shape, np.int32)
        for top in range(0, len(out), BAND):
            band = slice(top, top + BAND)
            own = self.values[band].astype(np.int64) << (bits - self.fraction_bits)
            change = other.values[band].astype(np.int64) << (bits - other.fraction_bits)
            out[band] = np.clip(own + change - (1 << (bits - 1)), 0, 1 << bits)
        return FixedImage(out, bits)


def skip_map(mask: NDArray[np.bool_] | None, grid: Grid) -> NDArray[np.bool_]:
    """Latent positions of a layer that are not coded, shape `grid.latent_shape`."""
    if mask is None:
        return np.zeros(grid.latent_shape, dtype=bool)
    return skipped_positions(mask, grid.block)


def decode_tiles(
    tiles: list[bytes],
    grid: Grid,
    skip: NDArray[np.bool_],
    decompressor: Decompressor,
    wanted: Area | None = None,
) -> NDArray[np.int32]:
    """Decode the tiles of a layer to its quantised latent (channels, r, c).

    Parameters
    ----------
    tiles : list of bytes
        All of them.
    grid : Grid
        Where they lie.
    skip : ndarray of bool, shape `grid.latent_shape`
        Positions that are not coded.
    decompressor : Decompressor
        Whose tables they were coded by.
    wanted : Area or None
        Latent positions that matter; tiles without any of them are left at zero.

    Raises
    ------
    CorruptError
        A tile is damaged.
    """
    latent = np.zeros((decompressor.bundle.latents, *grid.latent_shape), np.int32)

    def decode(tile: tuple[bytes, tuple[slice, slice]]) -> None:
        data, (rows, columns) = tile
        part = np.ascontiguousarray(skip[rows, columns])
        latent[:, rows, columns] = decode_tile(
            data, (latent.shape[0], *part.shape), part, decompressor.table_sets
        )

    every = zip(tiles, grid.tile_slices, strict=True)
    side_by_side(decode, [tile for tile in every if wanted is None or wanted.meets(*tile[1])])
    return latent


def decode_layer(
    tiles: list[bytes],
    grid: Grid,
    skip: NDArray[np.bool_],
    decompressor: Decompressor,
    level: int,
    area: Area | None = None,
) -> FixedImage:
    """Decode the tiles of a layer, or what an area of pixels needs of them.

    Everything is integer arithmetic: an area equals that part of the whole.

    Raises
    ------
    CorruptError
        A tile is damaged.
    """
    area = area or Area(0, 0, grid.rows, grid.columns)
    rows, columns = grid.latent_shape
    block = grid.block
    near = Area(
        max(area.top // block - HALO, 0),
        max(area.left // block - HALO, 0),
        min(-(-area.bottom // block) + HALO, rows),
        min(-(-area.right // block) + HALO, columns),
    )
    latent = decode_tiles(tiles, grid, skip, decompressor, near)[:, *near.slices]
    fixed = decompressor.fixed_image(np.ascontiguousarray(latent), level)
    origin = Area(near.top * block, near.left * block, near.bottom * block, near.right * block)
    return FixedImage(fixed[area.within(origin)], decompressor.fraction_bits)


class LayerEncoder:
    """A plane's latent, to be coded at any level.

    Parameters
    ----------
    plane : ndarray of float32, shape (rows, columns)
        What the compressor sees.
    grid : Grid
        Of the image and the network's depth.
    skip : ndarray of bool, shape `grid.latent_shape`
        Positions that are not coded.
    compressor, decompressor : Compressor, Decompressor
        The network pair.
    refining : bool
        Whether this is a refinement, which has entropy tables of its own.
    worth : float
        Bits that a squared error of one step is worth, see `foresee`; 0 for plain rounding.
    foresight : bool
        Whether latents are lowered by foresight, not by tables alone.
    """

    def __init__(
        self,
        plane: NDArray[np.float32],
        grid: Grid,
        skip: NDArray[np.bool_],
        compressor: Compressor,
        decompressor: Decompressor,
        *,
        refining: bool = False,
        worth: float = WORTH,
        foresight: bool = True,
    ) -> None:
        self.grid, self.skip = grid, skip
        self.compressor, self.decompressor = compressor, decompressor
        self._latent = compressor.latent(plane)
        self._refining = refining
        self._worth = worth
        # Times that latents are lowered by foresight.
        self._passes = (REFINING_PASSES if refining else 1) if foresight else 0
        self._candidates: Sequence[int] = compressor.table_sets(refining=refining)
        self._tiles: dict[int, list[bytes]] = {}
        self._fixed: tuple[int, FixedImage] | None = None

    def tiles(self, level: int) -> list[bytes]:
        """Entropy-coded latent tiles of a level."""
        if level not in self._tiles:
            steps = self.compressor.steps[level]
            quantised = quantise(self._latent, steps, refining=self._refining)
            exact = self._latent / steps[:, None, None]

            def encode(where: tuple[slice, slice]) -> bytes:
                part = (slice(None), *where)
                skip = np.ascontiguousarray(self.skip[where])
                return self._tile(np.ascontiguousarray(quantised[part]), exact[part], skip)

            self._tiles[level] = side_by_side(encode, self.grid.tile_slices)
        return self._tiles[level]

    def _tile(
        self, q: NDArray[np.int32], exact: NDArray[np.float32], skip: NDArray[np.bool_]
    ) -> bytes:
        """Encode a tile, made cheaper by what its coder will know of it."""
        sets = self.decompressor.table_sets
        if self._worth:
            planned = economise(q, exact, skip, best_set(q, skip, sets, self._candidates))
            for _ in range(self._passes):
                tables = best_set(planned, skip, sets, self._candidates)
                planned = foresee(q, planned, exact, skip, tables, self._worth)
            q = planned
        return encode_tile(q, skip, sets, self._candidates)

    def latent(self, level: int) -> NDArray[np.int32]:
        """Quantised latent that the tiles of a level hold, (channels, r, c)."""
        return decode_tiles(self.tiles(level), self.grid, self.skip, self.decompressor)

    def decoded(self, level: int) -> FixedImage:
        """What the tiles of a level decode to; the latest level is kept."""
        if self._fixed is None or self._fixed[0] != level:
            image = decode_layer(self.tiles(level), self.grid, self.skip, self.decompressor, level)
            self._fixed = (level, image)
        return self._fixed[1]
