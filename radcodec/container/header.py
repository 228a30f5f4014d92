"""The HEAD chunk: all that a decoder must know of the file as a whole.

Offsets and ranges are those of docs/format.md, section "HEAD".
"""

from __future__ import annotations

from dataclasses import dataclass

from radcodec.container.fields import MOST_BYTES, Fields, pack_unsigned
from radcodec.container.layers import Grid
from radcodec.errors import FormatError, UnsupportedVersionError

#: Names of the modality codes 0, 1, ...
MODALITIES = ("generic", "xr", "mg", "ct", "mr")
#: Names of the source codes 0, 1.
SOURCES = ("png", "dicom")
#: What the samples mean, codes 0, 1, ...
COLOURS = ("grey", "palette", "rgb", "ybr")
#: Those of three samples a pixel.
COLOURED = ("rgb", "ybr")
#: Names of the colour transform codes 0, 1.
TRANSFORMS = ("none", "ycocg-r")
#: Entropy coder 1: Huffman tables chosen by context.
CONTEXT_HUFFMAN = 1
#: Range of the binary logarithm of the tile side.
TILE_LOG2_RANGE = (6, 15)
#: Most bits of RGB samples for the colour transform, whose differences take one more.
TRANSFORMABLE_BITS = 15

#: Fields of the first three bytes: the place of the lowest bit, and how many bits there are.
_MODALITY, _COLOUR, _TRANSFORM = (0, 4), (4, 3), (7, 1)
_STORED, _ALLOCATED, _SIGNED, _INVERTED, _SOURCE = (8, 4), (12, 1), (13, 1), (14, 1), (15, 1)
_TILE, _CODER = (16, 4), (20, 4)
_PACKED_BYTES = 3
#: Most bytes of the payload.
LONGEST_HEADER = _PACKED_BYTES + 4 * MOST_BYTES


@dataclass(frozen=True)
class Header:
    """Fields of the HEAD chunk.

    Attributes
    ----------
    modality : str
        One of `MODALITIES`: what the image is.  The decoder does not need it.
    bits_allocated : int
        8 or 16.
    bits_stored : int
        1 to `bits_allocated`.
    signed : bool
        True where stored values are two's complement.
    source : str
        One of `SOURCES`.
    rows, columns : int
        Size of the image, at least 1.
    inverted : bool
        True for MONOCHROME1.
    samples : int
        1, or 3 for colour.
    frames : int
        At least 1.
    colour : str
        One of `COLOURS`.
    transform : str
        One of `TRANSFORMS`.
    max_error : int or None
        Bound on the error of every sample, which the encoder has verified; None without one.
    coder : int
        Entropy coder, 1.
    tile_log2 : int
        Binary logarithm of the tile side in pixels, 6 to 15.
    """

    modality: str
    bits_allocated: int
    bits_stored: int
    signed: bool
    source: str
    rows: int
    columns: int
    inverted: bool = False
    samples: int = 1
    frames: int = 1
    colour: str = "grey"
    transform: str = "none"
    max_error: int | None = None
    coder: int = CONTEXT_HUFFMAN
    tile_log2: int = 10

    @property
    def plane_count(self) -> int:
        """Number of planes: samples times frames."""
        return self.samples * self.frames

    @property
    def stored_range(self) -> tuple[int, int]:
        """Smallest and largest stored value that `bits_stored` and `signed` allow."""
        return self._range(self.bits_stored, self.signed)

    def plane_bits(self, sample: int) -> tuple[int, bool]:
        """Bits of the values in the plane of a sample, and whether they are signed."""
        if self.transform != "none" and sample > 0:
            return self.bits_stored + 1, True
        return self.bits_stored, self.signed

    def plane_range(self, sample: int) -> tuple[int, int]:
        """Smallest and largest value in the plane of a sample."""
        return self._range(*self.plane_bits(sample))

    @staticmethod
    def _range(bits: int, signed: bool) -> tuple[int, int]:
        if signed:
            return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        return 0, 2**bits - 1

    @property
    def uncompressed_bytes(self) -> int:
        """Bytes of the pixels before compression."""
        return self.rows * self.columns * self.samples * self.frames * self.bits_allocated // 8

    def grid(self, depth: int) -> Grid:
        """Where the latent positions and tiles of a layer lie; tiles are the same at any depth."""
        return Grid(self.rows, self.columns, depth, self.tile_log2)

    def check(self) -> None:
        """Raise `FormatError` where a field is outside its range.

        `UnsupportedVersionError` stands for values that a later version may define.
        """
        _supported("modality", self.modality in MODALITIES, self.modality)
        _supported("source", self.source in SOURCES, self.source)
        _supported("colour", self.colour in COLOURS, self.colour)
        _supported("colour transform", self.transform in TRANSFORMS, self.transform)
        _supported("samples for each pixel", self.samples in (1, 3), self.samples)
        _supported("entropy coder", self.coder == CONTEXT_HUFFMAN, self.coder)
        _supported("bits allocated", self.bits_allocated in (8, 16), self.bits_allocated)
        _valid("bits stored", 1 <= self.bits_stored <= self.bits_allocated, self.bits_stored)
        low, high = TILE_LOG2_RANGE
        _valid("log2 of the tile side", low <= self.tile_log2 <= high, self.tile_log2)
        _valid("rows", 1 <= self.rows < 2**32, self.rows)
        _valid("columns", 1 <= self.columns < 2**32, self.columns)
        _valid("number of frames", 1 <= self.frames < 2**32, self.frames)
        coloured = self.colour in COLOURED
        _valid("number of samples", self.samples == (3 if coloured else 1), self.samples)
        _valid("inverted flag", not self.inverted or self.colour == "grey", self.inverted)
        fitting = self.colour == "rgb" and not self.signed
        fitting = fitting and self.bits_stored <= TRANSFORMABLE_BITS
        _valid("colour transform", self.transform == "none" or fitting, self.transform)
        bound = self.max_error
        _valid("maximum error", bound is None or 0 <= bound < 2**self.bits_stored, bound)

    def _numbers(self) -> list[bytes]:
        bound = 0 if self.max_error is None else self.max_error + 1
        return [pack_unsigned(n) for n in (self.rows, self.columns, self.frames, bound)]

    @property
    def packed_length(self) -> int:
        """Bytes of the payload of the HEAD chunk, whether or not its fields are in range."""
        return _PACKED_BYTES + sum(map(len, self._numbers()))

    def pack(self) -> bytes:
        """Return the payload of the HEAD chunk; `FormatError` where a field is out of range."""
        self.check()
        word = 0
        for (place, _), value in (
            (_MODALITY, MODALITIES.index(self.modality)),
            (_COLOUR, COLOURS.index(self.colour)),
            (_TRANSFORM, TRANSFORMS.index(self.transform)),
            (_STORED, self.bits_stored - 1),
            (_ALLOCATED, int(self.bits_allocated == 16)),
            (_SIGNED, int(self.signed)),
            (_INVERTED, int(self.inverted)),
            (_SOURCE, SOURCES.index(self.source)),
            (_TILE, self.tile_log2),
            (_CODER, self.coder),
        ):
            word |= value << place
        return word.to_bytes(_PACKED_BYTES, "little") + b"".join(self._numbers())

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
        fields = Fields("HEAD", payload)
        word = int.from_bytes(fields.take(_PACKED_BYTES), "little")

        def value(field: tuple[int, int]) -> int:
            place, bits = field
            return word >> place & ((1 << bits) - 1)

        modality, colour = value(_MODALITY), value(_COLOUR)
        rows, columns, frames, bound = (fields.unsigned() for _ in range(4))
        fields.end()
        _supported("modality", modality < len(MODALITIES), modality)
        _supported("colour", colour < len(COLOURS), colour)
        header = cls(
            modality=MODALITIES[modality],
            samples=3 if COLOURS[colour] in COLOURED else 1,
            bits_allocated=16 if value(_ALLOCATED) else 8,
            bits_stored=value(_STORED) + 1,
            signed=bool(value(_SIGNED)),
            inverted=bool(value(_INVERTED)),
            colour=COLOURS[colour],
            transform=TRANSFORMS[value(_TRANSFORM)],
            coder=value(_CODER),
            tile_log2=value(_TILE),
            source=SOURCES[value(_SOURCE)],
            rows=rows,
            columns=columns,
            frames=frames,
            max_error=bound - 1 if bound else None,
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
