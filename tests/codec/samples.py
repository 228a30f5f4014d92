"""Images and sources of frames for the tests of the codec."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from radcodec.reading.image import Frame, GreyImage, ImageSource, Layout


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


class Frames(ImageSource):
    """Frames in memory.

    Parameters
    ----------
    planes : ndarray, shape (frames, samples, rows, columns)
        Stored values.
    bits : int
        Bits stored.
    photometric : str
        As in a layout.
    signed : bool
    unused : ndarray of uint16, shape (frames, rows, columns), or None
        Bits in use above the stored ones.
    modality : str or None
    """

    def __init__(
        self,
        planes: NDArray[np.integer],
        bits: int = 8,
        photometric: str = "MONOCHROME2",
        *,
        signed: bool = False,
        unused: NDArray[np.uint16] | None = None,
        modality: str | None = None,
    ) -> None:
        frames, samples, rows, columns = planes.shape
        allocated = 8 if bits <= 8 and unused is None else 16
        self.name, self.modality = "frames", modality
        self.layout = Layout(rows, columns, frames, samples, allocated, bits, signed, photometric)
        self.planes, self.unused = planes.astype(np.int32), unused

    def frame(self, index: int) -> Frame:
        """Return a frame."""
        unused = None if self.unused is None else self.unused[index]
        return Frame(self.planes[index], None if unused is None or not unused.any() else unused)


def scene(
    frames: int, samples: int, rows: int, columns: int, bits: int = 8, seed: int = 0
) -> NDArray[np.int32]:
    """Return waves that move from frame to frame, with noise; samples alike, as of colours."""
    random = np.random.default_rng(seed)
    top = (1 << bits) - 1
    y, x = np.indices((rows, columns))
    out = np.empty((frames, samples, rows, columns))
    for n, k in np.ndindex(frames, samples):
        wave = np.sin((x + 4 * n) / 17) * np.cos((y - 3 * n) / 23) + 0.2 * np.sin(x * y / 900 + k)
        out[n, k] = top * (0.5 + 0.3 * wave) + random.normal(0, top / 150, (rows, columns))
    return np.clip(np.rint(out), 0, top).astype(np.int32)
