"""The HEAD chunk: all that a decoder must know before it can decode.

Offsets and ranges are those of docs/format.md, section "HEAD".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from radcodec.container.layers import Grid
from radcodec.errors import CorruptError, FormatError, UnsupportedVersionError

#: Names of the modality codes 0, 1, ...
MODALITIES = ("generic", "xr", "mg", "ct", "mr")
#: Names of the source codes 0, 1.
SOURCES = ("png", "dicom")
#: Entropy coder 1: Huffman tables chosen by context.
CONTEXT_HUFFMAN = 1
#: Range of the binary logarithm of the tile side.
TILE_LOG2_RANGE = (6, 15)

_LAYOUT = struct.Struct("<10B3I2i32s")
#: Length of the payload in bytes.
HEADER_LENGTH = _LAYOUT.size
_SIGNED = 1
_INVERTED = 2


@dataclass(frozen=True)
class Header:
    """Fields of the HEAD chunk.

    Attributes
    ----------
    modality : str
        One of `MODALITIES`: what the image is.  The decoder does not need it.
    depth : int
        Digest units of the first layer's networks, 1 to 4.
    bits_allocated : int
        8 or 16.
    bits_stored : int
        1 to `bits_allocated`.
    signed : bool
        True where stored values are two's complement.
    level : int
        Row of the first layer's gain table, 0 to 255.
    source : str
        One of `SOURCES`.
    rows, columns : int
        Size of the image, at least 1.
    low, high : int
        Intensity map; stored values with ``low <= high``.
    model_id : bytes
        SHA-256 of the decompressor bundle's manifest; 32 bytes.
    inverted : bool
        True for MONOCHROME1.
    coder : int
        Entropy coder, 1.
    tile_log2 : int
        Binary logarithm of the tile side in pixels, 6 to 15.
    samples, frames : int
        Both 1 in this version.
    """

    modality: str
    depth: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    level: int
    source: str
    rows: int
    columns: int
    low: int
    high: int
    model_id: bytes
    inverted: bool = False
    coder: int = CONTEXT_HUFFMAN
    tile_log2: int = 10
    samples: int = 1
    frames: int = 1

    @property
    def grid(self) -> Grid:
        """Where the first layer's latent positions and tiles lie."""
        return Grid(self.rows, self.columns, self.depth, self.tile_log2)

    @property
    def stored_range(self) -> tuple[int, int]:
        """Smallest and largest stored value that `bits_stored` and `signed` allow."""
        if self.signed:
            return -(2 ** (self.bits_stored - 1)), 2 ** (self.bits_stored - 1) - 1
        return 0, 2**self.bits_stored - 1

    @property
    def uncompressed_bytes(self) -> int:
        """Bytes of the pixels before compression."""
        return self.rows * self.columns * self.samples * self.frames * self.bits_allocated // 8

    def check(self) -> None:
        """Raise `FormatError` where a field is outside its range.

        `UnsupportedVersionError` stands for values that a later version may define.
        """
        _supported("modality", self.modality in MODALITIES, self.modality)
        _supported("source", self.source in SOURCES, self.source)
        _supported("depth", 1 <= self.depth <= 4, self.depth)
        _supported("samples for each pixel", self.samples == 1, self.samples)
        _supported("number of frames", self.frames == 1, self.frames)
        _supported("entropy coder", self.coder == CONTEXT_HUFFMAN, self.coder)
        _supported("bits allocated", self.bits_allocated in (8, 16), self.bits_allocated)
        _valid("bits stored", 1 <= self.bits_stored <= self.bits_allocated, self.bits_stored)
        _valid("quality level", 0 <= self.level <= 255, self.level)
        low, high = TILE_LOG2_RANGE
        _valid("log2 of the tile side", low <= self.tile_log2 <= high, self.tile_log2)
        _valid("rows", 1 <= self.rows < 2**32, self.rows)
        _valid("columns", 1 <= self.columns < 2**32, self.columns)
        least, most = self.stored_range
        ordered = least <= self.low <= self.high <= most
        _valid("intensity map", ordered, f"{self.low}..{self.high}")
        _valid("length of the model id", len(self.model_id) == 32, len(self.model_id))

    def pack(self) -> bytes:
        """Return the payload of the HEAD chunk; `FormatError` where a field is out of range."""
        self.check()
        return _LAYOUT.pack(
            MODALITIES.index(self.modality),
            self.depth,
            self.samples,
            self.bits_allocated,
            self.bits_stored,
            _SIGNED * self.signed + _INVERTED * self.inverted,
            self.coder,
            self.level,
            self.tile_log2,
            SOURCES.index(self.source),
            self.rows,
            self.columns,
            self.frames,
            self.low,
            self.high,
            self.model_id,
        )

    @classmethod
    def unpack(cls, payload: bytes) -> Header:
        """Read the payload of a HEAD chunk.

        Raises
        ------
        CorruptError
            The payload has the wrong length.
        UnsupportedVersionError
            A field holds a value that this version does not know.
        FormatError
            A field is outside its range.
        """
        if len(payload) != HEADER_LENGTH:
            raise CorruptError(
                f"the HEAD chunk holds {len(payload)} bytes, not {HEADER_LENGTH}; "
                "get the file again from its source"
            )
        fields = _LAYOUT.unpack(payload)
        modality, depth, samples, allocated, stored, flags, coder, level, tile, source = fields[:10]
        rows, columns, frames, low, high, model_id = fields[10:]
        _supported("pixel flags", not flags & ~(_SIGNED | _INVERTED), flags)
        _supported("modality", modality < len(MODALITIES), modality)
        _supported("source", source < len(SOURCES), source)
        header = cls(
            modality=MODALITIES[modality],
            depth=depth,
            samples=samples,
            bits_allocated=allocated,
            bits_stored=stored,
            signed=bool(flags & _SIGNED),
            inverted=bool(flags & _INVERTED),
            coder=coder,
            level=level,
            tile_log2=tile,
            source=SOURCES[source],
            rows=rows,
            columns=columns,
            frames=frames,
            low=low,
            high=high,
            model_id=model_id,
        )
        header.check()
        return header


def _supported(what: str, holds: bool, value: object) -> None:
    if not holds:
        raise UnsupportedVersionError(
            f"HEAD: {what} is {value}, which this version does not know; "
            "use a newer version of radcodec"
        )


def _valid(what: str, holds: bool, value: object) -> None:
    if not holds:
        raise FormatError(
            f"HEAD: {what} is {value}, which is out of range; the program that wrote "
            "the file is at fault, compress the image again"
        )
