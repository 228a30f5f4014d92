"""JPEG XL, lossy (VarDCT), effort 7, bare codestream (libjxl).

libjxl weighs errors by brightness, so what a sample means changes the result.  Variant
"full" stretches the stored range to 16 bits; "stored" only shifts it, and declares as
many bits as it needs.  Neither is the better one throughout; a comparison takes the
better at each rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Knob, Scaling
from radcodec.bench.codecs.library import imagecodecs_missing

NAME = "jpegxl"
#: What the codec is given, for reports.
SETTINGS = (
    "Lossy VarDCT, effort 7, 16 bits; samples as stored and stretched to the full range, of "
    "which the better by PSNR counts; bare codestream."
)
#: Butteraugli distances; 25 is the largest that libjxl takes.
KNOBS = tuple(
    Knob(distance, variant)
    for variant in ("full", "stored")
    for distance in (25, 18, 13, 9, 6, 4, 2.5, 1.6, 1, 0.6, 0.35, 0.2, 0.1, 0.05)
)
WHOLE = False
EFFORT = 7


def available() -> str | None:
    """None, or what is missing."""
    return imagecodecs_missing("JPEGXL")


def version() -> str:
    """Name and version of the implementation."""
    import imagecodecs

    return f"{imagecodecs.jpegxl_version()}, effort {EFFORT}"


def scaling(stored: NDArray[np.int32], knob: Knob) -> Scaling:
    """Stretch to 0..65535, or shift only, as the variant says."""
    return Scaling.of(stored, 65535 if knob.variant == "full" else None)


def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
    """Compress at the distance `knob.value`."""
    import imagecodecs

    scale = scaling(stored, knob)
    return bytes(
        imagecodecs.jpegxl_encode(
            scale.samples(stored),
            distance=knob.value,
            effort=EFFORT,
            bitspersample=scale.bits,
            usecontainer=False,
            numthreads=1,
        )
    )


def decode(data: bytes, scaling: Scaling) -> NDArray[np.int32]:
    """Restore stored values."""
    import imagecodecs

    samples = imagecodecs.jpegxl_decode(data, numthreads=1)
    return scaling.stored(samples.reshape(samples.shape[:2]))
