"""High-throughput JPEG 2000, irreversible 9/7 transform (OpenJPH).

The stored range is stretched to 16 bits, so that a quantiser step means the same part of
the range in every image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Knob, Scaling
from radcodec.bench.codecs.library import imagecodecs_missing

NAME = "htj2k"
#: What the codec is given, for reports.
SETTINGS = "Irreversible, full bit depth; bare codestream."
#: Quantiser steps as parts of the full range.
KNOBS = tuple(
    Knob(step)
    for step in (
        0.5,
        0.3,
        0.2,
        0.12,
        0.07,
        0.04,
        0.025,
        0.015,
        0.009,
        0.0055,
        0.0033,
        0.002,
        0.0012,
    )
)
WHOLE = False


def available() -> str | None:
    """None, or what is missing."""
    return imagecodecs_missing("HTJ2K")


def version() -> str:
    """Name and version of the implementation."""
    import imagecodecs

    return str(imagecodecs.htj2k_version())


def scaling(stored: NDArray[np.int32], knob: Knob) -> Scaling:
    """Scale to 0..65535."""
    return Scaling.of(stored, 65535)


def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
    """Compress with the quantiser step `knob.value`."""
    import imagecodecs

    samples = scaling(stored, knob).samples(stored)
    return bytes(imagecodecs.htj2k_encode(samples, level=knob.value, reversible=False))


def decode(data: bytes, scaling: Scaling) -> NDArray[np.int32]:
    """Restore stored values."""
    import imagecodecs

    return scaling.stored(imagecodecs.htj2k_decode(data))
