"""The .rcz file: signature, header, chunks and checksums, as docs/format.md has them."""

from radcodec.container.header import Header
from radcodec.container.layers import Grid, PixelBlocks, Refinement
from radcodec.container.limits import Limits
from radcodec.container.rcz import (
    ChunkEntry,
    Quality,
    RczFile,
    list_chunks,
    read_rcz,
    write_rcz,
)

__all__ = [
    "ChunkEntry",
    "Grid",
    "Header",
    "Limits",
    "PixelBlocks",
    "Quality",
    "RczFile",
    "Refinement",
    "list_chunks",
    "read_rcz",
    "write_rcz",
]
