"""The dset chunk: a DICOM data set without its pixels, deflated with a preset dictionary."""

from __future__ import annotations

import hashlib
import struct
import zlib
from functools import cache
from pathlib import Path

from radcodec.container.chunks import pack_chunk
from radcodec.container.limits import Limits
from radcodec.errors import CorruptError, ModelMismatchError

_DATASET = struct.Struct("<2I")
_DICTIONARY_SHA256 = "2cfdacc5eceecd4735d3cabd01d3ad421e56771f098965e984a4603481652f9e"
#: Negative window bits ask zlib for raw DEFLATE, without its own header and checksum.
_RAW_DEFLATE = -15


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


def inflate(payload: bytes, limits: Limits) -> bytes:
    """Return the data set that the payload of a dset chunk holds.

    Raises
    ------
    LimitError
        It claims more than `limits` allow.
    CorruptError
        It does not inflate to what it claims.
    """
    if len(payload) < _DATASET.size:
        raise CorruptError(f"dset holds {len(payload)} bytes, too few for its length and CRC")
    length, recorded = _DATASET.unpack_from(payload)
    limits.check_dataset(length)
    inflater = zlib.decompressobj(_RAW_DEFLATE, zdict=_dictionary())
    try:
        # One byte more than promised is enough to see that there is more, and bounds the
        # memory; a bound of 0 would mean none.
        dataset = inflater.decompress(memoryview(payload)[_DATASET.size :], length + 1)
    except zlib.error as error:
        raise CorruptError(f"dset does not inflate: {error}") from error
    if len(dataset) != length or not inflater.eof or inflater.unused_data:
        raise CorruptError(f"dset does not inflate to the {length} bytes that it claims")
    if zlib.crc32(dataset) != recorded:
        raise CorruptError("dset inflates to other bytes than were compressed; get a new copy")
    return dataset
