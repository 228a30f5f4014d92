"""DICOM images in any transfer syntax that an installed package can decode.

Reading is lenient: a missing preamble, file meta or transfer syntax, missing tags and
values that pydicom warns about are put up with.  What cannot be represented is refused
with a DicomError that names the reason; nothing else but a LimitError leaves this module.
"""

from __future__ import annotations

import io
import os
import threading
import zlib
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian

from radcodec.container.limits import Limits
from radcodec.errors import DicomError, LimitError
from radcodec.reading.decoding import decode_frame, frame_of, require_decoder
from radcodec.reading.description import (
    JPEG_XL,
    Description,
    describe,
    modality_of,
    padding_value,
    require_pixels,
    transfer_syntax,
)
from radcodec.reading.elements import (
    read_head,
)
from radcodec.reading.files import FileState
from radcodec.reading.fragments import FrameIndex, index_frames
from radcodec.reading.grey import grey_image
from radcodec.reading.guard import only_our_errors, quiet
from radcodec.reading.image import Frame, GreyImage, ImageSource, Layout
from radcodec.reading.inflating import deflated, inflate
from radcodec.reading.survey import survey

__all__ = ["DicomSource", "looks_like_dicom", "modality_of", "read_dicom"]

#: Group numbers that a bare data set can start with, in either order of bytes.
_FIRST_GROUPS = (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08")


def looks_like_dicom(stream: BinaryIO) -> bool:
    """Tell whether a file is DICOM: the prefix at 128, or a bare data set that parses."""
    stream.seek(0)
    start = stream.read(132)
    if start[128:] == b"DICM":
        return True
    if start[:2] not in _FIRST_GROUPS and start[:8] != b"\0\0\0\0\x04\0\0\0":
        return False
    try:
        with quiet():
            head = read_head(stream)
            tags = survey(stream, head, _size(stream), Limits().dataset).tags
        return any(keyword in tags for keyword in ("Rows", "SOPClassUID", "Modality"))
    except Exception:  # noqa: BLE001 - whatever a parser says to arbitrary bytes, they are no DICOM
        return False


def read_dicom(data: bytes, name: str) -> GreyImage:
    """Read a monochrome single-frame DICOM image.

    Parameters
    ----------
    data : bytes
        The whole file; preamble and file meta information may be missing.
    name : str
        What to call the file in errors.

    Raises
    ------
    DicomError
        As `DicomSource`; also colour and several frames.
    LimitError
        As `DicomSource`.
    """
    with DicomSource(io.BytesIO(data), name) as source:
        return grey_image(source, DicomError)


class DicomSource(ImageSource):
    """The frames of a DICOM file; one at a time is in memory.

    Only a deflated data set is inflated as a whole, into a temporary file.

    Parameters
    ----------
    stream : BinaryIO
        The file, seekable; closed with the source.
    name : str
        What to call the file in errors.
    limits : Limits, optional
        Upper bounds on what the file claims.
    path : Path, optional
        Where `check_unchanged` looks.

    Raises
    ------
    DicomError
        Damaged, or of a kind that is not supported: no image, other than 8 or 16 bits
        allocated, float pixels, no or truncated pixel data, no decoder.
    LimitError
        More pixels, a larger data set, or more bytes when inflated than the limits allow.
    """

    def __init__(
        self, stream: BinaryIO, name: str, limits: Limits | None = None, path: Path | None = None
    ) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._files = [stream]
        try:
            self._state = None if path is None else FileState.of(stream, path)
            with quiet(), only_our_errors(name):
                self._open(stream, limits or Limits())
        except BaseException:
            self.close()
            raise

    def _open(self, stream: BinaryIO, limits: Limits) -> None:
        packed = deflated(stream)
        if packed is not None:
            # The factor of two is for words of 16 bits.
            most = limits.dataset + 2 * limits.pixels
            self._files.append(inflate(stream, packed, most, self.name))
        plain = self._stream
        size = _size(plain)
        head = read_head(plain)
        found = survey(plain, head, size, limits.dataset)
        pixels, tags = require_pixels(found, head, self.name, limits), found.tags
        image = describe(tags, head, self.name, limits)
        self._image, self._pixels = image, pixels
        self._syntax = transfer_syntax(head, pixels, self.name)
        require_decoder(self._syntax, self.name)
        compressed = self._syntax in JPEG_XL or self._syntax.is_encapsulated
        self._index = self._fragments(tags, size) if compressed else None
        if self._index is None:
            self._require_bytes()
        self.padding_value = padding_value(tags, image.allocated, image.signed)
        self.modality = modality_of(tags)
        self.dataset = self._cut(stream, packed, size, limits)
        photometric = image.photometric
        self._first: Frame | None = None
        if photometric == "YBR_FULL_422" and not compressed:
            photometric = "YBR_FULL"
        elif image.samples == 3 and compressed:
            # What a codestream holds is known when it is decoded, whatever the tag says.
            self._first, photometric = self._decoded(0)
        self.layout = Layout(
            rows=image.rows,
            columns=image.columns,
            frames=image.frames,
            samples=image.samples,
            bits_allocated=image.allocated,
            bits_stored=image.kept,
            signed=image.signed,
            photometric=photometric,
        )

    def frame(self, index: int) -> Frame:
        """Decode one frame.

        Parameters
        ----------
        index : int
            From 0.

        Raises
        ------
        DicomError
            It cannot be decoded, or not as the first one was.
        IndexError
            There is no such frame.
        """
        if not 0 <= index < self.layout.frames:
            raise IndexError(f"frame {index} of {self.layout.frames}")
        first, self._first = self._first, None
        if index == 0 and first is not None:
            return first
        with quiet(), only_our_errors(self.name):
            frame, photometric = self._decoded(index)
        if self._index is not None and photometric != self.layout.photometric:
            raise DicomError(
                f"{self.name}: frame {index + 1} decodes to {photometric}, the first to "
                f"{self.layout.photometric}; decompress the file with another tool first"
            )
        return frame

    def check_unchanged(self) -> None:
        """Raise `InputError` where the file has changed since it was opened."""
        if self._state is not None:
            self._state.check(self.name)

    def close(self) -> None:
        """Close the file, and the temporary one of a deflated data set."""
        for stream in self._files:
            stream.close()

    @property
    def _stream(self) -> BinaryIO:
        return self._files[-1]

    def _fragments(self, tags: Dataset, size: int) -> FrameIndex:
        extended = tags.get("ExtendedOffsetTable")
        end = self._pixels.end if self._pixels.complete else size
        return index_frames(
            self._stream,
            self._pixels.value,
            end,
            frames=self._image.frames,
            syntax=self._syntax,
            extended=extended if isinstance(extended, bytes) else b"",
        )

    def _require_bytes(self) -> None:
        """Refuse uncompressed pixel data with fewer frames than claimed."""
        one, frames = self._image.frame_bytes(), self._image.frames
        there = self._pixels.end - self._pixels.value
        if there < one * frames:
            whole = f"; {there // one} of {frames} frames" if frames > 1 else ""
            raise DicomError(
                f"{self.name}: pixel data truncated ({there} of {one * frames} bytes{whole}); "
                "get a fresh copy"
            )

    def _decoded(self, index: int) -> tuple[Frame, str]:
        if self._index is not None and self._index.length(index) > _most_coded(self._image):
            raise LimitError(
                f"{self.name}: frame {index + 1} has a codestream of {self._index.length(index)} "
                f"bytes, for {self._image.frame_bytes()} bytes of pixels; get a fresh copy"
            )
        with self._lock:
            data = (
                self._native(index)
                if self._index is None
                else self._index.read(self._stream, index)
            )
        name = self.name if self._image.frames == 1 else f"{self.name}: frame {index + 1}"
        words, photometric = decode_frame(data, self._image, self._syntax, name)
        return frame_of(words, self._image, self._syntax), photometric

    def _native(self, index: int) -> bytes:
        """Read an uncompressed frame; bytes of big-endian 8-bit words come in pairs."""
        one = self._image.frame_bytes()
        begin = index * one
        swapped = (
            self._syntax == ExplicitVRBigEndian
            and self._image.allocated == 8
            and self._pixels.vr == "OW"
        )
        before = begin % 2 if swapped else 0
        after = (before + one) % 2 if swapped else 0
        self._stream.seek(self._pixels.value + begin - before)
        data = self._stream.read(before + one + after)
        if len(data) < before + one:
            raise DicomError(f"{self.name}: frame {index + 1} is cut short; get a fresh copy")
        if swapped:
            pairs = bytearray(data.ljust(before + one + after, b"\0"))
            pairs[::2], pairs[1::2] = pairs[1::2], pairs[::2]
            data = bytes(pairs)
        return data[before : before + one]

    def _cut(self, stream: BinaryIO, packed: int | None, size: int, limits: Limits) -> bytes:
        """Return the file's bytes without the pixel data element, all others untouched."""
        begin, end = self._pixels.begin, self._pixels.end
        try:
            limits.check_dataset(size - (end - begin))
        except LimitError as error:
            raise LimitError(f"{self.name}: {error}") from error
        plain = self._stream
        plain.seek(0)
        parts = [plain.read(begin)]
        plain.seek(end)
        parts.append(plain.read())
        rest = b"".join(parts)
        if packed is None:
            return rest
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        stream.seek(0)
        return stream.read(packed) + packer.compress(rest[packed:]) + packer.flush()


def _most_coded(image: Description) -> int:
    """Bytes that no honest codestream exceeds; there may be metadata in it."""
    return 4 * image.frame_bytes() + 2**24


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, os.SEEK_END)
