"""Images of an indexed folder as the codec takes them, for `radcodec.bench.validation`."""

from __future__ import annotations

from radcodec.reading.image import GreyImage
from radcodec.training.data import IndexedImage


def grey_image(row: IndexedImage) -> GreyImage:
    """Read an indexed image as if it came from a file without a data set."""
    stored = row.stored()
    low, high = int(stored.min()), int(stored.max())
    signed = low < 0
    deep = not (low >= 0 and high <= 255)
    return GreyImage(
        stored=stored,
        bits_allocated=16 if deep else 8,
        bits_stored=16 if deep else 8,
        signed=signed,
        inverted=False,
        padding_value=None,
        modality=row.modality,
        dataset=None,
    )
