"""PNG images: grey or RGB, of 8 or 16 bits."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from radcodec.container.limits import Limits
from radcodec.errors import LimitError, PngError, RadcodecError
from radcodec.reading.files import FileState
from radcodec.reading.grey import grey_image
from radcodec.reading.image import Frame, GreyImage, ImageSource, Layout

_REFUSED = {3: "palette colour", 4: "grey with alpha", 6: "RGB with alpha"}
_CONVERT = "convert it to 8-bit or 16-bit grey or RGB without alpha first"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


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
        As `PngSource`; also colour.
    LimitError
        Too many pixels.
    """
    with PngSource(io.BytesIO(data), name) as source:
        return grey_image(source, PngError)


class PngSource(ImageSource):
    """The one frame of a PNG.

    Parameters
    ----------
    stream : BinaryIO
        The file, seekable; closed with the source.
    name : str
        What to call the file in errors.
    limits : Limits, optional
        Upper bounds on the image's size.
    path : Path, optional
        Where `check_unchanged` looks.

    Raises
    ------
    PngError
        Not a PNG, damaged, of a palette, with alpha, animated or of another bit depth.
    LimitError
        More pixels than the limits allow.
    """

    def __init__(
        self, stream: BinaryIO, name: str, limits: Limits | None = None, path: Path | None = None
    ) -> None:
        self.name = name
        self._stream = stream
        try:
            self._state = None if path is None else FileState.of(stream, path)
            self.layout = _layout(stream, name, limits or Limits())
            self._planes = self._decode()
        except BaseException:
            self.close()
            raise

    def frame(self, index: int) -> Frame:
        """Return the frame; `IndexError` for another than 0."""
        if index != 0:
            raise IndexError(f"frame {index} of 1")
        return Frame(self._planes)

    def check_unchanged(self) -> None:
        """Raise `InputError` where the file has changed since it was opened."""
        if self._state is not None:
            self._state.check(self.name)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _decode(self) -> NDArray[np.int32]:
        name, layout = self.name, self.layout
        self._stream.seek(0)
        try:
            # Opened by its class: Image.open has a pixel limit below ours.
            with PngImagePlugin.PngImageFile(self._stream) as image:
                if "transparency" in image.info:
                    raise PngError(f"{name}: PNG has a transparent colour; {_CONVERT}")
                if getattr(image, "is_animated", False):
                    raise PngError(f"{name}: PNG is animated; give one frame")
                # Pillow keeps the upper bytes only of 16-bit colour; damage is found all the same.
                image.load()
                values = np.asarray(image)
            if layout.samples == 3 and layout.bits_allocated == 16:
                values = _deep_colour(self._stream, layout)
        except RadcodecError:
            raise
        except Exception as error:
            raise PngError(f"{name}: damaged PNG ({error}); get a fresh copy") from error
        shape = (layout.rows, layout.columns) + ((3,) if layout.samples == 3 else ())
        if values.shape != shape:
            raise PngError(f"{name}: damaged PNG (decoded to {values.shape}); get a fresh copy")
        planes = values[np.newaxis] if values.ndim == 2 else values.transpose(2, 0, 1)
        return planes.astype(np.int32, order="C")


def _layout(stream: BinaryIO, name: str, limits: Limits) -> Layout:
    """Read the IHDR chunk, which comes first and has a fixed place (PNG, 11.2.1)."""
    stream.seek(0)
    head = stream.read(33)
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise PngError(f"{name}: PNG header missing or cut short; get a fresh copy")
    columns, rows, bits, colour = struct.unpack(">IIBB", head[16:26])
    if rows < 1 or columns < 1:
        raise PngError(f"{name}: PNG of {rows} x {columns} pixels; get a fresh copy")
    if colour not in (0, 2):
        kind = _REFUSED.get(colour, f"unknown colour type {colour}")
        raise PngError(f"{name}: PNG is {kind}; {_CONVERT}")
    if bits not in (8, 16):
        raise PngError(f"{name}: PNG has {bits} bits a pixel; {_CONVERT}")
    if colour == 2 and bits == 16 and head[28]:
        raise PngError(f"{name}: PNG is interlaced 16-bit colour; save it without interlacing")
    try:
        limits.check_image(rows, columns)
    except LimitError as error:
        raise LimitError(f"{name}: {error}") from error
    return Layout(
        rows=rows,
        columns=columns,
        frames=1,
        samples=3 if colour == 2 else 1,
        bits_allocated=bits,
        bits_stored=bits,
        signed=False,
        photometric="RGB" if colour == 2 else "MONOCHROME2",
    )


def _deep_colour(stream: BinaryIO, layout: Layout) -> NDArray[np.uint16]:
    """Decode 16-bit RGB, which Pillow has no pixels for.

    PNG filters work on bytes with those of the pixel to the left and of the row above, place
    by place.  So the upper and the lower bytes of the samples are filtered apart, and either
    half is an 8-bit RGB image with the same filters, which Pillow can decode.
    """
    width = 1 + 6 * layout.columns
    size = stream.seek(0, io.SEEK_END)
    stream.seek(len(_SIGNATURE))
    inflater, data = zlib.decompressobj(), bytearray()
    while (head := stream.read(8))[4:] != b"IEND" and len(head) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind != b"IDAT":
            stream.seek(length + 4, io.SEEK_CUR)
            continue
        # A length that the file does not have would be taken from memory first.
        chunk = stream.read(min(length, size))
        stream.seek(4, io.SEEK_CUR)
        data += inflater.decompress(chunk, layout.rows * width - len(data) + 1)
    rows = np.frombuffer(data, np.uint8, layout.rows * width).reshape(layout.rows, width)
    high, low = (_half(rows, first, layout) for first in (0, 1))
    return high.astype(np.uint16) << np.uint16(8) | low


def _half(rows: NDArray[np.uint8], first: int, layout: Layout) -> NDArray[np.uint8]:
    header = struct.pack(">IIBBBBB", layout.columns, layout.rows, 8, 2, 0, 0, 0)
    body = np.concatenate([rows[:, :1], rows[:, 1 + first :: 2]], axis=1).tobytes()
    png = _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(body, 1)), (b"IEND", b""))
    )
    with PngImagePlugin.PngImageFile(io.BytesIO(png)) as image:
        return np.asarray(image)
