"""An image made ready for the networks: background found and filled, values mapped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from radcodec.container.dataset import dataset_chunk
from radcodec.entropy.mask import encode_mask
from radcodec.intensity.background import Background, fill_smoothly, find_background, in_blocks
from radcodec.intensity.mapping import IntensityMap
from radcodec.reading.image import GreyImage

#: Most bits that a background mask may take for each pixel along a side, since an outline
#: grows with the side.  A frayed mask, as noise around zero leaves it in MR and in scanned
#: film, costs more than it saves; its whole blocks alone are cheap.
MASK_BITS_PER_SIDE = 8.0
#: Pixels along a side of the blocks that a frayed mask is reduced to.
MASK_BLOCK = 16


@dataclass(frozen=True)
class Prepared:
    """What does not depend on depth or quality.

    Attributes
    ----------
    image : GreyImage
        The source.
    mapping : IntensityMap
        Stored values to the unit interval, over what is not background.
    unit : ndarray of float32, shape (rows, columns), in [0, 1]
        Mapped image, its background filled.
    mask : ndarray of bool, shape (rows, columns), or None
        Background.
    coded_mask : (int, bytes) or None
        Its stored value and its coded mask.
    """

    image: GreyImage
    mapping: IntensityMap
    unit: NDArray[np.float32]
    mask: NDArray[np.bool_] | None
    coded_mask: tuple[int, bytes] | None

    @cached_property
    def dataset_size(self) -> int:
        """Bytes that the data set takes in a file."""
        return dataset_bytes(self.image.dataset)


def dataset_bytes(dataset: bytes | None) -> int:
    """Bytes that a data set takes in a file."""
    return 0 if dataset is None else len(dataset_chunk(dataset))


def _affordable(background: Background) -> tuple[Background, bytes] | None:
    """The background with its coded mask; reduced to blocks, or nothing, where frayed."""
    for candidate in (background, in_blocks(background, MASK_BLOCK)):
        if not candidate.mask.any():
            return None
        coded = encode_mask(candidate.mask)
        if 8 * len(coded) <= MASK_BITS_PER_SIDE * math.sqrt(candidate.mask.size):
            return candidate, coded
    return None


def prepare(image: GreyImage) -> Prepared:
    """Find the background of an image, map its values and fill the background."""
    found = find_background(image.stored, image.padding_value)
    kept = None if found is None else _affordable(found)
    mask = None if kept is None else kept[0].mask
    mapping = IntensityMap.covering(image.stored, mask, image.inverted)
    unit = mapping.to_unit(image.stored)
    if mask is not None:
        unit = fill_smoothly(unit, mask)
    coded = None if kept is None else (kept[0].value, kept[1])
    return Prepared(image, mapping, unit, mask, coded)
