"""Images for the tests of the codec."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.reading.image import GreyImage


def grey(
    stored: NDArray[np.integer],
    bits: int = 16,
    *,
    signed: bool = False,
    inverted: bool = False,
    modality: str | None = None,
) -> GreyImage:
    """Return an image without a data set."""
    return GreyImage(
        stored=stored.astype(np.int32),
        bits_allocated=8 if bits == 8 else 16,
        bits_stored=bits,
        signed=signed,
        inverted=inverted,
        padding_value=None,
        modality=modality,
        dataset=None,
    )


@st.composite
def images(draw: st.DrawFn, side: int = 300) -> GreyImage:
    """Draw images of any size, depth and sign: constant, noise, ramps, with background."""
    rows, cols = draw(st.integers(1, side)), draw(st.integers(1, side))
    bits, signed = draw(st.integers(8, 16)), draw(st.booleans())
    low = -(1 << (bits - 1)) if signed else 0
    high = low + (1 << bits) - 1
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["constant", "noise", "ramp", "padded"]))
    if kind == "constant":
        stored = np.full((rows, cols), draw(st.integers(low, high)))
    elif kind == "noise":
        stored = random.integers(low, high + 1, (rows, cols))
    else:
        stored = np.linspace(low, high, rows * cols).reshape(rows, cols).astype(np.int64)
        if kind == "padded":
            stored[: rows // 2, : cols // 2] = low
    return grey(stored, bits, signed=signed, inverted=draw(st.booleans()))
