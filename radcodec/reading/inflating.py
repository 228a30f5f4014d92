"""Deflated data sets, inflated with a bound that pydicom does not have."""

from __future__ import annotations

import io
import tempfile
import zlib
from typing import IO, BinaryIO, cast

from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from radcodec.errors import DicomError, LimitError

_CHUNK = 2**20


def deflated(stream: BinaryIO) -> int | None:
    """Return where a file's deflated data set starts; None where it is not deflated."""
    stream.seek(0)
    head = io.BytesIO(stream.read(_CHUNK))
    read_preamble(head, force=True)
    meta = _read_file_meta_info(head)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return None
    return head.tell()


def inflate(stream: BinaryIO, start: int, most: int, name: str) -> BinaryIO:
    """Return a temporary file with the data set inflated, at the same offset.

    The transfer syntax in its meta information says what the bytes now are.

    Raises
    ------
    DicomError
        Damaged bytes.
    LimitError
        More than `most` bytes when inflated.
    """
    stream.seek(0)
    # Same length, so that every offset stays; NULs pad a UID.
    old = DeflatedExplicitVRLittleEndian.encode()
    new = ExplicitVRLittleEndian.encode().ljust(len(old), b"\0")
    out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        out.write(stream.read(start).replace(old, new, 1))
        inflater, written = zlib.decompressobj(-zlib.MAX_WBITS), 0
        data = stream.read(_CHUNK)
        while data and not inflater.eof:
            part = inflater.decompress(data, _CHUNK)
            out.write(part)
            written += len(part)
            if written > most:
                raise LimitError(f"{name}: deflated data set exceeds {most} bytes when inflated")
            data = inflater.unconsumed_tail or stream.read(_CHUNK)
    except zlib.error as error:
        out.close()
        raise DicomError(
            f"{name}: damaged deflated data set ({error}); get a fresh copy"
        ) from error
    except BaseException:
        out.close()
        raise
    return cast(BinaryIO, out)
