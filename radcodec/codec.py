"""The stages joined: an image to the bytes of an .rcz file, and back."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from radcodec.container.header import Header
from radcodec.container.rcz import Quality, RczFile, read_rcz, write_rcz
from radcodec.entropy.latents import decode_tile, encode_tile
from radcodec.entropy.mask import decode_mask, encode_mask
from radcodec.errors import CorruptError, LimitError, UsageError, VerificationError
from radcodec.intensity.background import (
    Background,
    fill_smoothly,
    find_background,
    skipped_positions,
)
from radcodec.intensity.mapping import IntensityMap
from radcodec.metrics.quality import psnr
from radcodec.network.bundle import Bundle
from radcodec.network.decompressor import Decompressor
from radcodec.network.store import ModelStore
from radcodec.rate import TOLERANCE, Target, closest_level, coarsest_level, level_of_quality
from radcodec.reading.image import GreyImage

#: Whose compressor serves a modality that has none of its own.
SERVED_BY = {"mg": "xr", "generic": "xr"}
#: Largest image, in pixels.
PIXEL_LIMIT = 1 << 28
#: Most bits that a background mask may take: for each pixel of the image or, where that is
#: more, for each pixel along a side, since an outline grows with the side.  A frayed mask, as
#: noise around zero leaves it in MR, costs more than the networks need for the same area.
MASK_BPP = 0.015
MASK_BITS_PER_SIDE = 8.0
#: Where no bundle says at which rate to change over to the deeper network.
DEFAULT_SWITCH_BPP = 0.1


@dataclass(frozen=True)
class Compressed:
    """A compressed image.

    Attributes
    ----------
    data : bytes
        The .rcz file.
    depth, level : int
        What was used.
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


def peak_of(stored: NDArray[np.int32]) -> int:
    """Peak for PSNR: the image's own range of stored values, at least 1."""
    return max(int(stored.max()) - int(stored.min()), 1)


@cache
def _default_store() -> ModelStore:
    return ModelStore()


class Encoder:
    """One image at one depth: the networks' work done once, for files at any level.

    Parameters
    ----------
    image : GreyImage
        The image.
    modality : str
        As the header is to say; see `SERVED_BY`.
    depth : int
        1 to 4.
    models : ModelStore
        Where the networks are.
    """

    def __init__(self, image: GreyImage, modality: str, depth: int, models: ModelStore) -> None:
        self.image = image
        stored = image.stored
        network = SERVED_BY.get(modality, modality)
        if modality == "mg" and depth in models.depths("mg"):
            network = "mg"
        self.compressor = models.compressor(network, depth)
        manifest = self.compressor.bundle.manifest
        self.decompressor: Decompressor = models.decompressor(manifest["decompressor"])
        background = find_background(stored, image.padding_value)
        mask = None
        if background is not None:
            coded = encode_mask(background.mask)
            allowed = max(MASK_BPP * stored.size, MASK_BITS_PER_SIDE * math.sqrt(stored.size))
            if 8 * len(coded) <= allowed:
                mask = (background.value, coded)
            else:
                background = None
        self._prepare(background)
        candidates = manifest.get("table_sets")
        sets = self.decompressor.table_sets
        self._candidates = list(range(len(sets))) if candidates is None else list(candidates)
        self._file = RczFile(
            Header(
                modality=modality,
                depth=depth,
                bits_allocated=image.bits_allocated,
                bits_stored=image.bits_stored,
                signed=image.signed,
                level=0,
                source="png" if image.dataset is None else "dicom",
                rows=stored.shape[0],
                columns=stored.shape[1],
                low=self.mapping.low,
                high=self.mapping.high,
                model_id=bytes.fromhex(self.decompressor.bundle.id),
                inverted=image.inverted,
            ),
            tiles=[],
            mask=mask,
            dataset=image.dataset,
        )
        blank = [b"\0"] * self._file.header.tile_count
        measured = Quality(0.0, 0, bytes(32))
        whole = write_rcz(replace(self._file, tiles=blank, quality=measured))
        self._overhead = len(whole) - len(blank)
        self._tiles: dict[int, list[bytes]] = {}

    def _prepare(self, background: Background | None) -> None:
        """Map, fill and transform the image; find what need not be coded."""
        image, block = self.image, self.compressor.bundle.block
        mask = None if background is None else background.mask
        self.mapping = IntensityMap.covering(image.stored, mask, image.inverted)
        unit = self.mapping.to_unit(image.stored)
        shape = tuple(-(-side // block) for side in image.stored.shape)
        self.skip: NDArray[np.bool_] = np.zeros(shape, dtype=bool)
        if mask is not None:
            unit = fill_smoothly(unit, mask)
            self.skip = skipped_positions(mask, block)
        self.latent = self.compressor.latent(unit)

    def tiles(self, level: int) -> list[bytes]:
        """Entropy-coded latent tiles of a level."""
        if level not in self._tiles:
            quantised = self.compressor.quantise(self.latent, level)
            sets = self.decompressor.table_sets
            self._tiles[level] = [
                encode_tile(
                    np.ascontiguousarray(quantised[:, rows, columns]),
                    np.ascontiguousarray(self.skip[rows, columns]),
                    sets,
                    self._candidates,
                )
                for rows, columns in self._file.header.tile_slices
            ]
        return self._tiles[level]

    def size(self, level: int) -> int:
        """Bytes of the file at a level, measurements included."""
        return self._overhead + sum(map(len, self.tiles(level)))

    def file(self, level: int) -> RczFile:
        """Return the file at a level, without measurements."""
        header = replace(self._file.header, level=level)
        return replace(self._file, header=header, tiles=self.tiles(level))

    def decoded(self, level: int) -> NDArray[np.int32]:
        """Stored values that the file of a level decodes to, from its coded tiles."""
        return _decode(self.file(level), self.decompressor)

    def psnr(self, level: int) -> float:
        """PSNR in dB of the file of a level."""
        stored = self.image.stored
        return psnr(stored, self.decoded(level), peak_of(stored))


def _decode(file: RczFile, decompressor: Decompressor) -> NDArray[np.int32]:
    """Decode pixels, everything in integers."""
    header = file.header
    shape = (header.rows, header.columns)
    mask = None
    skip = np.zeros(header.latent_shape, dtype=bool)
    if file.mask is not None:
        mask = decode_mask(file.mask[1], *shape)
        skip = skipped_positions(mask, header.block)
    latent = np.empty((decompressor.bundle.latents, *header.latent_shape), np.int32)
    for data, (rows, columns) in zip(file.tiles, header.tile_slices, strict=True):
        part = np.ascontiguousarray(skip[rows, columns])
        latent[:, rows, columns] = decode_tile(
            data, (latent.shape[0], *part.shape), part, decompressor.table_sets
        )
    fixed = decompressor.fixed_image(latent, header.level)[: shape[0], : shape[1]]
    mapping = IntensityMap(header.low, header.high, header.inverted)
    stored = mapping.from_fixed(fixed, decompressor.fraction_bits)
    if file.mask is not None and mask is not None:
        stored[mask] = file.mask[0]
    return stored


def _digest(stored: NDArray[np.int32]) -> bytes:
    return hashlib.sha256(stored.astype("<i4").tobytes()).digest()


class _Search:
    """Depth and level for a target, over encoders that are made when first needed."""

    def __init__(
        self, image: GreyImage, modality: str, depth: int | None, models: ModelStore
    ) -> None:
        self.image, self.modality, self.models = image, modality, models
        have = models.depths(SERVED_BY.get(modality, modality))
        if depth is not None and depth not in have:
            listed = ", ".join(map(str, have)) or "none"
            raise UsageError(f"there is no {modality} model of depth {depth}; there are: {listed}")
        self.depths = have if depth is None else [depth]
        self._encoders: dict[int, Encoder] = {}
        self.switch = models.depth_rule.get(modality, DEFAULT_SWITCH_BPP)

    def encoder(self, depth: int) -> Encoder:
        if depth not in self._encoders:
            self._encoders[depth] = Encoder(self.image, self.modality, depth, self.models)
        return self._encoders[depth]

    def by_level(self, level: int) -> tuple[Encoder, int]:
        """A fixed level; the deepest network where few bits are needed."""
        first = self.encoder(self.depths[0])
        if len(self.depths) == 1:
            return first, level
        bpp = 8 * first.size(level) / self.image.stored.size
        return (self.encoder(self.depths[-1]) if bpp < self.switch else first), level

    def by_size(self, wanted: float, asked: str) -> tuple[Encoder, int]:
        """The file nearest to a size in bytes, by the depth that suits the rate best."""
        bpp = 8 * wanted / self.image.stored.size
        order = sorted(self.depths, reverse=bpp < self.switch)
        reach: list[int] = []
        for depth in order:
            encoder = self.encoder(depth)
            level = closest_level(encoder.size, wanted)
            if abs(encoder.size(level) / wanted - 1) <= TOLERANCE:
                return encoder, level
            reach += [encoder.size(0), encoder.size(255)]
        low, high = min(reach), max(reach)
        whole, pixels = self.image.uncompressed_bytes, self.image.stored.size
        raise UsageError(
            f"{asked} is out of reach for this image: the models reach ratios "
            f"{whole / high:.1f} to {whole / low:.1f} ({8 * low / pixels:.3f} to "
            f"{8 * high / pixels:.3f} bits per pixel, of which the data set and other "
            "fixed parts are in every file); ask for a value in that range"
        )

    def by_psnr(self, wanted: float) -> tuple[Encoder, int]:
        """The smallest file that reaches a PSNR."""
        found = []
        best = 0.0
        for depth in self.depths:
            encoder = self.encoder(depth)
            level = coarsest_level(encoder.psnr, wanted)
            if level is None:
                best = max(best, encoder.psnr(0))
            else:
                found.append((encoder.size(level), depth, level))
        if not found:
            raise UsageError(
                f"a PSNR of {wanted:g} dB is out of reach for this image: the models reach "
                f"{best:.1f} dB; ask for less"
            )
        _, depth, level = min(found)
        return self.encoder(depth), level


def _choose(search: _Search, target: Target) -> tuple[Encoder, int]:
    image = search.image
    if target.kind == "quality":
        return search.by_level(level_of_quality(target.value))
    if target.kind == "level":
        return search.by_level(round(target.value))
    if target.kind == "psnr":
        return search.by_psnr(target.value)
    if target.kind == "ratio":
        wanted = image.uncompressed_bytes / target.value
        return search.by_size(wanted, f"a ratio of {target.value:g}")
    wanted = target.value * image.stored.size / 8
    return search.by_size(wanted, f"{target.value:g} bits per pixel")


def compress(
    image: GreyImage,
    *,
    modality: str | None = None,
    depth: int | None = None,
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
        Depth of the networks; None takes the better one at the asked rate.
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
    if image.stored.size > PIXEL_LIMIT:
        raise LimitError(
            f"the image has {image.stored.size} pixels; at most {PIXEL_LIMIT} can be compressed"
        )
    chosen = modality or image.modality or "generic"
    encoder, level = _choose(_Search(image, chosen, depth, store), target)
    file = encoder.file(level)
    decibels = max_error = None
    if verify:
        decoded = encoder.decoded(level)
        decibels = psnr(image.stored, decoded, peak_of(image.stored))
        max_error = int(np.abs(image.stored - decoded).max())
        file = replace(file, quality=Quality(decibels, max_error, _digest(decoded)))
    data = write_rcz(file)
    if verify and read_rcz(data).tiles != file.tiles:
        raise VerificationError(
            "the compressed file does not read back as it was written; nothing was saved"
        )
    return Compressed(
        data=data,
        depth=file.header.depth,
        level=level,
        modality=chosen,
        ratio=image.uncompressed_bytes / len(data),
        bpp=8 * len(data) / image.stored.size,
        psnr=decibels,
        max_error=max_error,
    )


def _check_bundle(header: Header, bundle: Bundle) -> None:
    if bundle.depth != header.depth:
        raise CorruptError(
            f"the header says depth {header.depth}, but its model has depth {bundle.depth}; "
            "get the file again from its source"
        )


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
    decompressor = store.decompressor(file.header.model_id.hex())
    _check_bundle(file.header, decompressor.bundle)
    stored = _decode(file, decompressor)
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
