"""What every codec of the comparison offers, and how stored values become its samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Knob:
    """One setting of a codec that trades bytes for quality.

    Attributes
    ----------
    value : float
        The codec's own quality, quantiser, distance or decibels.
    variant : str
        A second way of using the codec, where it has one; "" elsewhere.
    """

    value: float
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.variant} {self.value:g}".strip()


@dataclass(frozen=True)
class Scaling:
    """What a decoder needs beside the file: a linear map between stored values and samples.

    A file format of medical images holds all this (rows, columns, smallest and largest
    pixel value, bits stored); these few bytes are not counted in any codec's size.

    Attributes
    ----------
    low : int
        Smallest stored value; becomes sample 0.
    span : int
        Stored range, largest less smallest value, at least 1.
    top : int
        Sample that stands for the largest stored value; `span` where values are only
        shifted, so that nothing is rounded.
    rows, columns : int
        Of the image, for codecs that do not take every size.
    """

    low: int
    span: int
    top: int
    rows: int
    columns: int

    def __post_init__(self) -> None:
        """Refuse numbers that no image needs: pixels could be hidden in them."""
        if any(not -(2**31) <= value < 2**32 for value in self.to_list()):
            raise ValueError("a scaling holds numbers of 32 bits")

    @classmethod
    def of(cls, stored: NDArray[np.int32], top: int | None = None) -> Scaling:
        """Find the scaling of an image to samples 0..`top`; without `top`, a shift only."""
        low = int(stored.min())
        span = max(int(stored.max()) - low, 1)
        rows, columns = stored.shape
        return cls(low, span, span if top is None else top, rows, columns)

    def to_list(self) -> list[int]:
        """All fields in their order, as rows keep them: ``Scaling(*scaling.to_list())``."""
        return [self.low, self.span, self.top, self.rows, self.columns]

    @property
    def bits(self) -> int:
        """Bits that a sample needs."""
        return self.top.bit_length()

    def samples(self, stored: NDArray[np.int32]) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Scale stored values; uint8 where `top` fits it, uint16 elsewhere, same shape."""
        shifted = stored.astype(np.float64) - self.low
        scaled = np.rint(shifted * (self.top / self.span))
        return scaled.astype(np.uint8) if self.top < 256 else scaled.astype(np.uint16)

    def stored(self, samples: NDArray[np.integer]) -> NDArray[np.int32]:
        """Undo `samples`: clip to 0..`top` and scale back; int32, same shape."""
        clipped = np.clip(samples.astype(np.float64), 0, self.top)
        return np.rint(clipped * (self.span / self.top) + self.low).astype(np.int32)


class Codec(Protocol):
    """A codec of the comparison: what each module of this folder offers.

    Attributes
    ----------
    NAME : str
        As in rows and tables.
    SETTINGS : str
        What the codec is given, in plain words, for reports.
    KNOBS : tuple of Knob
        Each variant's settings from coarse to fine, together about 0.01 to 3 bits per
        pixel of radiology images.
    WHOLE : bool
        True where only whole numbers are knob values.
    """

    NAME: str
    SETTINGS: str
    KNOBS: tuple[Knob, ...]
    WHOLE: bool

    def available(self) -> str | None:
        """None where the codec can be used, or what is missing and how to install it."""

    def version(self) -> str:
        """Name and version of the implementation."""

    def scaling(self, stored: NDArray[np.int32], knob: Knob) -> Scaling:
        """Find what the decoder needs beside the file."""

    def encode(self, stored: NDArray[np.int32], knob: Knob) -> bytes:
        """Compress stored values, int32 of shape (rows, columns)."""

    def decode(self, data: bytes, scaling: Scaling) -> NDArray[np.int32]:
        """Restore stored values, int32 of shape (rows, columns)."""
