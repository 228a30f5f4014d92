"""Baseline JPEG: 8 bits, optimised Huffman tables (libjpeg-turbo).

The stored range is scaled to 0..255, which is all that baseline JPEG can carry.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Knob, Scaling
from radcodec.bench.codecs.library import imagecodecs_missing

NAME = "jpeg"
#: What the codec is given, for reports.
SETTINGS = (
    "Baseline, 8 bits, optimised Huffman tables, stored range scaled to 0-255; no bytes "
    "counted for that scale."
)
KNOBS = tuple(Knob(q) for q in (1, 3, 5, 8, 12, 20, 30, 40, 50, 65, 80, 90, 95, 98, 100))
WHOLE = True


def available() -> str | None:
    """None, or what is missing."""
    return imagecodecs_missing("JPEG8")


def version() -> str:
    """Name and version of the implementation."""
    import imagecodecs

    return str(imagecodecs.jpeg8_version())


def scaling(stored: NDArray[np.int32], knob: Knob) -> Scaling:
    """Scale to 0..255."""
    return Scaling.of(stored, 255)


def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
    """Compress at quality `knob.value`, 1 to 100."""
    import imagecodecs

    samples = scaling(stored, knob).samples(stored)
    return bytes(imagecodecs.jpeg8_encode(samples, level=int(knob.value), optimize=True))


def decode(data: bytes, scaling: Scaling) -> NDArray[np.int32]:
    """Restore stored values."""
    import imagecodecs

    return scaling.stored(imagecodecs.jpeg8_decode(data))
