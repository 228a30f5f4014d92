"""A file's stored values: layers decoded and joined, everything in integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.blocks import unpack_flags, unpack_values
from radcodec.codec.layer import BAND, FixedImage, decode_layer, skip_map
from radcodec.container.header import Header
from radcodec.container.rcz import RczFile
from radcodec.entropy.mask import decode_mask
from radcodec.errors import CorruptError
from radcodec.intensity.mapping import IntensityMap
from radcodec.network.decompressor import Decompressor
from radcodec.network.store import ModelStore


def _decompressor(models: ModelStore, model_id: bytes, depth: int) -> Decompressor:
    found = models.decompressor(model_id.hex())
    if found.bundle.depth != depth:
        raise CorruptError(
            f"the file says depth {depth}, but the model that it names has depth "
            f"{found.bundle.depth}; get the file again from its source"
        )
    return found


def restore(
    fixed: FixedImage, header: Header, mask: NDArray[np.bool_] | None, background: int | None
) -> NDArray[np.int32]:
    """Map a fixed-point image to stored values, and put the background back."""
    mapping = IntensityMap(header.low, header.high, header.inverted)
    stored = np.empty(fixed.values.shape, np.int32)
    for top in range(0, len(stored), BAND):
        band = slice(top, top + BAND)
        stored[band] = mapping.from_fixed(fixed.values[band], fixed.fraction_bits)
    if mask is not None and background is not None:
        stored[mask] = background
    return stored


def decode(file: RczFile, models: ModelStore) -> NDArray[np.int32]:
    """Decode the pixels of a file.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        Stored values.

    Raises
    ------
    CorruptError
        A tile, the mask or a pixel block is damaged.
    ModelNotFoundError
        A decompressor is not installed.
    """
    header = file.header
    networks = [_decompressor(models, header.model_id, header.depth)]
    if file.refinement is not None:
        networks.append(_decompressor(models, file.refinement.model_id, file.refinement.depth))
    mask = background = None
    if file.mask is not None:
        background = file.mask[0]
        mask = decode_mask(file.mask[1], header.rows, header.columns)
    grid, covered, chosen = header.grid, mask, None
    if file.pixels is not None:
        chosen = unpack_flags(file.pixels, mask, header.rows, header.columns)
        covered = chosen.coded | chosen.background
    fixed = decode_layer(file.tiles, grid, skip_map(covered, grid), networks[0], header.level)
    fixed = fixed.clamped()
    if file.refinement is not None:
        fine = grid.at_depth(file.refinement.depth)
        change = decode_layer(
            file.refinement.tiles, fine, skip_map(covered, fine), networks[1], file.refinement.level
        )
        fixed = fixed.refined(change)
    stored = restore(fixed, header, mask, background)
    if file.pixels is not None and chosen is not None:
        unpack_values(file.pixels, chosen, stored, header.low, header.high, grid)
    return stored
