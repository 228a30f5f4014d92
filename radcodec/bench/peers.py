"""Other codecs at several rates, each at its own settings: real bytes and decoded values."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
from numpy.typing import NDArray

#: JPEG qualities that make a curve.
JPEG_QUALITIES = (2, 5, 10, 20, 35, 50, 65, 80, 90, 95, 98, 100)
#: PSNRs in dB, as OpenJPEG reckons them, that make a JPEG 2000 curve.
JPEG2000_DECIBELS = (24, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 58, 62, 68)

#: One point of a curve: file bytes and decoded stored values.
Point = tuple[int, NDArray[np.int32]]


def jpeg(stored: NDArray[np.int32]) -> Iterator[Point]:
    """Baseline JPEG, 8 bits, optimised Huffman tables (libjpeg-turbo).

    The stored range is scaled linearly to 0..255 and back, which is what baseline JPEG
    can carry; the scale's own few bytes are not counted.
    """
    low, high = int(stored.min()), int(stored.max())
    span = max(high - low, 1)
    eight = np.rint((stored - low) * (255.0 / span)).astype(np.uint8)
    for quality in JPEG_QUALITIES:
        data = imagecodecs.jpeg8_encode(eight, level=quality, optimize=True)
        back = imagecodecs.jpeg8_decode(data).astype(np.float64)
        yield len(data), np.rint(back * (span / 255.0) + low).astype(np.int32)


def jpeg2000(stored: NDArray[np.int32]) -> Iterator[Point]:
    """JPEG 2000, irreversible 9/7 transform, full bit depth (OpenJPEG), codestream only."""
    low = int(stored.min())
    shifted = (stored - low).astype(np.uint8 if stored.max() - low < 256 else np.uint16)
    bits = max(int(shifted.max()).bit_length(), 1)
    for decibels in JPEG2000_DECIBELS:
        data = imagecodecs.jpeg2k_encode(
            shifted,
            level=decibels,
            codecformat="j2k",
            reversible=False,
            bitspersample=bits,
        )
        back = imagecodecs.jpeg2k_decode(data).astype(np.int32)
        yield len(data), np.clip(back, 0, (1 << bits) - 1) + low
