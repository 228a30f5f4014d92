"""The stages joined: an image to the bytes of an .rcz file, and back."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.area import Area, View
from radcodec.codec.choosing import plans_for
from radcodec.codec.decoder import checksum_of, decode_frame, decode_plane
from radcodec.codec.encoder import BaseEncoder, Encoder, network_of, peak_of
from radcodec.codec.plans import EFFORTS, Plan, Rules, load_rules
from radcodec.codec.prepared import Prepared, prepare
from radcodec.codec.series import Request, Series, header_for, smaller_within_bound
from radcodec.container.header import Header
from radcodec.container.limits import Limits
from radcodec.container.rcz import DIGEST_LENGTH, Quality, RczFile, RczReader
from radcodec.errors import FormatError, UsageError, VerificationError
from radcodec.metrics.quality import psnr
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.reading.image import Frame, GreyImage, ImageSource, Layout

__all__ = [
    "Area",
    "BaseEncoder",
    "Compressed",
    "Decoder",
    "Encoder",
    "Plan",
    "Prepared",
    "Restored",
    "Rules",
    "Summary",
    "View",
    "check",
    "compress",
    "compress_source",
    "decode_plane",
    "decompress",
    "load_rules",
    "measured",
    "network_of",
    "peak_of",
    "prepare",
]


@dataclass(frozen=True)
class Summary:
    """What came of a compression.

    Attributes
    ----------
    size : int
        Bytes of the file.
    depth : int
        Of the first layer of the last plane; 0 where no networks coded it.
    refined : bool
        Whether there is a second layer in it.
    wide : bool
        Whether its networks have many latents, so that there is none.
    level : int
        Of its last layer; 0 where no networks coded it.
    coding : str
        What it is coded by: "networks", "pixels" or "jpegls".
    modality : str
        As in the header.
    ratio, bpp : float
        Uncompressed pixel bytes over file bytes; file bits for each pixel of a frame.
    psnr : float or None
        dB over stored values, the peak being the image's range; None when not verified.
    max_error : int or None
        Largest absolute error of a stored value; None when not verified.
    """

    size: int
    depth: int
    refined: bool
    wide: bool
    level: int
    coding: str
    modality: str
    ratio: float
    bpp: float
    psnr: float | None
    max_error: int | None


@dataclass(frozen=True)
class Compressed(Summary):
    """A compressed image; `data` is the .rcz file."""

    data: bytes


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


@cache
def _default_store() -> ModelStore:
    return ModelStore()


class _Single(ImageSource):
    """A grey image as a source of one frame."""

    def __init__(self, image: GreyImage) -> None:
        self.name = "the image"
        rows, columns = image.stored.shape
        self.layout = Layout(
            rows,
            columns,
            1,
            1,
            image.bits_allocated,
            image.bits_stored,
            image.signed,
            "MONOCHROME1" if image.inverted else "MONOCHROME2",
        )
        self.padding_value, self.modality = image.padding_value, image.modality
        self.dataset = image.dataset
        self._frame = Frame(image.stored[None])

    def frame(self, index: int) -> Frame:
        return self._frame


def compress_source(
    source: ImageSource,
    out: BinaryIO,
    *,
    modality: str | None = None,
    depth: int | None = None,
    refine: bool | None = None,
    target: Target,
    max_error: int | None = None,
    effort: int = EFFORTS[-1],
    verify: bool = True,
    models: ModelStore | None = None,
    limits: Limits | None = None,
) -> Summary:
    """Compress the frames of a source to a file, one at a time.

    Parameters
    ----------
    source : ImageSource
        The frames.
    out : BinaryIO
        Seekable and readable; gets the file.
    modality : str or None
        "xr", "mg", "ct" or "mr"; None takes the source's own, or the X-ray compressor
        ("generic") where it does not say.
    depth : int or None
        Depth of the first layer; None takes what suits the asked rate.
    refine : bool or None
        Whether a second layer refines the first; None takes what suits the asked rate.
    target : Target
        Quality, ratio, bits per pixel, PSNR or level; of no effect with `max_error`.
    max_error : int or None
        Bound on the error of every stored value, 0 for none at all; None for no bound.
    effort : int
        1, 2 or 3: more of it takes longer, for smaller files or a better image; of no effect
        with `max_error`.
    verify : bool
        Decode the result, and record PSNR, maximum error and a hash of the pixels.
    models : ModelStore or None
        Other models than the package's.
    limits : Limits or None
        Bounds on the source; None for the usual ones, and any memory.

    Raises
    ------
    UsageError
        If the target is out of the models' reach; the message names their range.  Or if there
        is no such effort.
    ModelNotFoundError
        If there is no compressor for the modality and depth.
    InputError
        If a frame cannot be read.
    LimitError
        If the image is too large.
    VerificationError
        If what was written does not read back, or a bound is not kept.
    """
    if effort not in EFFORTS:
        raise UsageError(f"there is no effort {effort}; give 1, 2 or 3")
    store = _default_store() if models is None else models
    layout = source.layout
    bounded = limits is not None
    limits = limits or Limits()
    limits.check_image(layout.rows, layout.columns)
    if source.dataset is not None:
        limits.check_dataset(len(source.dataset))
    chosen = modality or source.modality or "generic"
    rules = load_rules(store.root)
    plans = plans_for(chosen, depth, refine, rules, store)
    # Who asks for a depth wants networks.
    pixels = depth is None and refine is None
    request = Request(chosen, plans, rules, target, pixels, effort)
    origin = "png" if source.dataset is None else "dicom"
    series = Series(source, header_for(layout, chosen, origin, max_error), request, store)
    if bounded:
        limits.check_coding(layout.rows, layout.columns, layout.samples, series.searched())
    series = smaller_within_bound(series)
    quality = series.write(out, verify=verify)
    header = series.header
    reader = RczReader(out)
    if verify and (reader.header, reader.quality, reader.dataset) != (
        header,
        _as_stored(quality),
        source.dataset,
    ):
        raise VerificationError(
            "the compressed file does not read back as it was written; nothing was saved"
        )
    if verify:
        _check_frames(reader, store)
    last = reader.plane(header.frames - 1, header.samples - 1)
    level = 0 if last.coding != "networks" else last.level
    return Summary(
        size=reader.size,
        depth=last.depth,
        refined=last.refinement is not None,
        wide=last.coding == "networks" and store.decompressor(last.model_id.hex()).bundle.wide,
        level=level if last.refinement is None else last.refinement.level,
        coding=last.coding,
        modality=chosen,
        ratio=header.uncompressed_bytes / reader.size,
        bpp=8 * reader.size / (header.rows * header.columns * header.frames),
        psnr=None if quality is None else quality.psnr,
        max_error=None if quality is None else quality.max_error,
    )


def _check_frames(reader: RczReader, models: ModelStore) -> None:
    """Decode all frames: what the encoder took a plane to be must come out of its bytes."""
    try:
        for index in range(reader.header.frames):
            decode_frame(reader, index, models)
    except (FormatError, VerificationError) as error:
        raise VerificationError(
            f"the compressed file does not decode to what was measured ({error}); nothing was "
            "saved, please report this image"
        ) from error


def _as_stored(quality: Quality | None) -> Quality | None:
    """As it comes back from a file, where the PSNR takes 32 bits."""
    return None if quality is None else replace(quality, psnr=float(np.float32(quality.psnr)))


def compress(
    image: GreyImage,
    *,
    modality: str | None = None,
    depth: int | None = None,
    refine: bool | None = None,
    target: Target,
    max_error: int | None = None,
    effort: int = EFFORTS[-1],
    verify: bool = True,
    models: ModelStore | None = None,
) -> Compressed:
    """Compress one grey image; as `compress_source`."""
    out = io.BytesIO()
    with _Single(image) as source:
        summary = compress_source(
            source,
            out,
            modality=modality,
            depth=depth,
            refine=refine,
            target=target,
            max_error=max_error,
            effort=effort,
            verify=verify,
            models=models,
        )
    return Compressed(**vars(summary), data=out.getvalue())


def measured(file: RczFile, stored: NDArray[np.int32], decoded: NDArray[np.int32]) -> RczFile:
    """Record in the file of one grey image what decodes from it, beside the source's values."""
    decibels = psnr(stored, decoded, peak_of(stored))
    largest = int(np.abs(stored - decoded).max())
    digest = hashlib.sha256(np.ascontiguousarray(decoded, dtype="<i4").data).digest()[
        :DIGEST_LENGTH
    ]
    planes = [replace(file.planes[0], checksum=checksum_of(decoded))]
    return replace(file, planes=planes, quality=Quality(decibels, largest, digest))


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
        self.models = _default_store() if models is None else models

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
