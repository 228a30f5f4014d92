"""Planes: what a file holds for one sample of one frame, and the chunks that it takes.

docs/format.md, section "PLAN" and those of the chunks that follow it, is the law for the layout.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from radcodec.container.chunks import pack_chunk
from radcodec.container.fields import Fields, pack_signed, pack_unsigned
from radcodec.container.header import Header
from radcodec.container.layers import (
    MODEL_ID_LENGTH,
    PixelBlocks,
    Refinement,
    Residual,
    pack_pixels,
    pack_refinement,
    pack_residual,
    pack_tiles,
    unpack_pixels,
    unpack_refinement,
    unpack_residual,
    unpack_tiles,
)
from radcodec.errors import CorruptError, FormatError, UnsupportedVersionError

#: Names of the coding codes 0, 1, 2.
CODINGS = ("networks", "pixels", "jpegls")
#: Chunks that may follow PLAN for each coding; those in capitals of `NEEDED` must.
ALLOWED = {
    "networks": ("MASK", "PIXL", "LATN", "REFN", "FILT", "RESD", "UNUS"),
    "pixels": ("MASK", "RESD", "UNUS"),
    "jpegls": ("JPLS", "UNUS"),
}
NEEDED = {"networks": "LATN", "pixels": "RESD", "jpegls": "JPLS"}
#: Depth by which the tiles of a plane without networks are laid out; they are the same at any.
ANY_DEPTH = 1

_CRC = struct.Struct("<I")
_MOST_BITS = 16


@dataclass(frozen=True)
class Plane:
    """One sample of one frame.

    Attributes
    ----------
    coding : str
        One of `CODINGS`: what the values come from.
    low, high : int
        Intensity map: values with ``low <= high``, the range of what is not background.
    checksum : int
        CRC-32 of the decoded values as little-endian int32 in raster order.
    depth : int
        Digest units of the first layer's networks, 1 to 4; 0 without networks.
    level : int
        Row of the first layer's gain table, 0 to 255; 0 without networks.
    model_id : bytes
        Of the first layer's decompressor bundle, `MODEL_ID_LENGTH` bytes; empty without networks.
    tiles : list of bytes
        Entropy-coded latent tiles of the first layer in raster order; empty without networks.
    mask : (int, bytes) or None
        Value of the background, and its coded mask.
    pixels : PixelBlocks or None
        Blocks that are coded as pixels.
    refinement : Refinement or None
        Second layer.
    filter : bytes or None
        Coded weights of the filter of what the layers decode to.
    residual : Residual or None
        What all of the above leave.
    stream : bytes or None
        JPEG-LS code stream.
    unused : tuple of (int, bytes)
        Number of each bit above the stored ones that is in use, and the coded mask of where it
        differs from zero or sign extension.
    """

    coding: str
    low: int
    high: int
    checksum: int = 0
    depth: int = 0
    level: int = 0
    model_id: bytes = b""
    tiles: list[bytes] = field(default_factory=list)
    mask: tuple[int, bytes] | None = None
    pixels: PixelBlocks | None = None
    refinement: Refinement | None = None
    filter: bytes | None = None
    residual: Residual | None = None
    stream: bytes | None = None
    unused: tuple[tuple[int, bytes], ...] = ()

    def check(self, header: Header, sample: int) -> None:
        """Raise `FormatError` where a field is outside its range."""
        if self.coding not in CODINGS:
            raise FormatError(f"PLAN: there is no coding {self.coding!r}")
        if self.coding == "networks":
            _supported("depth", 1 <= self.depth <= 4, self.depth)
            _valid("quality level", 0 <= self.level <= 255, self.level)
            _valid("model id", len(self.model_id) == MODEL_ID_LENGTH, self.model_id.hex())
        else:
            _valid("depth without networks", self.depth == 0, self.depth)
            _valid("level without networks", self.level == 0, self.level)
            _valid("model id without networks", not self.model_id, self.model_id.hex())
        least, most = header.plane_range(sample)
        ordered = least <= self.low <= self.high <= most
        _valid("intensity map", ordered, f"{self.low}..{self.high}")
        _valid("checksum", 0 <= self.checksum < 2**32, self.checksum)
        if self.mask is not None and not least <= self.mask[0] <= most:
            raise FormatError(
                f"MASK: the background value {self.mask[0]} is not within {least}..{most}"
            )
        for bit, _ in self.unused:
            if not header.bits_stored <= bit < header.bits_allocated or header.samples != 1:
                raise FormatError(f"UNUS: bit {bit} is not one of those that are not stored")
        numbers = [bit for bit, _ in self.unused]
        if numbers != sorted(set(numbers)):
            raise FormatError("UNUS: its bits are not in ascending order")


def pack_plane(plane: Plane, header: Header, sample: int) -> bytes:
    """Return the chunks of a plane.

    Raises
    ------
    FormatError
        A field is outside its range, or a part does not go with the coding.
    LimitError
        More than a chunk holds.
    """
    plane.check(header, sample)
    grid = header.grid(plane.depth or ANY_DEPTH)
    head = bytes((CODINGS.index(plane.coding), plane.depth, plane.level))
    head += pack_signed(plane.low) + pack_unsigned(plane.high - plane.low)
    parts = {"PLAN": head + _CRC.pack(plane.checksum) + plane.model_id}
    if plane.mask is not None:
        parts["MASK"] = pack_signed(plane.mask[0]) + plane.mask[1]
    if plane.pixels is not None:
        parts["PIXL"] = pack_pixels(plane.pixels, grid)
    if plane.coding == "networks":
        parts["LATN"] = pack_tiles(plane.tiles, grid)
    elif plane.tiles:
        raise FormatError("PLAN: a plane without networks has no latent")
    if plane.refinement is not None:
        parts["REFN"] = pack_refinement(plane.refinement, grid)
    if plane.filter is not None:
        parts["FILT"] = plane.filter
    if plane.residual is not None:
        parts["RESD"] = pack_residual(plane.residual, grid)
    if plane.stream is not None:
        parts["JPLS"] = plane.stream
    if plane.unused:
        parts["UNUS"] = b"".join(
            bytes((bit,)) + pack_unsigned(len(coded)) + coded for bit, coded in plane.unused
        )
    _check_parts(plane.coding, parts)
    return b"".join(pack_chunk(kind, payload) for kind, payload in parts.items())


def unpack_plane(payloads: Mapping[str, bytes], header: Header, sample: int) -> Plane:
    """Read a plane from the payloads of its chunks by type.

    Raises
    ------
    CorruptError
        A payload has the wrong length, or its parts do not fit.
    UnsupportedVersionError
        A field holds a value that this version does not know.
    FormatError
        A field is out of range, or a chunk is missing or does not go with the coding.
    """
    fields = Fields("PLAN", payloads["PLAN"])
    coding, depth, level = fields.take(3)
    low = fields.signed()
    high = low + fields.unsigned()
    (checksum,) = _CRC.unpack(fields.take(_CRC.size))
    _supported("coding", coding < len(CODINGS), coding)
    name = CODINGS[coding]
    model_id = fields.take(MODEL_ID_LENGTH if name == "networks" else 0)
    fields.end()
    _check_parts(name, payloads)
    plane = Plane(name, low, high, checksum, depth, level, model_id)
    plane.check(header, sample)
    grid = header.grid(depth or ANY_DEPTH)
    mask, pixels = payloads.get("MASK"), payloads.get("PIXL")
    refinement, residual = payloads.get("REFN"), payloads.get("RESD")
    whole = Plane(
        coding=name,
        low=low,
        high=high,
        checksum=checksum,
        depth=depth,
        level=level,
        model_id=plane.model_id,
        tiles=unpack_tiles(Fields("LATN", payloads["LATN"]), grid) if name == "networks" else [],
        mask=None if mask is None else _unpack_mask(mask),
        pixels=None if pixels is None else unpack_pixels(pixels, grid),
        refinement=None if refinement is None else unpack_refinement(refinement, grid),
        filter=payloads.get("FILT"),
        residual=None if residual is None else unpack_residual(residual, grid),
        stream=payloads.get("JPLS"),
        unused=_unpack_unused(payloads.get("UNUS", b"")),
    )
    whole.check(header, sample)
    return whole


def _check_parts(coding: str, parts: Mapping[str, bytes]) -> None:
    for kind in parts:
        if kind != "PLAN" and kind not in ALLOWED[coding]:
            raise FormatError(f"the {kind} chunk does not go with the coding {coding}")
    if NEEDED[coding] not in parts:
        raise FormatError(f"a plane holds no {NEEDED[coding]} chunk, so no image")


def _unpack_mask(payload: bytes) -> tuple[int, bytes]:
    fields = Fields("MASK", payload)
    return fields.signed(), fields.rest()


def _unpack_unused(payload: bytes) -> tuple[tuple[int, bytes], ...]:
    fields = Fields("UNUS", payload)
    found: list[tuple[int, bytes]] = []
    while fields.left:
        if len(found) == _MOST_BITS:
            raise CorruptError("UNUS: it names too many bits; get the file again from its source")
        (bit,) = fields.take(1)
        found.append((bit, fields.take(fields.unsigned())))
    return tuple(found)


def _supported(what: str, holds: bool, value: object) -> None:
    if not holds:
        raise UnsupportedVersionError(
            f"PLAN: {what} is {value}, which this version does not know; "
            "use a newer version of radcodec"
        )


def _valid(what: str, holds: bool, value: object) -> None:
    if not holds:
        raise FormatError(
            f"PLAN: {what} is {value}, which is out of range; the program that wrote "
            "the file is at fault, compress the image again"
        )
