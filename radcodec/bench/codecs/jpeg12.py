"""JPEG, extended sequential with 12 bits, optimised Huffman tables (libjpeg-turbo).

libjpeg keeps quantisers at or below 255, which for samples of 12 bits ends well above
0.1 bits per pixel.  Scaling to fewer samples has the effect of larger quantisers, so low
rates are reached by the variants "1023" and "255", named after the largest sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Knob, Scaling
from radcodec.bench.codecs.library import imagecodecs_missing

NAME = "jpeg12"
#: What the codec is given, for reports.
SETTINGS = (
    "Extended sequential, 12 bits, optimised Huffman tables, stored range scaled to 0-4095, "
    "or to less where larger quantisers are needed; no bytes counted for that scale."
)
KNOBS = tuple(
    Knob(quality, top)
    for top, qualities in (
        ("255", (1, 4, 8, 16, 30)),
        ("1023", (1, 3, 8, 16, 30, 50)),
        ("4095", (1, 3, 8, 16, 30, 50, 65, 80, 88, 94, 98)),
    )
    for quality in qualities
)
WHOLE = True


def available() -> str | None:
    """None, or what is missing."""
    return imagecodecs_missing("JPEG8")


def version() -> str:
    """Name and version of the implementation."""
    import imagecodecs

    return str(imagecodecs.jpeg8_version())


def scaling(stored: NDArray[np.int32], knob: Knob) -> Scaling:
    """Scale to 0..255, 1023 or 4095, as the variant says."""
    return Scaling.of(stored, int(knob.variant))


def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
    """Compress at quality `knob.value`, 1 to 100."""
    import imagecodecs

    samples = scaling(stored, knob).samples(stored).astype(np.uint16)
    return bytes(
        imagecodecs.jpeg8_encode(samples, level=int(knob.value), optimize=True, bitspersample=12)
    )


def decode(data: bytes, scaling: Scaling) -> NDArray[np.int32]:
    """Restore stored values."""
    import imagecodecs

    return scaling.stored(imagecodecs.jpeg8_decode(data))
