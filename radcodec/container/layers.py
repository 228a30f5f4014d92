"""Layers: the tiles of an image's latent, the refinement of a second network, pixel blocks, the
residual.

docs/format.md, sections "PIXL", "LATN", "REFN" and "RESD", is the law for the layout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from radcodec.container.fields import Fields, pack_unsigned
from radcodec.errors import CorruptError, FormatError, LimitError

#: Bytes of a model id: the first ones of the SHA-256 of a bundle's manifest.
MODEL_ID_LENGTH = 4


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
        Of its decompressor bundle; `MODEL_ID_LENGTH` bytes.
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
    return pack_unsigned(residual.step) + _index(residual.tiles) + b"".join(residual.tiles)


def unpack_residual(payload: bytes, grid: Grid) -> Residual:
    """Read the payload of a RESD chunk.

    Raises
    ------
    CorruptError
        The step is out of range, or the lengths do not fit the payload.
    """
    fields = Fields("RESD", payload)
    step = fields.unsigned()
    if not 1 <= step < 2**16:
        raise CorruptError(
            f"RESD: the step {step} is out of range; get the file again from its source"
        )
    return Residual(step, _streams(fields, grid))


def _index(tiles: list[bytes]) -> bytes:
    """Lengths of all tiles but the last, which takes what is left."""
    return b"".join(pack_unsigned(len(tile)) for tile in tiles[:-1])


def _streams(fields: Fields, grid: Grid) -> list[bytes]:
    """Streams of tiles, the rest of a payload, with their lengths before them."""
    # The number follows from the grid: where there are fewer bytes, no list is made.
    if fields.left < grid.tile_count - 1:
        fields.take(grid.tile_count - 1)
    lengths = [fields.unsigned() for _ in range(grid.tile_count - 1)]
    return [*(fields.take(length) for length in lengths), fields.rest()]


def pack_pixels(blocks: PixelBlocks, grid: Grid) -> bytes:
    """Return the payload of a PIXL chunk.

    Raises
    ------
    FormatError
        A step out of range, or another number of tiles than the grid has.
    """
    if not 1 <= blocks.step < 2**16 or len(blocks.tiles) != grid.tile_count:
        raise FormatError("PIXL: the step is out of range, or tiles are missing")
    head = pack_unsigned(blocks.step) + pack_unsigned(len(blocks.flags)) + blocks.flags
    return head + _index(blocks.tiles) + b"".join(blocks.tiles)


def unpack_pixels(payload: bytes, grid: Grid) -> PixelBlocks:
    """Read the payload of a PIXL chunk.

    Raises
    ------
    CorruptError
        The step is out of range, or the lengths do not fit the payload.
    """
    fields = Fields("PIXL", payload)
    step = fields.unsigned()
    if not 1 <= step < 2**16:
        raise CorruptError(
            f"PIXL: the step {step} is out of range; get the file again from its source"
        )
    flags = fields.take(fields.unsigned())
    return PixelBlocks(step, flags, _streams(fields, grid))


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
    index = _index(tiles)
    total = len(index) + sum(map(len, tiles)) + 2 + MODEL_ID_LENGTH
    if total >= 2**32:
        raise LimitError(f"the tiles take {total} bytes; a chunk holds fewer than 2**32")
    return index + b"".join(tiles)


def unpack_tiles(fields: Fields, grid: Grid, chunk: str = "LATN") -> list[bytes]:
    """Read `pack_tiles`'s bytes; `chunk` names the place in errors.

    Raises
    ------
    CorruptError
        The index does not fit the grid or the payload.
    """
    tiles = _streams(fields, grid)
    if not all(tiles):
        raise CorruptError(f"{chunk}: a tile is empty; get the file again from its source")
    return tiles


def pack_refinement(refinement: Refinement, base: Grid) -> bytes:
    """Return the payload of a REFN chunk; `base` is the first layer's grid."""
    refinement.check(base.depth)
    head = bytes((refinement.depth, refinement.level)) + refinement.model_id
    return head + pack_tiles(refinement.tiles, base.at_depth(refinement.depth))


def unpack_refinement(payload: bytes, base: Grid) -> Refinement:
    """Read the payload of a REFN chunk.

    Raises
    ------
    CorruptError
        It is too short, or its tiles do not fit.
    FormatError
        A field is out of range.
    """
    fields = Fields("REFN", payload)
    depth, level = fields.take(2)
    model_id = fields.take(MODEL_ID_LENGTH)
    Refinement(depth, level, model_id, []).check(base.depth)
    return Refinement(depth, level, model_id, unpack_tiles(fields, base.at_depth(depth), "REFN"))
