"""What travels from the readers to the codec: a source of frames, or one grey image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Photometric interpretations of decoded pixels.
PHOTOMETRIC = ("MONOCHROME2", "MONOCHROME1", "PALETTE COLOR", "RGB", "YBR_FULL")


@dataclass(frozen=True)
class Layout:
    """Size and kind of a source's pixels, once they are decoded.

    Attributes
    ----------
    rows, columns, frames : int
        At least 1.
    samples : int
        1, or 3 for RGB and YBR_FULL.
    bits_allocated : int
        8 or 16.
    bits_stored : int
        1 to `bits_allocated`: bits of the stored values as they are coded.
    signed : bool
        True for two's complement values (PixelRepresentation 1).
    photometric : str
        One of `PHOTOMETRIC`, of the decoded pixels: YBR_FULL_422 becomes YBR_FULL, and
        YBR_RCT and YBR_ICT become RGB.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str

    @property
    def stored_range(self) -> tuple[int, int]:
        """Smallest and largest stored value that the bits allow."""
        if self.signed:
            return -(1 << (self.bits_stored - 1)), (1 << (self.bits_stored - 1)) - 1
        return 0, (1 << self.bits_stored) - 1

    @property
    def uncompressed_bytes(self) -> int:
        """Bytes of the pixels of all frames as an uncompressed file holds them."""
        pixels = self.rows * self.columns * self.samples * self.frames
        return pixels * self.bits_allocated // 8


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes
    ----------
    planes : ndarray of int32, shape (samples, rows, columns)
        Stored values in the range of `Layout.stored_range`.
    unused : ndarray of uint16, shape (rows, columns), or None
        Bits of the word above the stored ones, in place, that are not what zero or sign
        extension gives (exclusive or of both), as where overlays are embedded in them; None
        where there are none, and for colour.
    """

    planes: NDArray[np.int32]
    unused: NDArray[np.uint16] | None = None


class ImageSource(AbstractContextManager["ImageSource"], ABC):
    """A file's frames, read one at a time, and what is needed to write them back.

    Attributes
    ----------
    name : str
        What to call the file in errors.
    layout : Layout
        Of the decoded pixels.
    padding_value : int or None
        PixelPaddingValue with the sign of the pixels, where there is one.
    modality : str or None
        "xr", "mg", "ct" or "mr"; None where it cannot be told.
    dataset : bytes or None
        The DICOM file without its pixel data element; None for a PNG.
    """

    name: str
    layout: Layout
    padding_value: int | None = None
    modality: str | None = None
    dataset: bytes | None = None

    @abstractmethod
    def frame(self, index: int) -> Frame:
        """Decode one frame, from 0; an `InputError` where it cannot be."""

    def check_unchanged(self) -> None:
        """Raise `InputError` where the file has changed since it was opened."""

    def close(self) -> None:
        """Let the file go."""

    def __exit__(self, *_: object) -> None:
        """Let the file go."""
        self.close()


@dataclass(frozen=True)
class GreyImage:
    """One grey image with what is needed to write it back.

    Attributes
    ----------
    stored : ndarray of int32, shape (rows, columns)
        Stored values with their sign, before any rescale slope or modality LUT; in
        [0, 2**bits_stored - 1], or [-2**(bits_stored - 1), 2**(bits_stored - 1) - 1]
        when signed.
    bits_allocated : int
        8 or 16.
    bits_stored : int
        1 to `bits_allocated`.
    signed : bool
        True for two's complement values (PixelRepresentation 1).
    inverted : bool
        True where small values are bright (MONOCHROME1).
    padding_value : int or None
        PixelPaddingValue with the sign of the pixels, where there is one.
    modality : str or None
        "xr", "mg", "ct" or "mr"; None where it cannot be told.
    dataset : bytes or None
        The DICOM file without its pixel data element; None for a PNG.
    """

    stored: NDArray[np.int32]
    bits_allocated: int
    bits_stored: int
    signed: bool
    inverted: bool
    padding_value: int | None
    modality: str | None
    dataset: bytes | None

    @property
    def uncompressed_bytes(self) -> int:
        """Bytes of the pixels as an uncompressed file holds them."""
        rows, columns = self.stored.shape
        return int(rows) * int(columns) * self.bits_allocated // 8
