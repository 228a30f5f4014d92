"""Grey PNG images of 8 or 16 bits."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import PngImagePlugin

from radcodec.errors import PngError, RadcodecError
from radcodec.reading.image import GreyImage, check_pixel_limit

_COLOUR_TYPES = {2: "RGB colour", 3: "palette colour", 4: "grey with alpha", 6: "RGB with alpha"}
_CONVERT = "convert it to 8-bit or 16-bit grey without alpha first"


def read_png(data: bytes, name: str) -> GreyImage:
    """Read a grey PNG.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        What to call the file in errors.

    Returns
    -------
    GreyImage
        Unsigned, MONOCHROME2-like, with `bits_stored` 8 or 16 as the file's bit depth.

    Raises
    ------
    PngError
        Not a PNG, damaged, colour, alpha, animated or of another bit depth.
    LimitError
        Too many pixels.
    """
    # The IHDR chunk comes first and has a fixed place (PNG specification, 11.2.1).
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise PngError(f"{name}: PNG header missing or cut short; get a fresh copy")
    columns, rows, bits, colour = struct.unpack(">IIBB", data[16:26])
    if rows < 1 or columns < 1:
        raise PngError(f"{name}: PNG of {rows} x {columns} pixels; get a fresh copy")
    if colour != 0:
        kind = _COLOUR_TYPES.get(colour, f"unknown colour type {colour}")
        raise PngError(f"{name}: PNG is {kind}; {_CONVERT}")
    if bits not in (8, 16):
        raise PngError(f"{name}: PNG has {bits} bits a pixel; {_CONVERT}")
    check_pixel_limit(rows, columns, name)
    try:
        # Opened by its class: Image.open has a pixel limit below ours.
        with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
            if "transparency" in image.info:
                raise PngError(f"{name}: PNG has a transparent grey value; {_CONVERT}")
            if getattr(image, "is_animated", False):
                raise PngError(f"{name}: PNG is animated; give one frame")
            image.load()
            stored = np.asarray(image).astype(np.int32)
    except RadcodecError:
        raise
    except Exception as error:
        raise PngError(f"{name}: damaged PNG ({error}); get a fresh copy") from error
    if stored.shape != (rows, columns):
        raise PngError(f"{name}: damaged PNG (decoded to {stored.shape}); get a fresh copy")
    return GreyImage(stored, bits, bits, False, False, None, None, None)
