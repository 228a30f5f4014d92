"""The stages joined: an image to the bytes of an .rcz file, and back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.decoder import decode
from radcodec.codec.encoder import BaseEncoder, Encoder, network_of, peak_of
from radcodec.codec.plans import Plan, Rules, load_rules
from radcodec.codec.prepared import Prepared, prepare
from radcodec.codec.search import Search, plans_for
from radcodec.container.header import Header
from radcodec.container.limits import Limits
from radcodec.container.rcz import Quality, RczFile, read_rcz, write_rcz
from radcodec.entropy.mask import decode_mask
from radcodec.errors import VerificationError
from radcodec.metrics.quality import psnr
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.reading.image import GreyImage

__all__ = [
    "BaseEncoder",
    "Compressed",
    "Encoder",
    "Plan",
    "Prepared",
    "Restored",
    "Rules",
    "check",
    "compress",
    "decompress",
    "load_rules",
    "measured",
    "network_of",
    "peak_of",
    "prepare",
]


@dataclass(frozen=True)
class Compressed:
    """A compressed image.

    Attributes
    ----------
    data : bytes
        The .rcz file.
    depth : int
        Of the first layer.
    refined : bool
        Whether there is a second layer.
    level : int
        Of the last layer.
    modality : str
        As in the header.
    ratio, bpp : float
        Uncompressed pixel bytes over file bytes; file bits for each pixel.
    psnr : float or None
        dB over stored values, the peak being the image's range; None when not verified.
    max_error : int or None
        Largest absolute error of a stored value; None when not verified.
    """

    data: bytes
    depth: int
    refined: bool
    level: int
    modality: str
    ratio: float
    bpp: float
    psnr: float | None
    max_error: int | None


@dataclass(frozen=True)
class Restored:
    """A decoded file.

    Attributes
    ----------
    stored : ndarray of int32, shape (rows, columns)
        Stored values.
    header : Header
        The file's header.
    dataset : bytes or None
        The DICOM data set without pixels, as a Part 10 file.
    quality : Quality or None
        What was measured at compression.
    file_bytes : int
        Size of the .rcz file.
    """

    stored: NDArray[np.int32]
    header: Header
    dataset: bytes | None
    quality: Quality | None
    file_bytes: int


@cache
def _default_store() -> ModelStore:
    return ModelStore()


def _digest(stored: NDArray[np.int32]) -> bytes:
    return hashlib.sha256(stored.astype("<i4").tobytes()).digest()


def compress(
    image: GreyImage,
    *,
    modality: str | None = None,
    depth: int | None = None,
    refine: bool | None = None,
    target: Target,
    verify: bool = True,
    models: ModelStore | None = None,
) -> Compressed:
    """Compress an image.

    Parameters
    ----------
    image : GreyImage
        The image.
    modality : str or None
        "xr", "mg", "ct" or "mr"; None takes the image's own, or the X-ray compressor
        ("generic") where the image does not say.
    depth : int or None
        Depth of the first layer; None takes what suits the asked rate.
    refine : bool or None
        Whether a second layer refines the first; None takes what suits the asked rate.
    target : Target
        Quality, ratio, bits per pixel, PSNR or level.
    verify : bool
        Decode the result, and record PSNR, maximum error and a hash of the pixels.
    models : ModelStore or None
        Other models than the package's.

    Raises
    ------
    UsageError
        If the target is out of the models' reach; the message names their range.
    ModelNotFoundError
        If there is no compressor for the modality and depth.
    LimitError
        If the image is too large.
    VerificationError
        If what was written does not read back.
    """
    store = _default_store() if models is None else models
    rows, columns = image.stored.shape
    limits = Limits()
    limits.check_image(rows, columns)
    if image.dataset is not None:
        limits.check_dataset(len(image.dataset))
    chosen = modality or image.modality or "generic"
    rules = load_rules(store.root)
    plans = plans_for(chosen, depth, refine, rules, store)
    prepared = prepare(image)
    encoder, level = Search(prepared, chosen, plans, rules, store).meet(target)
    file = encoder.file(level)
    if verify:
        file = measured(file, image.stored, encoder.decoded(level))
    data = write_rcz(file)
    if verify and not _reads_back(data, file, prepared):
        raise VerificationError(
            "the compressed file does not read back as it was written; nothing was saved"
        )
    return Compressed(
        data=data,
        depth=file.header.depth,
        refined=file.refinement is not None,
        level=level,
        modality=chosen,
        ratio=image.uncompressed_bytes / len(data),
        bpp=8 * len(data) / image.stored.size,
        psnr=None if file.quality is None else file.quality.psnr,
        max_error=None if file.quality is None else file.quality.max_error,
    )


def measured(file: RczFile, stored: NDArray[np.int32], decoded: NDArray[np.int32]) -> RczFile:
    """Record in a file what its decoded stored values are, beside those of the source."""
    decibels = psnr(stored, decoded, peak_of(stored))
    largest = int(np.abs(stored - decoded).max())
    return replace(file, quality=Quality(decibels, largest, _digest(decoded)))


def _reads_back(data: bytes, file: RczFile, prepared: Prepared) -> bool:
    """Whether a file holds what was meant: tiles are decoded elsewhere, all else is here."""
    read = read_rcz(data)
    if replace(read, quality=None) != replace(file, quality=None):
        return False
    if read.mask is None or prepared.mask is None:
        return read.mask is None and prepared.mask is None
    return bool(np.array_equal(decode_mask(read.mask[1], *prepared.mask.shape), prepared.mask))


def decompress(data: bytes, *, models: ModelStore | None = None) -> Restored:
    """Decode the bytes of an .rcz file.

    Raises
    ------
    FormatError
        If the bytes are no valid file (with `CorruptError`, `TruncatedError`,
        `UnsupportedVersionError`).
    LimitError
        If the file asks for more than the limits allow.
    ModelNotFoundError
        If the file's decompressor is not installed.
    """
    store = _default_store() if models is None else models
    file = read_rcz(data)
    stored = decode(file, store)
    return Restored(stored, file.header, file.dataset, file.quality, len(data))


def check(data: bytes, *, models: ModelStore | None = None) -> Restored:
    """Decode a file and compare it with the hash recorded at compression.

    Raises
    ------
    VerificationError
        If the decoded pixels are not those recorded, besides all that `decompress` raises.
    """
    restored = decompress(data, models=models)
    if restored.quality is not None and _digest(restored.stored) != restored.quality.sha256:
        raise VerificationError(
            "the decoded pixels are not those that were recorded at compression; "
            "run `radcodec doctor` to test this machine, and keep the original"
        )
    return restored
