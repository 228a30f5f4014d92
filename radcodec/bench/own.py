"""Files of this package's own codec."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from radcodec.codec import Encoder
from radcodec.container.rcz import Quality, write_rcz
from radcodec.network.store import ModelStore
from radcodec.reading.image import GreyImage

#: Codec of the rows.
NAME = "radcodec"
#: Quality levels that make a curve of one depth.
LEVELS = (30, 80, 110, 140, 165, 190, 215, 235, 255)


def own_points(
    image: GreyImage, modality: str, models: ModelStore
) -> Iterator[tuple[str, int, NDArray[np.int32]]]:
    """Compress an image with every depth at a range of levels.

    Parameters
    ----------
    image : GreyImage
        What to compress.
    modality : str
        Whose compressor.
    models : ModelStore
        The bundles.

    Yields
    ------
    knob : str
        Depth and level.
    size : int
        Bytes of the whole file.
    decoded : ndarray of int32, shape (rows, columns)
        Stored values that the file restores.
    """
    for depth in sorted({bundle.depth for bundle in models.compressors()}):
        encoder = Encoder(image, modality, depth, models)
        for level in LEVELS:
            file = encoder.file(level)
            measured = Quality(0.0, 0, bytes(32))
            data = write_rcz(type(file)(file.header, file.tiles, file.mask, file.dataset, measured))
            yield f"d{depth} level {level}", len(data), encoder.decoded(level)
