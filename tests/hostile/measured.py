"""Run as a module with a name of `BOMBS`: what the worst files do to the memory of a process.

Prints the most memory that the process ever had, which a process that was started by another
cannot tell by getrusage: that counts the other's as well.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from radcodec.container.header import Header
from radcodec.container.layers import MODEL_ID_LENGTH, PixelBlocks, Refinement, Residual
from radcodec.container.limits import Limits
from radcodec.container.planes import Plane, pack_plane
from radcodec.entropy.filter_weights import CLASSES, encode_weights, inputs_of
from radcodec.network.store import ModelStore
from tests.reading.built import described, written

from .attempts import NAME_OF, attempt_dicom, attempt_rcz, joined, number_at, split
from .made import rcz

#: Of the processes below.
MEMORY = 760 * 2**20
_LIMITS = Limits(memory=MEMORY)


def _head(rows: int, columns: int, frames: int = 1, tile_log2: int = 10) -> Header:
    return Header(
        "ct",
        16,
        12,
        False,
        "dicom",
        rows,
        columns,
        frames=frames,
        tile_log2=tile_log2,
        max_error=None,
    )


def _full(rows: int, columns: int, tile_log2: int) -> bytes:
    """A plane with all that networks may have, each stream as short as can be."""
    header = _head(rows, columns, tile_log2=tile_log2)
    ids = {
        bundle.depth: bytes.fromhex(bundle.id)[:MODEL_ID_LENGTH]
        for bundle in ModelStore().decompressors()
        if not bundle.wide
    }
    depth, count = 4, header.grid(4).tile_count
    plane = Plane(
        "networks",
        0,
        4095,
        depth=depth,
        model_id=ids[depth],
        tiles=[b"\0\0"] * count,
        mask=(0, b""),
        pixels=PixelBlocks(1, b"\x80", [b""] * count),
        refinement=Refinement(1, 0, ids[1], [b"\0\0"] * count),
        filter=encode_weights(np.full((CLASSES, inputs_of(True)), 9, np.int32), 0),
        residual=Residual(1, [b""] * count),
        unused=((12, b""), (15, b"\x80")),
    )
    chunks = split(rcz("networks"))[1:2]
    packed = pack_plane(plane, header, 0)
    # `joined` takes chunks apart from their checksums.
    body, at = [], 0
    while at < len(packed):
        length, begin = number_at(packed, at + 1)
        body.append((NAME_OF[packed[at : at + 1]], packed[begin : begin + length]))
        at = begin + length + 4
    return joined([(b"HEAD", header.pack()), *chunks, *body])


def _with_dataset(dataset: bytes) -> bytes:
    from radcodec.container.dataset import dataset_chunk

    chunk = dataset_chunk(dataset)
    _, begin = number_at(chunk, 1)
    chunks = split(rcz("unused"))
    return joined([(n, chunk[begin:-4]) if n == b"dset" else (n, p) for n, p in chunks])


def _claims() -> None:
    chunks = split(rcz("networks"))
    for rows, columns, frames in ((40, 56, 10**9), (2**20, 2**20, 1), (2**14, 2**14, 1)):
        head = _head(rows, columns, frames).pack()
        attempt_rcz(joined([(b"HEAD", head), *chunks[1:]]), _LIMITS)
        attempt_rcz(joined([(b"HEAD", head), *chunks[2:]]), Limits())


def _many_chunks() -> None:
    chunks = split(rcz("networks"))
    attempt_rcz(joined([*chunks, *[(b"x", b"")] * 100_000]), _LIMITS)
    attempt_rcz(joined([chunks[0], *[(b"PLAN", b"")] * 10_000]), _LIMITS)


def _largest() -> None:
    # As large as the limits let through, square, and thin.
    attempt_rcz(_full(1650, 1650, 10), _LIMITS)
    attempt_rcz(_full(2**16, 1, 6), _LIMITS)


def _datasets() -> None:
    start = bytes(128) + b"DICM" + b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0"
    zeros = start + bytes(2**23)
    elements = b"".join(struct.pack("<HH2sH", 0x1001, k & 0xFFFF, b"LO", 0) for k in range(2**17))
    numbers = b"1\\" * 2**21
    window = struct.pack("<HH2sHI", 0x28, 0x1050, b"UN", 0, len(numbers)) + numbers
    meta = bytes(128) + b"DICM" + b"\x02\0\x02\0UI\0\0" * 10**4
    deep = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 10_000
    for dataset in (zeros, start + elements, start + window, meta, start + deep):
        attempt_rcz(_with_dataset(dataset), _LIMITS)
    syntax = b"1.2.840.10008.1.2.1.99"
    deflated = start[:132] + b"\x02\0\x10\0UI" + struct.pack("<H", len(syntax)) + syntax
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(100)) + packer.flush()
    attempt_rcz(_with_dataset(deflated + bomb), _LIMITS)


def _codestreams() -> None:
    from openjpeg.utils import encode_array

    stream = bytearray(encode_array(np.zeros((64, 64), np.uint16), bits_stored=12))
    size = stream.index(b"\xff\x51") + 6
    source = described((1, 64, 64), BitsStored=12, HighBit=11)
    # More pixels, and more tiles, than there can be.
    for at, number in ((0, 60000), (4, 60000), (16, 1), (20, 1)):
        changed = bytearray(stream)
        struct.pack_into(">I", changed, size + at, number)
        for more in (at, at + 4):
            struct.pack_into(">I", changed, size + more, number)
        attempt_dicom(
            written(source, encapsulate([bytes(changed)]), JPEG2000Lossless, "OB"), _LIMITS
        )
    source = described((1, 1000, 1000), BitsStored=12, HighBit=11)
    segments = struct.pack("<16I", 2, 64, 64 + 10**7, *[0] * 13) + b"\x81\0" * 10**7
    attempt_dicom(written(source, encapsulate([segments]), RLELossless, "OB"), _LIMITS)


def _fragments() -> None:
    empty = b"\xfe\xff\x00\xe0\0\0\0\0"
    source = described((1, 8, 8), BitsStored=12, HighBit=11)
    data = written(source, encapsulate([b"ab"]), JPEG2000Lossless, "OB")
    at = data.index(b"\xfe\xff\x00\xe0")
    attempt_dicom(data[:at] + empty * 500_000, _LIMITS)
    table = b"\xfe\xff\x00\xe0" + struct.pack("<I", 2**26) + bytes(2**26)
    attempt_dicom(data[:at] + table + empty * 1000, _LIMITS)


def _elements() -> None:
    source = described((1, 8, 8), BitsStored=12, HighBit=11)
    data = written(source, bytes(128), ExplicitVRLittleEndian)
    at = data.index(b"\x28\x00\x02\x00US")
    many = b"".join(struct.pack("<HH2sH", 0x0019, k & 0xFFFF, b"LO", 0) for k in range(10**5))
    attempt_dicom(data[:at] + many + data[at:], _LIMITS)
    long = b"1\\" * 2**21
    frames = struct.pack("<HH2sHI", 0x28, 8, b"UN", 0, len(long)) + long
    attempt_dicom(data[:at] + frames + data[at:], _LIMITS)


BOMBS: dict[str, Callable[[], None]] = {
    "claims": _claims,
    "chunks": _many_chunks,
    "largest": _largest,
    "datasets": _datasets,
    "codestreams": _codestreams,
    "fragments": _fragments,
    "elements": _elements,
}


def peak() -> int:
    """Return the most memory that this process ever had, in bytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        BOMBS[name]()
        print(name, peak(), flush=True)
