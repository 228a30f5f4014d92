"""Small .rcz files for the tests, made without any network."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from radcodec.container import Grid, Header, PixelBlocks, Quality, RczFile, Refinement
from radcodec.container.chunks import pack_signature, pack_tail
from radcodec.container.header import MODALITIES, SOURCES


def small_header(**changes: Any) -> Header:
    """Return a valid header of a 70 x 130 image with 2 x 3 tiles, with some fields changed."""
    header = Header(
        modality="ct",
        depth=2,
        bits_allocated=16,
        bits_stored=12,
        signed=True,
        level=100,
        source="dicom",
        rows=70,
        columns=130,
        low=-1024,
        high=2047,
        model_id=hashlib.sha256(b"model").digest(),
        inverted=True,
        tile_log2=6,
    )
    return replace(header, **changes)


def small_file(**changes: Any) -> RczFile:
    """Return a file with every chunk, with some fields changed."""
    file = RczFile(
        header=small_header(),
        tiles=[b"a", b"bb", b"ccc", b"\x00\x01", b"e", b"f"],
        mask=(-2000, b"mask"),
        dataset=b"\x00" * 128 + b"DICM" + b"data set " * 4,
        quality=Quality(41.5, 17, hashlib.sha256(b"pixels").digest()),
        refinement=Refinement(
            1, 33, hashlib.sha256(b"other").digest(), [b"u", b"v", b"w", b"x", b"y", b"z"]
        ),
        pixels=PixelBlocks(5, b"flags", [b"p", b"", b"qq", b"", b"", b"r"]),
    )
    return replace(file, **changes)


def raw_chunk(kind: bytes, payload: bytes, length: int | None = None) -> bytes:
    """Return a chunk as docs/format.md describes it, written apart from the package."""
    start = kind + struct.pack("<I", len(payload) if length is None else length)
    return start + payload + struct.pack("<I", zlib.crc32(start + payload))


def raw_file(*chunks: bytes, tail: bool = True) -> bytes:
    """Return a file of these chunks, with a TAIL that fits where asked."""
    data = pack_signature() + b"".join(chunks)
    return data + pack_tail(len(data)) if tail else data


@st.composite
def headers(draw: st.DrawFn) -> Header:
    """Draw any valid header of an image of up to 3000 x 3000 pixels."""
    allocated = draw(st.sampled_from([8, 16]))
    header = Header(
        modality=draw(st.sampled_from(MODALITIES)),
        depth=draw(st.integers(1, 4)),
        bits_allocated=allocated,
        bits_stored=draw(st.integers(1, allocated)),
        signed=draw(st.booleans()),
        level=draw(st.integers(0, 255)),
        source=draw(st.sampled_from(SOURCES)),
        rows=draw(st.integers(1, 3000)),
        columns=draw(st.integers(1, 3000)),
        low=0,
        high=0,
        model_id=draw(st.binary(min_size=32, max_size=32)),
        inverted=draw(st.booleans()),
        tile_log2=draw(st.integers(9, 15)),
    )
    low = draw(st.integers(*header.stored_range))
    return replace(header, low=low, high=draw(st.integers(low, header.stored_range[1])))


@st.composite
def refinements(draw: st.DrawFn, header: Header) -> Refinement | None:
    """Draw any valid refinement for a header, or none."""
    if header.depth == 1 or draw(st.booleans()):
        return None
    depth = draw(st.integers(1, header.depth - 1))
    count = Grid(header.rows, header.columns, depth, header.tile_log2).tile_count
    tiles = draw(st.lists(st.binary(min_size=1, max_size=5), min_size=count, max_size=count))
    return Refinement(
        depth, draw(st.integers(0, 255)), draw(st.binary(min_size=32, max_size=32)), tiles
    )


def pixel_blocks(count: int) -> st.SearchStrategy[PixelBlocks | None]:
    """Draw any valid blocks that are coded as pixels, in some number of tiles, or none."""
    tiles = st.lists(st.binary(max_size=9), min_size=count, max_size=count)
    return st.none() | st.builds(
        PixelBlocks, st.integers(1, 2**16 - 1), st.binary(max_size=9), tiles
    )


@st.composite
def files(draw: st.DrawFn) -> RczFile:
    """Draw any valid file, its optional chunks present or not."""
    header = draw(headers())
    count = header.grid.tile_count
    values = st.integers(*header.stored_range)
    qualities = st.builds(
        Quality,
        st.floats(-1e5, 1e5, width=32) | st.just(float("inf")),
        st.integers(0, 2**32 - 1),
        st.binary(min_size=32, max_size=32),
    )
    return RczFile(
        header=header,
        tiles=draw(st.lists(st.binary(min_size=1, max_size=9), min_size=count, max_size=count)),
        mask=draw(st.none() | st.tuples(values, st.binary(max_size=20))),
        dataset=draw(st.none() | st.binary(max_size=300)),
        quality=draw(st.none() | qualities),
        refinement=draw(refinements(header)),
        pixels=draw(pixel_blocks(count)),
    )
