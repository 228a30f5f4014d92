"""From frames to a file."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from radcodec.codec.choosing import plans_for
from radcodec.codec.decoder import decode_frame
from radcodec.codec.headers import header_for
from radcodec.codec.plans import EFFORTS, load_rules
from radcodec.codec.series import Request, Series, smaller_within_bound
from radcodec.container.limits import Limits
from radcodec.container.rcz import Quality, RczReader
from radcodec.errors import FormatError, UsageError, VerificationError
from radcodec.network.store import ModelStore, default_store
from radcodec.rate import Target
from radcodec.reading.image import Frame, GreyImage, ImageSource, Layout


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
    store = default_store() if models is None else models
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
