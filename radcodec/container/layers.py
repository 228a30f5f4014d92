"""Layers: the tiles of an image's latent, the refinement of a second network, pixel blocks, the
residual.

docs/format.md, sections "PIXL", "LATN", "REFN" and "RESD", is the law for the layout.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from radcodec.errors import CorruptError, FormatError, LimitError, UnsupportedVersionError

_U32 = struct.Struct("<I")
_REFINEMENT = struct.Struct("<2BH16s")
_PIXELS = struct.Struct("<HI")
_STEP = struct.Struct("<I")
#: Bytes of a model id: the first ones of the SHA-256 of a bundle's manifest.
MODEL_ID_LENGTH = 16


@dataclass(frozen=True)
class Grid:
    """Where the latent positions and tiles of one layer lie on an image.

    Attributes
    ----------
    rows, columns : int
        Size of the image in pixels.
    depth : int
        Digest units of the layer's network.
    tile_log2 : int
        Binary logarithm of the tile side in pixels.
    """

    rows: int
    columns: int
    depth: int
    tile_log2: int

    def at_depth(self, depth: int) -> Grid:
        """The grid of another layer of the same image."""
        return replace(self, depth=depth)

    @property
    def block(self) -> int:
        """Pixels along one side of the block that one latent position stands for."""
        return 1 << (self.depth + 1)

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Rows and columns of the latent."""
        return -(-self.rows // self.block), -(-self.columns // self.block)

    @property
    def tile_positions(self) -> int:
        """Latent positions along one side of a whole tile."""
        return 1 << (self.tile_log2 - self.depth - 1)

    @property
    def tile_count(self) -> int:
        """Number of tiles."""
        rows, columns = self.latent_shape
        return -(-rows // self.tile_positions) * -(-columns // self.tile_positions)

    @property
    def pixel_tiles(self) -> list[tuple[slice, slice]]:
        """Rows and columns of the image that each tile covers, tiles in raster order."""
        side = 1 << self.tile_log2
        return [
            (slice(top, min(top + side, self.rows)), slice(left, min(left + side, self.columns)))
            for top in range(0, self.rows, side)
            for left in range(0, self.columns, side)
        ]

    @property
    def tile_slices(self) -> list[tuple[slice, slice]]:
        """Rows and columns of the latent that each tile covers, tiles in raster order."""
        rows, columns = self.latent_shape
        side = self.tile_positions
        return [
            (slice(top, min(top + side, rows)), slice(left, min(left + side, columns)))
            for top in range(0, rows, side)
            for left in range(0, columns, side)
        ]


@dataclass(frozen=True)
class Refinement:
    """A second, shallower layer, which codes what the first leaves.

    Attributes
    ----------
    depth : int
        Digest units of its network, fewer than the first layer's.
    level : int
        Row of its bundle's gain table, 0 to 255.
    model_id : bytes
        Of its decompressor bundle; 16 bytes.
    tiles : list of bytes
        Entropy-coded latent tiles in raster order.
    """

    depth: int
    level: int
    model_id: bytes
    tiles: list[bytes]

    def check(self, base_depth: int) -> None:
        """Raise `FormatError` where a field does not suit a first layer of `base_depth`."""
        if not 1 <= self.depth < base_depth:
            raise FormatError(
                f"REFN: a refinement of depth {self.depth} does not go with depth {base_depth}; "
                "the program that wrote the file is at fault, compress the image again"
            )
        if not 0 <= self.level <= 255 or len(self.model_id) != MODEL_ID_LENGTH:
            raise FormatError("REFN: the level or the model id is out of range")


@dataclass(frozen=True)
class PixelBlocks:
    """Blocks that are coded as pixels.

    Attributes
    ----------
    step : int
        Quantiser step in stored values, 1 to 65535.
    flags : bytes
        Coded flags of the blocks.
    tiles : list of bytes
        Coded values in raster order of the tiles; empty where a tile has none.
    """

    step: int
    flags: bytes
    tiles: list[bytes]


@dataclass(frozen=True)
class Residual:
    """What the layers leave, coded so that no pixel is off by more than half a step.

    Attributes
    ----------
    step : int
        Quantiser step in stored values, 1 to 65535.
    tiles : list of bytes
        Coded values in raster order of the tiles; empty where a tile has none.
    """

    step: int
    tiles: list[bytes]


def pack_residual(residual: Residual, grid: Grid) -> bytes:
    """Return the payload of a RESD chunk.

    Raises
    ------
    FormatError
        A step out of range, or another number of tiles than the grid has.
    """
    if not 1 <= residual.step < 2**16 or len(residual.tiles) != grid.tile_count:
        raise FormatError("RESD: the step is out of range, or tiles are missing")
    lengths = struct.pack(f"<{len(residual.tiles)}I", *map(len, residual.tiles))
    return b"".join([_STEP.pack(residual.step), lengths, *residual.tiles])


def unpack_residual(payload: bytes, grid: Grid) -> Residual:
    """Read the payload of a RESD chunk.

    Raises
    ------
    CorruptError
        The step is out of range, or the lengths do not fit the payload.
    """
    again = "get the file again from its source"
    begin = _STEP.size + _U32.size * grid.tile_count
    if len(payload) < begin:
        raise CorruptError(f"RESD holds {len(payload)} bytes, too few for its lengths; {again}")
    (step,) = _STEP.unpack_from(payload)
    if not 1 <= step < 2**16:
        raise CorruptError(f"RESD: the step {step} is out of range; {again}")
    lengths = struct.unpack_from(f"<{grid.tile_count}I", payload, _STEP.size)
    return Residual(step, _split(payload, begin, lengths, "RESD"))


def _split(payload: bytes, begin: int, lengths: tuple[int, ...], chunk: str) -> list[bytes]:
    """Cut the streams of tiles out of a payload, of which they are the rest."""
    if begin + sum(lengths) != len(payload):
        raise CorruptError(
            f"{chunk}: the lengths of its tiles do not fit the chunk; get the file again from "
            "its source"
        )
    tiles = []
    for length in lengths:
        tiles.append(payload[begin : begin + length])
        begin += length
    return tiles


def pack_pixels(blocks: PixelBlocks, grid: Grid) -> bytes:
    """Return the payload of a PIXL chunk.

    Raises
    ------
    FormatError
        A step out of range, or another number of tiles than the grid has.
    """
    if not 1 <= blocks.step < 2**16 or len(blocks.tiles) != grid.tile_count:
        raise FormatError("PIXL: the step is out of range, or tiles are missing")
    lengths = struct.pack(f"<{len(blocks.tiles)}I", *map(len, blocks.tiles))
    head = _PIXELS.pack(blocks.step, len(blocks.flags))
    return b"".join([head, blocks.flags, lengths, *blocks.tiles])


def unpack_pixels(payload: bytes, grid: Grid) -> PixelBlocks:
    """Read the payload of a PIXL chunk.

    Raises
    ------
    CorruptError
        The step is 0, or the lengths do not fit the payload.
    """
    again = "get the file again from its source"
    if len(payload) < _PIXELS.size:
        raise CorruptError(f"PIXL holds {len(payload)} bytes, too few for its fields; {again}")
    step, size = _PIXELS.unpack_from(payload)
    if step == 0:
        raise CorruptError(f"PIXL: the step is 0; {again}")
    begin = _PIXELS.size + size
    end = begin + _U32.size * grid.tile_count
    if len(payload) < end:
        raise CorruptError(
            f"PIXL holds {len(payload)} bytes, too few for its flags and lengths; {again}"
        )
    lengths = struct.unpack_from(f"<{grid.tile_count}I", payload, begin)
    tiles = _split(payload, end, lengths, "PIXL")
    return PixelBlocks(step, payload[_PIXELS.size : begin], tiles)


def pack_tiles(tiles: list[bytes], grid: Grid) -> bytes:
    """Return the index of the tiles and the tiles, as in LATN.

    Raises
    ------
    FormatError
        Another number of tiles than the grid has, or an empty one.
    LimitError
        More than a chunk holds.
    """
    if len(tiles) != grid.tile_count:
        raise FormatError(f"the image has {grid.tile_count} tiles, but {len(tiles)} were given")
    if not all(tiles):
        raise FormatError("a tile is empty")
    index = struct.pack(f"<{len(tiles) + 1}I", len(tiles), *map(len, tiles))
    total = len(index) + sum(map(len, tiles)) + _REFINEMENT.size
    if total >= 2**32:
        raise LimitError(f"the tiles take {total} bytes; a chunk holds fewer than 2**32")
    return index + b"".join(tiles)


def unpack_tiles(payload: bytes, grid: Grid, chunk: str = "LATN") -> list[bytes]:
    """Read `pack_tiles`'s bytes; `chunk` names the place in errors.

    Raises
    ------
    CorruptError
        The index does not fit the grid or the payload.
    """
    # The count follows from the grid, so the index is measured against the chunk before
    # anything of its claimed size is made.
    count = grid.tile_count
    begin = _U32.size * (count + 1)
    if len(payload) < begin:
        raise CorruptError(
            f"{chunk} holds {len(payload)} bytes, too few for the index of {count} tiles"
        )
    recorded, *lengths = struct.unpack_from(f"<{count + 1}I", payload)
    if recorded != count:
        raise CorruptError(f"{chunk} counts {recorded} tiles; the image has {count}")
    if not all(lengths):
        raise CorruptError(f"{chunk}: a tile is empty")
    return _split(payload, begin, tuple(lengths), chunk)


def pack_refinement(refinement: Refinement, base: Grid) -> bytes:
    """Return the payload of a REFN chunk; `base` is the first layer's grid."""
    refinement.check(base.depth)
    head = _REFINEMENT.pack(refinement.depth, refinement.level, 0, refinement.model_id)
    return head + pack_tiles(refinement.tiles, base.at_depth(refinement.depth))


def unpack_refinement(payload: bytes, base: Grid) -> Refinement:
    """Read the payload of a REFN chunk.

    Raises
    ------
    CorruptError
        It is too short, or its tiles do not fit.
    UnsupportedVersionError
        A reserved field is in use.
    FormatError
        A field is out of range.
    """
    if len(payload) < _REFINEMENT.size:
        raise CorruptError(f"REFN holds {len(payload)} bytes, too few for its fields")
    depth, level, reserved, model_id = _REFINEMENT.unpack_from(payload)
    if reserved:
        raise UnsupportedVersionError(
            f"REFN: the reserved field is {reserved}; use a newer version of radcodec"
        )
    Refinement(depth, level, model_id, []).check(base.depth)
    tiles = unpack_tiles(payload[_REFINEMENT.size :], base.at_depth(depth), "REFN")
    return Refinement(depth, level, model_id, tiles)
