"""A file's stored values: layers decoded and joined, everything in integers."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.area import Area, View, reduced
from radcodec.codec.blocks import unpack_flags, unpack_values
from radcodec.codec.colour import inverse
from radcodec.codec.filters import apply_filter, around
from radcodec.codec.jpegls import decode_jpegls
from radcodec.codec.layer import BAND, FixedImage, decode_layer, skip_map
from radcodec.codec.residuals import unpack_residuals
from radcodec.container.header import Header
from radcodec.container.planes import ANY_DEPTH, Plane
from radcodec.container.rcz import RczReader
from radcodec.entropy.filter_weights import decode_weights
from radcodec.entropy.mask import decode_mask
from radcodec.errors import CorruptError, VerificationError
from radcodec.intensity.mapping import IntensityMap
from radcodec.network.decompressor import Decompressor
from radcodec.network.store import ModelStore
from radcodec.reading.image import Frame


def _decompressor(models: ModelStore, model_id: bytes, depth: int) -> Decompressor:
    found = models.decompressor(model_id.hex())
    if found.bundle.depth != depth:
        raise CorruptError(
            f"the file says depth {depth}, but the model that it names has depth "
            f"{found.bundle.depth}; get the file again from its source"
        )
    return found


def restore(
    fixed: FixedImage,
    mapping: IntensityMap,
    mask: NDArray[np.bool_] | None,
    background: int | None,
) -> NDArray[np.int32]:
    """Map a fixed-point image to stored values, and put the background back."""
    stored = np.empty(fixed.values.shape, np.int32)
    for top in range(0, len(stored), BAND):
        band = slice(top, top + BAND)
        stored[band] = mapping.from_fixed(fixed.values[band], fixed.fraction_bits)
    if mask is not None and background is not None:
        stored[mask] = background
    return stored


def checksum_of(values: NDArray[np.int32]) -> int:
    """CRC-32 of the values of a plane, as files record it."""
    return zlib.crc32(np.ascontiguousarray(values, dtype="<i4").data)


def decode_plane(
    plane: Plane,
    header: Header,
    sample: int,
    models: ModelStore,
    view: View | None = None,
) -> NDArray[np.int32]:
    """Decode a plane, or what is wanted of it.

    Parameters
    ----------
    plane : Plane
        As it was read.
    header : Header
        Of the file.
    sample : int
        Which sample of the frame it is.
    models : ModelStore
        Where the decompressors are.
    view : View or None
        What to restore; None for all.

    Returns
    -------
    ndarray of int32, shape ``view.shape(rows, columns)``
        Values, the same as in the part of the whole that is wanted.

    Raises
    ------
    CorruptError
        A tile, the mask, a pixel block, the residual or the code stream is damaged.
    ModelNotFoundError
        A decompressor is not installed.
    """
    view = view or View()
    rows, columns = header.rows, header.columns
    wanted = view.area(rows, columns)
    if plane.coding == "jpegls":
        whole = decode_jpegls(plane.stream or b"", rows, columns, *header.plane_bits(sample))
        values = np.ascontiguousarray(whole[wanted.slices])
    else:
        area = wanted
        if plane.pixels is not None or plane.residual is not None:
            # Their tiles decode as a whole only.
            area = wanted.widened(1 << header.tile_log2, rows, columns)
        values = _coded(plane, header, models, area, fully=view.reduce == 1)
        values = values[wanted.within(area)]
    return reduced(values, view.reduce, mean=header.colour != "palette")


def _coded(
    plane: Plane, header: Header, models: ModelStore, area: Area, *, fully: bool
) -> NDArray[np.int32]:
    """Decode an area of a plane that networks or pixels code; not `fully` without what refines."""
    mask = background = None
    if plane.mask is not None:
        background = plane.mask[0]
        mask = decode_mask(plane.mask[1], header.rows, header.columns)
    grid = header.grid(plane.depth or ANY_DEPTH)
    if plane.coding == "networks":
        covered, chosen = mask, None
        if plane.pixels is not None:
            chosen = unpack_flags(plane.pixels, mask, header.rows, header.columns)
            covered = chosen.coded | chosen.background
        fixed = _layers(plane, header, covered, models, area, fully=fully)
        stored = restore(
            fixed,
            IntensityMap(plane.low, plane.high, header.inverted),
            None if mask is None else mask[area.slices],
            background,
        )
        if plane.pixels is not None and chosen is not None:
            unpack_values(plane.pixels, chosen, stored, plane.low, plane.high, grid, area)
        base: NDArray[np.int32] | None = stored
    else:
        stored = np.zeros(area.shape, np.int32)
        if mask is not None and background is not None:
            stored[mask[area.slices]] = background
        base = None
    if plane.residual is not None and (fully or base is None):
        stored = unpack_residuals(
            plane.residual, base, stored, mask, plane.low, plane.high, grid, area
        )
    return stored


def _layers(
    plane: Plane,
    header: Header,
    covered: NDArray[np.bool_] | None,
    models: ModelStore,
    area: Area,
    *,
    fully: bool,
) -> FixedImage:
    """Decode the layers of an area, joined and filtered."""
    grid = header.grid(plane.depth)
    first = _decompressor(models, plane.model_id, plane.depth)
    second = plane.refinement
    # Found before anything is decoded, so that a missing model is told at once.
    network = None if second is None else _decompressor(models, second.model_id, second.depth)
    filtering = plane.filter if fully else None
    weights = None if filtering is None else decode_weights(filtering, second is not None)
    wide = area if weights is None else around(area, header.rows, header.columns)
    fixed = decode_layer(plane.tiles, grid, skip_map(covered, grid), first, plane.level, wide)
    fixed, before = fixed.clamped(), None
    if second is not None and network is not None and fully:
        fine = grid.at_depth(second.depth)
        skip = skip_map(covered, fine)
        change = decode_layer(second.tiles, fine, skip, network, second.level, wide)
        fixed, before = fixed.refined(change), fixed
    if weights is None:
        return fixed
    return apply_filter(fixed, before, weights).part(area.within(wide))


def decode_frame(
    reader: RczReader, index: int, models: ModelStore, view: View | None = None
) -> Frame:
    """Decode a frame of a file, or what is wanted of it.

    Raises
    ------
    CorruptError, FormatError
        The file is damaged.
    ModelNotFoundError
        A decompressor is not installed.
    VerificationError
        The values are not those that were recorded, which is seen of whole frames only.
    """
    header = reader.header
    view = view or View()
    shape = view.shape(header.rows, header.columns)
    values = np.empty((header.samples, *shape), np.int32)
    unused: NDArray[np.uint16] | None = None
    for sample in range(header.samples):
        plane = reader.plane(index, sample)
        values[sample] = decode_plane(plane, header, sample, models, view)
        if view == View() and checksum_of(values[sample]) != plane.checksum:
            raise VerificationError(
                f"frame {index + 1}: the decoded pixels are not those that were recorded at "
                "compression; run `radcodec doctor` to test this machine, and keep the original"
            )
        if plane.unused and view.reduce == 1:
            unused = _unused(plane, header)[view.area(header.rows, header.columns).slices]
    if header.transform == "ycocg-r":
        values = inverse(values, header.bits_stored)
    return Frame(values, unused)


def _unused(plane: Plane, header: Header) -> NDArray[np.uint16]:
    """Bits above the stored ones that are in use."""
    bits = np.zeros((header.rows, header.columns), np.uint16)
    for number, coded in plane.unused:
        bits |= decode_mask(coded, header.rows, header.columns).astype(np.uint16) << number
    return bits
