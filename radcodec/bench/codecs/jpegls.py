"""JPEG-LS, lossless and near-lossless (CharLS)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Knob, Scaling
from radcodec.bench.codecs.library import imagecodecs_missing

NAME = "jpegls"
#: What the codec is given, for reports.
SETTINGS = "Near-lossless, full bit depth, errors up to NEAR; NEAR 0 is lossless."
#: Largest error of a sample (NEAR); the standard ends at 255 or half the largest sample.
KNOBS = tuple(Knob(near) for near in (255, 160, 100, 64, 40, 24, 16, 10, 6, 4, 3, 2, 1, 0))
WHOLE = True


def available() -> str | None:
    """None, or what is missing."""
    return imagecodecs_missing("JPEGLS")


def version() -> str:
    """Name and version of the implementation."""
    import imagecodecs

    return str(imagecodecs.jpegls_version())


def scaling(stored: NDArray[np.int32], knob: Knob) -> Scaling:
    """Shift the smallest value to 0."""
    return Scaling.of(stored)


def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
    """Compress with errors of at most `knob.value`, or of half the range."""
    import imagecodecs

    scale = scaling(stored, knob)
    near = min(int(knob.value), scale.top // 2)
    return bytes(imagecodecs.jpegls_encode(scale.samples(stored), level=near))


def decode(data: bytes, scaling: Scaling) -> NDArray[np.int32]:
    """Restore stored values."""
    import imagecodecs

    return scaling.stored(imagecodecs.jpegls_decode(data))
