"""The .rcz file: signature, header, chunks and checksums, as docs/format.md has them."""

from radcodec.container.chunks import Chunk
from radcodec.container.header import Header
from radcodec.container.layers import Grid, PixelBlocks, Refinement, Residual
from radcodec.container.limits import Limits
from radcodec.container.planes import Plane
from radcodec.container.rcz import (
    DIGEST_LENGTH,
    Quality,
    RczFile,
    RczReader,
    RczWriter,
    list_chunks,
    read_rcz,
    write_rcz,
)

__all__ = [
    "DIGEST_LENGTH",
    "Chunk",
    "Grid",
    "Header",
    "Limits",
    "PixelBlocks",
    "Plane",
    "Quality",
    "RczFile",
    "RczReader",
    "RczWriter",
    "Refinement",
    "Residual",
    "list_chunks",
    "read_rcz",
    "write_rcz",
]
