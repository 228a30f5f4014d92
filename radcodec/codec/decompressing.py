"""From a file to frames."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.area import View
from radcodec.codec.decoder import decode_frame
from radcodec.container.header import Header
from radcodec.container.limits import Limits
from radcodec.container.rcz import DIGEST_LENGTH, Quality, RczReader
from radcodec.errors import VerificationError
from radcodec.network.store import ModelStore, default_store
from radcodec.reading.image import Frame


@dataclass(frozen=True)
class Restored:
    """A decoded file.

    Attributes
    ----------
    frames : list of Frame
        All of them.
    header : Header
        The file's header.
    dataset : bytes or None
        The DICOM data set without pixels, as a Part 10 file.
    quality : Quality or None
        What was measured at compression.
    file_bytes : int
        Size of the .rcz file.
    """

    frames: list[Frame]
    header: Header
    dataset: bytes | None
    quality: Quality | None
    file_bytes: int

    @property
    def stored(self) -> NDArray[np.int32]:
        """Stored values (rows, columns) of the first sample of the first frame."""
        values: NDArray[np.int32] = self.frames[0].planes[0]
        return values


class Decoder:
    """A file, decoded frame by frame.

    Parameters
    ----------
    file : BinaryIO
        Seekable, opened for as long as the decoder is used.
    models : ModelStore or None
        Other models than the package's.
    limits : Limits or None
        Bounds on what the file claims; None for the usual ones.
    check : bool
        Compare every checksum at once, rather than only those of what is decoded.

    Raises
    ------
    FormatError
        If the bytes are no valid file (with `CorruptError`, `TruncatedError`,
        `UnsupportedVersionError`).
    LimitError
        If the file asks for more than the limits allow.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        models: ModelStore | None = None,
        limits: Limits | None = None,
        check: bool = True,
    ) -> None:
        self.reader = RczReader(file, limits, check=check)
        header = self.reader.header
        self.reader.limits.check_decoding(header.rows, header.columns, header.samples)
        self.models = default_store() if models is None else models

    @property
    def header(self) -> Header:
        """The file's header."""
        return self.reader.header

    def frame(self, index: int, view: View | None = None) -> Frame:
        """Decode a frame, from 0, or what is wanted of it; raises as `decode_frame` does."""
        return decode_frame(self.reader, index, self.models, view)

    def frames(self) -> Iterator[Frame]:
        """Decode all frames, and in the end compare them with the hash that was recorded.

        Raises
        ------
        VerificationError
            If they are not the pixels recorded, besides all that `frame` raises.
        """
        digest = hashlib.sha256()
        for index in range(self.header.frames):
            frame = self.frame(index)
            digest.update(np.ascontiguousarray(frame.planes, dtype="<i4").data)
            yield frame
        quality = self.reader.quality
        if quality is not None and digest.digest()[:DIGEST_LENGTH] != quality.sha256:
            raise VerificationError(
                "the decoded pixels are not those that were recorded at compression; "
                "run `radcodec doctor` to test this machine, and keep the original"
            )


def decompress(data: bytes, *, models: ModelStore | None = None) -> Restored:
    """Decode the bytes of an .rcz file, without a look at the hash that it records.

    Raises
    ------
    FormatError
        If the bytes are no valid file (with `CorruptError`, `TruncatedError`,
        `UnsupportedVersionError`).
    LimitError
        If the file asks for more than the limits allow.
    ModelNotFoundError
        If a decompressor of the file is not installed.
    VerificationError
        If a frame's pixels are not those recorded.
    """
    decoder = _decoder_of_all(data, models)
    frames = [decoder.frame(index) for index in range(decoder.header.frames)]
    return _restored(decoder, frames)


def check(data: bytes, *, models: ModelStore | None = None) -> Restored:
    """Decode a file and compare it with the hash recorded at compression.

    Raises
    ------
    VerificationError
        If the decoded pixels are not those recorded, besides all that `decompress` raises.
    """
    decoder = _decoder_of_all(data, models)
    return _restored(decoder, list(decoder.frames()))


def _decoder_of_all(data: bytes, models: ModelStore | None) -> Decoder:
    """A decoder of a file whose frames may all be held at once."""
    decoder = Decoder(io.BytesIO(data), models=models)
    header = decoder.header
    limits = decoder.reader.limits
    limits.check_frames(header.rows, header.columns, header.samples, header.frames)
    return decoder


def _restored(decoder: Decoder, frames: list[Frame]) -> Restored:
    reader = decoder.reader
    return Restored(frames, reader.header, reader.dataset, reader.quality, reader.size)
