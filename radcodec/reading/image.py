"""The grey image that travels from the readers to the codec."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.errors import LimitError

MAX_PIXELS = 2**28


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


def check_pixel_limit(rows: int, columns: int, name: str) -> None:
    """Raise LimitError when an image of this size is more than the limits allow."""
    if rows * columns > MAX_PIXELS:
        raise LimitError(
            f"{name}: {rows} x {columns} pixels are more than the limit of {MAX_PIXELS}; "
            "split the image first"
        )
