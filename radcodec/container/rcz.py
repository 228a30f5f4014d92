"""An .rcz file as a whole: what its chunks hold, read and written.

docs/format.md is the law; this module follows it.
"""

from __future__ import annotations

import io
import math
import struct
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from radcodec.container.chunks import (
    SIGNATURE_LENGTH,
    TAIL_SIZE,
    Chunk,
    chunks_from,
    iterate_chunks,
    pack_chunk,
    pack_signature,
    pack_tail,
    read_chunk,
)
from radcodec.container.dataset import dataset_chunk, inflate
from radcodec.container.header import LONGEST_HEADER, Header
from radcodec.container.limits import Limits
from radcodec.container.planes import Plane, pack_plane, unpack_plane
from radcodec.errors import CorruptError, FormatError, UnsupportedVersionError

#: Chunks of the file as a whole, and those that belong to a plane.
_WHOLE = ("HEAD", "dset", "qual", "TAIL")
_PLANE = ("PLAN", "MASK", "PIXL", "LATN", "REFN", "FILT", "RESD", "JPLS", "UNUS")
_BEFORE_LATENT = ("MASK", "PIXL")
_QUALITY = struct.Struct("<fH8s")
_MOST_DECIBELS = 1e6
#: Bytes of a SHA-256 that a file keeps: the first ones.
DIGEST_LENGTH = 8


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
        First `DIGEST_LENGTH` bytes of the SHA-256 of the decoded stored values as little-endian
        int32: frame by frame, in each sample by sample, in raster order.
    """

    psnr: float
    max_error: int
    sha256: bytes


@dataclass(frozen=True)
class RczFile:
    """All that an .rcz file holds.

    Attributes
    ----------
    header : Header
        The HEAD chunk.
    planes : list of Plane
        Frame by frame, in each sample by sample.
    dataset : bytes or None
        DICOM Part 10 file without pixel data.
    quality : Quality or None
        What was measured.
    """

    header: Header
    planes: list[Plane] = field(default_factory=list)
    dataset: bytes | None = None
    quality: Quality | None = None


class RczWriter:
    """Writes a file from front to back, a plane at a time.

    Parameters
    ----------
    target : BinaryIO
        What to write to; need not be seekable.
    header : Header
        The HEAD chunk.
    dataset : bytes or None
        DICOM Part 10 file without pixel data.
    limits : Limits or None
        Those of the reader that the file is for; None for the usual ones.

    Raises
    ------
    LimitError
        The file would be larger than a reader with the same limits takes.
    FormatError
        A field is outside its range.
    """

    def __init__(
        self,
        target: BinaryIO,
        header: Header,
        dataset: bytes | None = None,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        packed = header.pack()
        limits.check_image(header.rows, header.columns)
        if dataset is not None:
            limits.check_dataset(len(dataset))
        self.header = header
        self.length = 0
        self._target, self._planes = target, 0
        self._put(pack_signature() + pack_chunk("HEAD", packed))
        if dataset is not None:
            self._put(dataset_chunk(dataset))

    def _put(self, data: bytes) -> None:
        self._target.write(data)
        self.length += len(data)

    def add(self, plane: Plane) -> None:
        """Write the next plane; `FormatError` where it does not suit the header."""
        if self._planes == self.header.plane_count:
            raise FormatError(f"the header counts {self._planes} planes, and there are more")
        self._put(pack_plane(plane, self.header, self._planes % self.header.samples))
        self._planes += 1

    def finish(self, quality: Quality | None = None) -> None:
        """Write what comes last; `FormatError` where planes are missing."""
        if self._planes != self.header.plane_count:
            raise FormatError(
                f"the header counts {self.header.plane_count} planes, but there are {self._planes}"
            )
        if quality is not None:
            self._put(pack_chunk("qual", _pack_quality(quality)))
        self._put(pack_tail(self.length))


class RczReader:
    """Reads a file, a plane at a time.

    Parameters
    ----------
    file : BinaryIO
        Seekable, opened for as long as the reader is used.
    limits : Limits or None
        Bounds on what the file claims; None for the usual ones.
    check : bool
        Compare every checksum at once, which reads the whole file, rather than only those of
        what is read.

    Attributes
    ----------
    header : Header
        The HEAD chunk.
    quality : Quality or None
        What was measured.
    size : int
        Bytes of the file.

    Raises
    ------
    TruncatedError, CorruptError, UnsupportedVersionError, FormatError
        As the names say.
    LimitError
        The file claims more than `limits` allow.
    """

    def __init__(self, file: BinaryIO, limits: Limits | None = None, *, check: bool = True) -> None:
        self._file, self.limits = file, limits or Limits()
        self.size = file.seek(0, io.SEEK_END)
        # Offsets alone are kept of planes, so that memory stays far below the file's size.
        self._offsets = array("Q")
        self._whole: dict[str, Chunk] = {}
        self._walk(check)
        _check_lengths(self._whole, self.limits)
        self.header = Header.unpack(self._payload("HEAD"))
        self.limits.check_image(self.header.rows, self.header.columns)
        if len(self._offsets) != self.header.plane_count:
            raise CorruptError(
                f"the header counts {self.header.plane_count} planes, but the file has "
                f"{len(self._offsets)}; get it again from its source"
            )
        self.quality = _unpack_quality(self._payload("qual")) if "qual" in self._whole else None

    def _payload(self, kind: str) -> bytes:
        return read_chunk(self._file, self._whole[kind])

    def _walk(self, check: bool) -> None:
        """Find the chunks, and hold the file to the rules on their order."""
        here: set[str] = set()
        first = True
        for chunk in iterate_chunks(self._file, self.size, check=check):
            kind = chunk.type
            if first and kind != "HEAD":
                raise FormatError(f"the first chunk is {kind}, not HEAD")
            first = False
            if kind == "PLAN":
                self._offsets.append(chunk.offset)
                here = {kind}
            elif kind in _PLANE:
                _check_order(kind, here)
                here.add(kind)
            elif kind in _WHOLE:
                if kind in self._whole:
                    raise FormatError(f"the file holds two {kind} chunks")
                self._whole[kind] = chunk
                here = set()
            elif chunk.critical:
                raise UnsupportedVersionError(
                    f"the file needs the chunk {kind} at byte {chunk.offset}, which this "
                    "version does not know; use a newer version of radcodec"
                )

    @property
    def dataset(self) -> bytes | None:
        """DICOM Part 10 file without pixel data, inflated anew; None where there is none."""
        if "dset" not in self._whole:
            return None
        return inflate(self._payload("dset"), self.limits)

    def plane(self, frame: int, sample: int = 0) -> Plane:
        """Read a plane; frames and samples count from 0."""
        return unpack_plane(self.payloads(frame, sample), self.header, sample)

    def payloads(self, frame: int, sample: int = 0) -> Mapping[str, bytes]:
        """Payloads of the chunks of a plane by type."""
        offset = self._offsets[frame * self.header.samples + sample]
        found: dict[str, bytes] = {}
        total = 0
        for chunk in chunks_from(self._file, self.size, offset):
            if chunk.type in _WHOLE or (chunk.type == "PLAN" and found):
                break
            if chunk.type in _PLANE:
                total += chunk.length
                self.limits.check_payloads(total)
                found[chunk.type] = read_chunk(self._file, chunk)
        return found

    def planes(self) -> Iterator[Plane]:
        """Read all planes in their order."""
        for frame in range(self.header.frames):
            for sample in range(self.header.samples):
                yield self.plane(frame, sample)

    def chunks(self) -> Iterator[Chunk]:
        """Where all chunks lie, known or not."""
        return iterate_chunks(self._file, self.size, check=False)


def _check_lengths(whole: Mapping[str, Chunk], limits: Limits) -> None:
    """Refuse chunks of the file as a whole that are too long, before they are read."""
    for kind, length in (("HEAD", LONGEST_HEADER), ("qual", _QUALITY.size)):
        if kind in whole and whole[kind].length > length:
            raise CorruptError(
                f"the {kind} chunk holds {whole[kind].length} bytes, more than {length}; get the "
                "file again from its source"
            )
    if "dset" in whole:
        # What does not shrink grows by five bytes in many thousands when it is deflated.
        length = whole["dset"].length
        limits.check_dataset(length - length // 1000 - 64)


def _check_order(kind: str, here: set[str]) -> None:
    """Refuse a chunk of a plane that is in the wrong place, given those before it."""
    if "PLAN" not in here:
        raise FormatError(f"the {kind} chunk belongs to no plane")
    if kind in here:
        raise FormatError(f"a plane holds two {kind} chunks")
    if kind in _BEFORE_LATENT and ({"LATN", "RESD"} & here):
        raise FormatError(f"the {kind} chunk comes after what needs it")
    if kind in ("REFN", "FILT") and "LATN" not in here:
        raise FormatError(f"the {kind} chunk comes before the LATN chunk")
    if kind == "REFN" and "FILT" in here:
        raise FormatError("the REFN chunk comes after the FILT chunk")
    if kind in ("LATN", "REFN", "FILT") and "RESD" in here:
        raise FormatError(f"the {kind} chunk comes after the RESD chunk")


def fixed_bytes(header: Header) -> int:
    """Bytes of a file beside its planes and data set, measurements included."""
    payloads = (("HEAD", header.packed_length), ("qual", _QUALITY.size))
    chunks = sum(len(pack_chunk(kind, bytes(length))) for kind, length in payloads)
    return SIGNATURE_LENGTH + chunks + TAIL_SIZE


def list_chunks(data: bytes) -> list[Chunk]:
    """Return where the chunks of a file lie, known or not; errors as of `iterate_chunks`."""
    return list(iterate_chunks(io.BytesIO(data), len(data)))


def write_rcz(file: RczFile, limits: Limits | None = None) -> bytes:
    """Return the bytes of an .rcz file; errors as of `RczWriter`."""
    target = io.BytesIO()
    writer = RczWriter(target, file.header, file.dataset, limits)
    for plane in file.planes:
        writer.add(plane)
    writer.finish(file.quality)
    return target.getvalue()


def read_rcz(data: bytes, limits: Limits | None = None) -> RczFile:
    """Read the bytes of an .rcz file; nothing is decoded yet but the data set.

    Raises as `RczReader` does.
    """
    reader = RczReader(io.BytesIO(data), limits)
    return RczFile(reader.header, list(reader.planes()), reader.dataset, reader.quality)


def _pack_quality(quality: Quality) -> bytes:
    _check_psnr(quality.psnr)
    if not 0 <= quality.max_error < 2**16 or len(quality.sha256) != DIGEST_LENGTH:
        raise FormatError("qual: the maximum error or the SHA-256 is out of range")
    return _QUALITY.pack(quality.psnr, quality.max_error, quality.sha256)


def _unpack_quality(payload: bytes) -> Quality:
    if len(payload) != _QUALITY.size:
        raise CorruptError(f"qual holds {len(payload)} bytes, not {_QUALITY.size}")
    quality = Quality(*_QUALITY.unpack(payload))
    _check_psnr(quality.psnr)
    return quality


def _check_psnr(psnr: float) -> None:
    # Written so that a NaN fails too.
    if not (abs(psnr) <= _MOST_DECIBELS or psnr == math.inf):
        raise FormatError(f"qual: {psnr} dB is no PSNR")
