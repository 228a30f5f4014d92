"""Small .rcz files for the tests, made without any network."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from radcodec.container import (
    DIGEST_LENGTH,
    Grid,
    Header,
    PixelBlocks,
    Plane,
    Quality,
    RczFile,
    Refinement,
    Residual,
)
from radcodec.container.chunks import pack_signature, pack_tail
from radcodec.container.header import COLOURS, MODALITIES, SOURCES
from radcodec.container.layers import MODEL_ID_LENGTH
from radcodec.container.planes import CODINGS

MODEL, OTHER_MODEL = (
    hashlib.sha256(name).digest()[:MODEL_ID_LENGTH] for name in (b"model", b"other")
)


def small_header(**changes: Any) -> Header:
    """Return a valid header of a 70 x 130 image with 2 x 3 tiles, with some fields changed."""
    header = Header(
        modality="ct",
        bits_allocated=16,
        bits_stored=12,
        signed=True,
        source="dicom",
        rows=70,
        columns=130,
        inverted=True,
        tile_log2=6,
    )
    return replace(header, **changes)


def small_plane(**changes: Any) -> Plane:
    """Return a plane of such an image that networks code, with every part, some of it changed."""
    plane = Plane(
        coding="networks",
        low=-1024,
        high=2047,
        checksum=0xFEEDBEEF,
        depth=2,
        level=100,
        model_id=MODEL,
        tiles=[b"a", b"bb", b"ccc", b"\x00\x01", b"e", b"f"],
        mask=(-2000, b"mask"),
        pixels=PixelBlocks(5, b"flags", [b"p", b"", b"qq", b"", b"", b"r"]),
        refinement=Refinement(1, 33, OTHER_MODEL, [b"u", b"v", b"w", b"x", b"y", b"z"]),
        filter=b"weights",
        residual=Residual(3, [b"s", b"", b"", b"tt", b"", b""]),
        unused=((12, b"low bit"), (15, b"")),
    )
    return replace(plane, **changes)


def pixel_plane(**changes: Any) -> Plane:
    """Return a plane of such an image that pixels code, with some fields changed."""
    residual = Residual(1, [b"", b"1", b"", b"2", b"", b""])
    plane = Plane("pixels", 0, 2000, 1, mask=(7, b"m"), residual=residual)
    return replace(plane, **changes)


def jpegls_plane(**changes: Any) -> Plane:
    """Return a plane of such an image that JPEG-LS codes, with some fields changed."""
    return replace(Plane("jpegls", -5, 5, 2, stream=b"JPEG-LS"), **changes)


def small_file(**changes: Any) -> RczFile:
    """Return a file of a frame of each coding with every chunk, with some fields changed."""
    file = RczFile(
        header=small_header(frames=3),
        planes=[small_plane(), pixel_plane(), jpegls_plane()],
        dataset=b"\x00" * 128 + b"DICM" + b"data set " * 4,
        quality=Quality(41.5, 17, hashlib.sha256(b"pixels").digest()[:DIGEST_LENGTH]),
    )
    return replace(file, **changes)


def one_plane(**changes: Any) -> RczFile:
    """Return a file of one plane with every part, with some fields of the plane changed."""
    return small_file(header=small_header(), planes=[small_plane(**changes)])


#: Letters of the types, as docs/format.md has them.
LETTERS = {
    b"HEAD": b"H",
    b"PLAN": b"P",
    b"MASK": b"M",
    b"PIXL": b"B",
    b"LATN": b"L",
    b"REFN": b"F",
    b"FILT": b"W",
    b"RESD": b"R",
    b"JPLS": b"J",
    b"UNUS": b"U",
    b"dset": b"d",
    b"qual": b"q",
    b"TAIL": b"T",
}


def vu(value: int) -> bytes:
    """Return a number as docs/format.md describes it, written apart from the package."""
    low, rest = value & 127, value >> 7
    return bytes([128 | low]) + vu(rest) if rest else bytes([low])


def vi(value: int) -> bytes:
    """Return a number of either sign, likewise."""
    return vu(2 * value if value >= 0 else -2 * value - 1)


def raw_chunk(kind: bytes, payload: bytes, length: int | None = None) -> bytes:
    """Return a chunk as docs/format.md describes it, written apart from the package."""
    start = LETTERS.get(kind, kind) + vu(len(payload) if length is None else length)
    return start + payload + struct.pack("<I", zlib.crc32(start + payload))


def raw_file(*chunks: bytes, tail: bool = True) -> bytes:
    """Return a file of these chunks, with a TAIL that fits where asked."""
    data = pack_signature() + b"".join(chunks)
    return data + pack_tail(len(data)) if tail else data


#: Chunks of a file of one plane of 2 x 3 tiles, written apart from the package.
HEAD = raw_chunk(b"HEAD", small_header().pack())
PLANNED = bytes((0, 2, 100)) + vi(-1024) + vu(3071) + bytes(4) + MODEL
PLAN = raw_chunk(b"PLAN", PLANNED)
TILES = bytes([1] * 5) + b"abcdef"
LATN = raw_chunk(b"LATN", TILES)
REFINED = bytes((1, 9)) + OTHER_MODEL + bytes([1] * 5) + b"uvwxyz"
REFN = raw_chunk(b"REFN", REFINED)
FILT = raw_chunk(b"FILT", b"filter")
PIXELS = bytes((7, 5)) + b"flags" + bytes((1, 0, 2, 0, 0)) + b"abc"
PIXL = raw_chunk(b"PIXL", PIXELS)
MASK = raw_chunk(b"MASK", vi(5) + b"mask")
RESIDUAL = bytes((3, 1, 0, 0, 2, 0)) + b"xyz"
RESD = raw_chunk(b"RESD", RESIDUAL)
UNUSED = bytes((12, 2)) + b"ab" + bytes((14, 0))
UNUS = raw_chunk(b"UNUS", UNUSED)
#: Plans of the other codings, and what they need.
PIXEL_PLANNED = bytes((1, 0, 0)) + vi(0) + vu(100) + bytes(4)
PIXEL_PLAN = raw_chunk(b"PLAN", PIXEL_PLANNED)
JPEGLS_PLAN = raw_chunk(b"PLAN", bytes((2, 0, 0)) + vi(0) + vu(100) + bytes(4))
JPLS = raw_chunk(b"JPLS", b"stream")


@st.composite
def headers(draw: st.DrawFn) -> Header:
    """Draw any valid header of up to 3 frames of up to 3000 x 3000 pixels."""
    allocated = draw(st.sampled_from([8, 16]))
    colour = draw(st.sampled_from(COLOURS))
    stored, signed = draw(st.integers(1, allocated)), draw(st.booleans())
    transformable = colour == "rgb" and not signed and stored <= 15
    return Header(
        modality=draw(st.sampled_from(MODALITIES)),
        bits_allocated=allocated,
        bits_stored=stored,
        signed=signed,
        source=draw(st.sampled_from(SOURCES)),
        rows=draw(st.integers(1, 3000)),
        columns=draw(st.integers(1, 3000)),
        inverted=colour == "grey" and draw(st.booleans()),
        samples=3 if colour in ("rgb", "ybr") else 1,
        frames=draw(st.integers(1, 3)),
        colour=colour,
        transform="ycocg-r" if transformable and draw(st.booleans()) else "none",
        max_error=draw(st.none() | st.integers(0, 2**stored - 1)),
        tile_log2=draw(st.integers(9, 15)),
    )


def _tiles(count: int, least: int) -> st.SearchStrategy[list[bytes]]:
    return st.lists(st.binary(min_size=least, max_size=6), min_size=count, max_size=count)


@st.composite
def refinements(draw: st.DrawFn, base: Grid) -> Refinement | None:
    """Draw any valid refinement of a layer, or none."""
    if base.depth == 1 or draw(st.booleans()):
        return None
    depth = draw(st.integers(1, base.depth - 1))
    count = base.at_depth(depth).tile_count
    model = draw(st.binary(min_size=MODEL_ID_LENGTH, max_size=MODEL_ID_LENGTH))
    return Refinement(depth, draw(st.integers(0, 255)), model, draw(_tiles(count, 1)))


def pixel_blocks(count: int) -> st.SearchStrategy[PixelBlocks | None]:
    """Draw any valid blocks that are coded as pixels, in some number of tiles, or none."""
    steps = st.integers(1, 2**16 - 1)
    return st.none() | st.builds(PixelBlocks, steps, st.binary(max_size=9), _tiles(count, 0))


def residuals(count: int) -> st.SearchStrategy[Residual]:
    """Draw any valid residual of some number of tiles."""
    return st.builds(Residual, st.integers(1, 2**16 - 1), _tiles(count, 0))


@st.composite
def planes(draw: st.DrawFn, header: Header, sample: int) -> Plane:
    """Draw any valid plane of a file with a header."""
    coding = draw(st.sampled_from(CODINGS))
    values = st.integers(*header.plane_range(sample))
    low, high = sorted((draw(values), draw(values)))
    bits = range(header.bits_stored, header.bits_allocated) if header.samples == 1 else range(0)
    used = sorted(draw(st.sets(st.sampled_from(bits)))) if bits else []
    plane = Plane(
        coding,
        low,
        high,
        checksum=draw(st.integers(0, 2**32 - 1)),
        unused=tuple((bit, draw(st.binary(max_size=9))) for bit in used),
    )
    if coding == "jpegls":
        return replace(plane, stream=draw(st.binary(max_size=30)))
    mask = draw(st.none() | st.tuples(values, st.binary(max_size=20)))
    count = header.grid(1).tile_count
    if coding == "pixels":
        return replace(plane, mask=mask, residual=draw(residuals(count)))
    depth = draw(st.integers(1, 4))
    return replace(
        plane,
        mask=mask,
        depth=depth,
        level=draw(st.integers(0, 255)),
        model_id=draw(st.binary(min_size=MODEL_ID_LENGTH, max_size=MODEL_ID_LENGTH)),
        tiles=draw(_tiles(count, 1)),
        pixels=draw(pixel_blocks(count)),
        refinement=draw(refinements(header.grid(depth))),
        filter=draw(st.none() | st.binary(max_size=40)),
        residual=draw(st.none() | residuals(count)),
    )


@st.composite
def files(draw: st.DrawFn) -> RczFile:
    """Draw any valid file, its optional chunks present or not."""
    header = draw(headers())
    qualities = st.builds(
        Quality,
        st.floats(-1e5, 1e5, width=32) | st.just(float("inf")),
        st.integers(0, 2**16 - 1),
        st.binary(min_size=DIGEST_LENGTH, max_size=DIGEST_LENGTH),
    )
    return RczFile(
        header=header,
        planes=[draw(planes(header, n % header.samples)) for n in range(header.plane_count)],
        dataset=draw(st.none() | st.binary(max_size=300)),
        quality=draw(st.none() | qualities),
    )
