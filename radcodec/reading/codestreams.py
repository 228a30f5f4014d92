"""What codestreams claim of their size, compared with the tags before a decoder believes it.

Only headers are read.  Decoders take memory for what these claim, and a few bytes can claim
gigabytes.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

from pydicom.uid import (
    HTJ2K,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from radcodec.entropy.packbits import unpacked_length
from radcodec.reading.description import JPEG_XL, Description

_JPEG_2000 = (*JPEG2000TransferSyntaxes, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL)
_SOI, _SOS = 0xFFD8, 0xFFDA
#: Start of frame of JPEG (ISO/IEC 10918-1, B.1.1.3) and of JPEG-LS (ISO/IEC 14495-1, C.1.1).
_FRAMES = frozenset({*range(0xFFC0, 0xFFD0), 0xFFF7} - {0xFFC4, 0xFFC8, 0xFFCC})
_FRAME = struct.Struct(">B2HB")
#: Start of codestream and size of JPEG 2000 (ISO/IEC 15444-1, A.5.1).
_CODESTREAM = b"\xff\x4f\xff\x51"
_SIZE = struct.Struct(">2H8IH")
#: Tiles of JPEG 2000, each of which takes a decoder some kilobytes, for so many pixels.
_PIXELS_A_TILE, _FEW_TILES = 1024, 64
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


class ClaimError(Exception):
    """A codestream that is not what the tags say, or that is none."""


def check_claims(data: bytes, image: Description, syntax: UID) -> None:
    """Compare what a frame's codestream claims with the tags.

    Raises
    ------
    ClaimError
        It claims something else, or has no header.
    """
    if syntax == RLELossless:
        _check_rle(data, image)
        return
    if syntax in JPEG_XL:
        found = _jpeg_xl(data)
        expected: tuple[int, ...] = (image.rows, image.columns)
    else:
        expected = (image.rows, image.columns, image.samples)
        if syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
            found = _jpeg(data)
        elif syntax in _JPEG_2000:
            found = _jpeg_2000(data)
        else:
            return
    if found != expected:
        names = " x ".join(map(str, found))
        raise ClaimError(f"the codestream claims {names}, the tags say {expected}")


def _jpeg(data: bytes) -> tuple[int, ...]:
    """Claim of a JPEG or JPEG-LS codestream: that of its only frame header before the scan."""
    at, found = 2, None
    if data[:2] != b"\xff\xd8":
        raise ClaimError("no JPEG codestream")
    while at + 4 <= len(data):
        if data[at] == 0xFF and data[at + 1] == 0xFF:
            # A fill byte before the marker.
            at += 1
            continue
        marker, length = struct.unpack_from(">2H", data, at)
        if marker == _SOS:
            break
        if marker < 0xFFC0 or marker & 0xFFF8 == 0xFFD0 or marker == _SOI or length < 2:
            raise ClaimError(f"a damaged header at byte {at}")
        if marker in _FRAMES:
            if found is not None or at + 4 + _FRAME.size > len(data):
                raise ClaimError(f"a damaged header at byte {at}")
            _, *size = _FRAME.unpack_from(data, at + 4)
            found = tuple(size)
        at += 2 + length
    if found is None:
        raise ClaimError("a codestream without a header")
    return found


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Type of each box of a JP2 or JPEG XL file, and where what it holds begins."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if length == 1 and at + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, at + 8)
            header = 16
        yield kind, at + header
        if length < header:
            # The last one reaches to the end; anything else is damage.
            return
        at += length


def _jpeg_2000(data: bytes) -> tuple[int, ...]:
    begin = 0
    if data[:4] != _CODESTREAM:
        begin = next((at for kind, at in _boxes(data) if kind == b"jp2c"), -1)
    if begin < 0 or data[begin : begin + 4] != _CODESTREAM or begin + 42 > len(data):
        raise ClaimError("no JPEG 2000 codestream")
    _, _, right, bottom, left, top, *tile, components = _SIZE.unpack_from(data, begin + 4)
    width, height, tile_left, tile_top = tile
    if not (tile_left <= left < right and tile_top <= top < bottom and width and height):
        raise ClaimError("a damaged header")
    rows, columns = bottom - top, right - left
    tiles = -(-(right - tile_left) // width) * -(-(bottom - tile_top) // height)
    if tiles > _FEW_TILES and tiles * _PIXELS_A_TILE > rows * columns:
        raise ClaimError(f"{tiles} tiles for {columns} x {rows} pixels")
    return rows, columns, components


def _jpeg_xl(data: bytes) -> tuple[int, ...]:
    """Rows and columns of a JPEG XL codestream (ISO/IEC 18181-1, D.2)."""
    begin = 0
    if data[:2] != b"\xff\x0a":
        places = (at + 4 * (kind == b"jxlp") for kind, at in _boxes(data) if kind[:3] == b"jxl")
        begin = next((at for at in places if data[at : at + 2] == b"\xff\x0a"), -1)
    if begin < 0:
        raise ClaimError("no JPEG XL codestream")
    bits = int.from_bytes(data[begin + 2 : begin + 14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    def side() -> int:
        return 8 * (1 + take(5)) if small else 1 + take((9, 13, 18, 30)[take(2)])

    small = take(1)
    rows = side()
    ratio = take(3)
    if ratio == 0:
        return rows, side()
    across, down = _RATIOS[ratio - 1]
    return rows, rows * across // down


def _check_rle(data: bytes, image: Description) -> None:
    """Compare the segments of an RLE frame (PS3.5 G) with what the tags ask for."""
    if len(data) < 64:
        raise ClaimError("no RLE header")
    count, *offsets = struct.unpack_from("<16I", data)
    expected = image.samples * image.allocated // 8
    if count != expected:
        raise ClaimError(f"{count} RLE segments, the tags say {expected}")
    offsets = [*offsets[:count], len(data)]
    if offsets[0] < 64 or offsets != sorted(offsets):
        raise ClaimError("RLE segments that are not in the frame")
    pixels = image.rows * image.columns
    for begin, end in itertools.pairwise(offsets):
        length = unpacked_length(data[begin:end])
        # Some writers pad a segment with what decodes to a little more.
        if not pixels <= length <= pixels + 2 * 128:
            raise ClaimError(f"an RLE segment of {length} bytes for {pixels} pixels")
