"""JPEG 2000, irreversible 9/7 transform, full bit depth, codestream only (OpenJPEG)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Knob, Scaling
from radcodec.bench.codecs.library import imagecodecs_missing

NAME = "jpeg2000"
#: What the codec is given, for reports.
SETTINGS = "Irreversible 9/7 wavelet, full bit depth; bare codestream."
#: PSNRs in dB as OpenJPEG reckons them, the peak being that of the bit depth.
KNOBS = tuple(
    Knob(decibels)
    for decibels in (
        24,
        27,
        30,
        33,
        36,
        37.5,
        39,
        40.5,
        42,
        43.5,
        45,
        46.5,
        48,
        51,
        54,
        58,
        62,
        68,
        74,
    )
)
WHOLE = False


def available() -> str | None:
    """None, or what is missing."""
    return imagecodecs_missing("JPEG2K")


def version() -> str:
    """Name and version of the implementation."""
    import imagecodecs

    return str(imagecodecs.jpeg2k_version())


def scaling(stored: NDArray[np.int32], knob: Knob) -> Scaling:
    """Shift the smallest value to 0."""
    return Scaling.of(stored)


def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
    """Compress to `knob.value` dB."""
    import imagecodecs

    # Its types say int, but fractions of a decibel work.
    level: Any = knob.value
    scale = scaling(stored, knob)
    return bytes(
        imagecodecs.jpeg2k_encode(
            scale.samples(stored),
            level=level,
            codecformat="j2k",
            reversible=False,
            bitspersample=scale.bits,
        )
    )


def decode(data: bytes, scaling: Scaling) -> NDArray[np.int32]:
    """Restore stored values."""
    import imagecodecs

    return scaling.stored(imagecodecs.jpeg2k_decode(data))
