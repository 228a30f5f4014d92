"""An .rcz file as a whole: what its chunks hold, read and written.

docs/format.md is the law; this module follows it.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from radcodec.container.chunks import (
    Chunk,
    iterate_chunks,
    pack_chunk,
    pack_signature,
    pack_tail,
)
from radcodec.container.header import Header
from radcodec.container.layers import (
    PixelBlocks,
    Refinement,
    pack_pixels,
    pack_refinement,
    pack_tiles,
    unpack_pixels,
    unpack_refinement,
    unpack_tiles,
)
from radcodec.container.limits import Limits
from radcodec.errors import CorruptError, FormatError, ModelMismatchError, UnsupportedVersionError

_KNOWN = ("HEAD", "MASK", "PIXL", "LATN", "REFN", "dset", "qual", "TAIL")
_I32 = struct.Struct("<i")
_DATASET = struct.Struct("<2I")
_DICTIONARY_SHA256 = "2cfdacc5eceecd4735d3cabd01d3ad421e56771f098965e984a4603481652f9e"
_QUALITY = struct.Struct("<fI32s")
_MOST_DECIBELS = 1e6
#: Negative window bits ask zlib for raw DEFLATE, without its own header and checksum.
_RAW_DEFLATE = -15


@dataclass(frozen=True)
class Quality:
    """What was measured when the image was compressed.

    Attributes
    ----------
    psnr : float
        Peak signal-to-noise ratio in dB, kept as float32; infinite where nothing was lost.
    max_error : int
        Largest absolute difference of a stored value.
    sha256 : bytes
        SHA-256 of the decoded stored values as little-endian int32 in raster order.
    """

    psnr: float
    max_error: int
    sha256: bytes


@dataclass(frozen=True)
class RczFile:
    """What an .rcz file holds.

    Attributes
    ----------
    header : Header
        The HEAD chunk.
    tiles : list of bytes
        Entropy-coded latent tiles of the first layer in raster order.
    mask : (int, bytes) or None
        Stored value of the background, and its coded mask.
    dataset : bytes or None
        DICOM Part 10 file without pixel data.
    quality : Quality or None
        What was measured.
    refinement : Refinement or None
        Second layer.
    pixels : PixelBlocks or None
        Blocks that are coded as pixels.
    """

    header: Header
    tiles: list[bytes]
    mask: tuple[int, bytes] | None = None
    dataset: bytes | None = None
    quality: Quality | None = None
    refinement: Refinement | None = None
    pixels: PixelBlocks | None = None


class ChunkEntry(NamedTuple):
    """Type, offset of the first byte of a chunk, and length of its payload."""

    type: str
    offset: int
    length: int


def list_chunks(data: bytes) -> list[ChunkEntry]:
    """Return the chunks of a file, known or not; errors as of `iterate_chunks`."""
    return [ChunkEntry(c.type, c.offset, len(c.payload)) for c in iterate_chunks(data)]


def write_rcz(file: RczFile, limits: Limits | None = None) -> bytes:
    """Return the bytes of an .rcz file.

    Raises
    ------
    LimitError
        The file would be larger than a reader with the same limits takes.
    FormatError
        A field is outside its range.
    """
    limits = limits or Limits()
    header = file.header
    parts = [pack_signature(), pack_chunk("HEAD", header.pack())]
    limits.check_image(header.rows, header.columns, header.frames)
    if file.mask is not None:
        value, coded = file.mask
        _check_mask_value(value, header)
        parts.append(pack_chunk("MASK", _I32.pack(value) + coded))
    if file.pixels is not None:
        parts.append(pack_chunk("PIXL", pack_pixels(file.pixels, header.grid)))
    parts.append(pack_chunk("LATN", pack_tiles(file.tiles, header.grid)))
    if file.refinement is not None:
        parts.append(pack_chunk("REFN", pack_refinement(file.refinement, header.grid)))
    if file.dataset is not None:
        limits.check_dataset(len(file.dataset))
        parts.append(dataset_chunk(file.dataset))
    if file.quality is not None:
        parts.append(pack_chunk("qual", _pack_quality(file.quality)))
    parts.append(pack_tail(sum(map(len, parts))))
    return b"".join(parts)


def read_rcz(data: bytes, limits: Limits | None = None) -> RczFile:
    """Read an .rcz file; nothing is decoded yet but the data set.

    Parameters
    ----------
    data : bytes
        The whole file.
    limits : Limits or None
        Bounds on what the file claims; None for the usual ones.

    Raises
    ------
    TruncatedError, CorruptError, UnsupportedVersionError, FormatError
        As the names say.
    LimitError
        The file claims more than `limits` allow.
    """
    limits = limits or Limits()
    found = _known_chunks(data)
    header = Header.unpack(bytes(found["HEAD"].payload))
    limits.check_image(header.rows, header.columns, header.frames)
    mask = found.get("MASK")
    dataset = found.get("dset")
    quality = found.get("qual")
    refinement = found.get("REFN")
    pixels = found.get("PIXL")
    return RczFile(
        header=header,
        tiles=unpack_tiles(found["LATN"].payload, header.grid),
        mask=None if mask is None else _unpack_mask(mask.payload, header),
        dataset=None if dataset is None else _inflate(dataset.payload, limits),
        quality=None if quality is None else _unpack_quality(quality.payload),
        refinement=None
        if refinement is None
        else unpack_refinement(refinement.payload, header.grid),
        pixels=None if pixels is None else unpack_pixels(pixels.payload, header.grid),
    )


def _known_chunks(data: bytes) -> dict[str, Chunk]:
    """Return the chunks this version knows by type, after the rules on their order."""
    found: dict[str, Chunk] = {}
    for chunk in iterate_chunks(data):
        if not found and chunk.type != "HEAD":
            raise FormatError(f"the first chunk is {chunk.type}, not HEAD")
        if chunk.type in found:
            raise FormatError(f"the file holds two {chunk.type} chunks")
        if chunk.type in ("MASK", "PIXL") and "LATN" in found:
            raise FormatError(f"the {chunk.type} chunk comes after the LATN chunk")
        if chunk.type == "REFN" and "LATN" not in found:
            raise FormatError("the REFN chunk comes before the LATN chunk")
        if chunk.type in _KNOWN:
            found[chunk.type] = chunk
        elif chunk.critical:
            raise UnsupportedVersionError(
                f"the file needs the chunk {chunk.type} at byte {chunk.offset}, which this "
                "version does not know; use a newer version of radcodec"
            )
    if "LATN" not in found:
        raise FormatError("the file holds no LATN chunk, so no image")
    return found


def _check_mask_value(value: int, header: Header) -> None:
    least, most = header.stored_range
    if not least <= value <= most:
        raise FormatError(f"MASK: the background value {value} is not within {least}..{most}")


def _unpack_mask(payload: memoryview, header: Header) -> tuple[int, bytes]:
    if len(payload) < _I32.size:
        raise CorruptError(f"MASK holds {len(payload)} bytes, too few for its value")
    (value,) = _I32.unpack_from(payload)
    _check_mask_value(value, header)
    return value, bytes(payload[_I32.size :])


@cache
def _dictionary() -> bytes:
    """What data sets are deflated with: usual elements; part of the format, never changed."""
    path = Path(__file__).parent / "dataset-1.dict"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelMismatchError(
            f"{path} cannot be read ({error.strerror}); reinstall radcodec"
        ) from error
    if hashlib.sha256(data).hexdigest() != _DICTIONARY_SHA256:
        raise ModelMismatchError(f"{path} is not the one of the format; reinstall radcodec")
    return data


def _deflate(dataset: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE, zdict=_dictionary())
    start = _DATASET.pack(len(dataset), zlib.crc32(dataset))
    return start + deflater.compress(dataset) + deflater.flush()


def dataset_chunk(dataset: bytes) -> bytes:
    """Return the whole dset chunk of a data set."""
    return pack_chunk("dset", _deflate(dataset))


def _inflate(payload: memoryview, limits: Limits) -> bytes:
    if len(payload) < _DATASET.size:
        raise CorruptError(f"dset holds {len(payload)} bytes, too few for its length and CRC")
    length, recorded = _DATASET.unpack_from(payload)
    limits.check_dataset(length)
    inflater = zlib.decompressobj(_RAW_DEFLATE, zdict=_dictionary())
    try:
        # One byte more than promised is enough to see that there is more, and bounds the
        # memory; a bound of 0 would mean none.
        dataset = inflater.decompress(payload[_DATASET.size :], length + 1)
    except zlib.error as error:
        raise CorruptError(f"dset does not inflate: {error}") from error
    if len(dataset) != length or not inflater.eof or inflater.unused_data:
        raise CorruptError(f"dset does not inflate to the {length} bytes that it claims")
    if zlib.crc32(dataset) != recorded:
        raise CorruptError("dset inflates to other bytes than were compressed; get a new copy")
    return dataset


def _pack_quality(quality: Quality) -> bytes:
    _check_psnr(quality.psnr)
    if not 0 <= quality.max_error < 2**32 or len(quality.sha256) != 32:
        raise FormatError("qual: the maximum error or the SHA-256 is out of range")
    return _QUALITY.pack(quality.psnr, quality.max_error, quality.sha256)


def _unpack_quality(payload: memoryview) -> Quality:
    if len(payload) != _QUALITY.size:
        raise CorruptError(f"qual holds {len(payload)} bytes, not {_QUALITY.size}")
    quality = Quality(*_QUALITY.unpack(payload))
    _check_psnr(quality.psnr)
    return quality


def _check_psnr(psnr: float) -> None:
    # Written so that a NaN fails too.
    if not (abs(psnr) <= _MOST_DECIBELS or psnr == math.inf):
        raise FormatError(f"qual: {psnr} dB is no PSNR")
