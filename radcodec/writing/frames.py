"""Frames as the value of PixelData: words as they are, or encapsulated codestreams."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless

from radcodec.errors import DicomError, VerificationError
from radcodec.reading.image import Frame, Layout
from radcodec.writing.elements import UNDEFINED, make_element

_ITEM = struct.Struct("<HHI")
_MAX_DEFINED = 2**32 - 2


def frame_words(frame: Frame, layout: Layout) -> NDArray[np.generic]:
    """Return a frame as an uncompressed file holds it.

    Returns
    -------
    ndarray of uint8 or little-endian uint16, shape (rows, columns, samples)
        Two's complement, sign-extended to `bits_allocated`, with `Frame.unused` put back.

    Raises
    ------
    ValueError
        A frame that is not of this layout.
    """
    planes = frame.planes
    if planes.shape != (layout.samples, layout.rows, layout.columns):
        raise ValueError(f"frame of shape {planes.shape} where the layout is {layout}")
    low, high = layout.stored_range
    if planes.min() < low or planes.max() > high:
        raise ValueError(f"stored values do not fit {layout.bits_stored} bits: {layout}")
    depth = np.dtype("<u2") if layout.bits_allocated == 16 else np.dtype("u1")
    words: NDArray[np.generic] = planes.transpose(1, 2, 0).astype(depth)
    if frame.unused is not None:
        words = words ^ frame.unused[..., None].astype(depth)
    return np.ascontiguousarray(words)


def checked(frames: Iterable[Frame], layout: Layout) -> Iterator[Frame]:
    """Pass frames on; ValueError unless there are as many as the layout says."""
    count = 0
    for count, frame in enumerate(frames, 1):
        if count > layout.frames:
            break
        yield frame
    if count != layout.frames:
        raise ValueError(f"{count} frames or more given where the layout has {layout.frames}")


def write_native(target: BinaryIO, frames: Iterable[Frame], layout: Layout) -> None:
    """Write an uncompressed PixelData element, one frame at a time.

    Raises
    ------
    DicomError
        More bytes than an uncompressed element can hold.
    """
    length = layout.uncompressed_bytes
    if length > _MAX_DEFINED:
        raise DicomError(
            f"{length} bytes of pixels are more than an uncompressed DICOM file holds; "
            "choose a compressed transfer syntax, or fewer frames"
        )
    vr = b"OW" if layout.bits_allocated > 8 else b"OB"
    target.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr, 0, length + length % 2))
    target.writelines(frame_words(frame, layout).tobytes() for frame in checked(frames, layout))
    target.write(b"\0" * (length % 2))


def write_encapsulated(
    target: BinaryIO,
    frames: Iterable[Frame],
    layout: Layout,
    syntax: UID,
    *,
    extended: bool | None = None,
) -> None:
    """Write an encapsulated PixelData element, a fragment a frame, with a table of offsets.

    Parameters
    ----------
    target : BinaryIO
        Can seek: the table is filled in at the end.
    syntax : UID
        Lossless transfer syntax of the codestreams.
    extended : bool or None
        True for an Extended Offset Table (PS3.3 C.7.6.3.1.8), False for a Basic one, None for
        an extended one where 32-bit offsets might not do.
    """
    if extended is None:
        # No lossless encoder here makes frames half as large again, headers aside.
        extended = layout.uncompressed_bytes * 1.5 + layout.frames * 4096 > UNDEFINED
    room = bytes(8 * layout.frames)
    if extended:
        target.writelines(make_element(tag, "OV", room).raw for tag in (0x7FE00001, 0x7FE00002))
        tables = target.tell() - len(room)
        # The first table lies before the header, of 12 bytes, of the second.
        tables -= len(room) + 12
    target.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, UNDEFINED))
    target.write(_ITEM.pack(0xFFFE, 0xE000, 0 if extended else 4 * layout.frames))
    if not extended:
        tables = target.tell()
        target.write(bytes(4 * layout.frames))
    first = target.tell()
    offsets, lengths = [], []
    for number, frame in enumerate(checked(frames, layout), 1):
        stream = encode_frame(frame, layout, syntax, number)
        offsets.append(target.tell() - first)
        lengths.append(len(stream))
        target.write(_ITEM.pack(0xFFFE, 0xE000, len(stream) + len(stream) % 2))
        target.write(stream + b"\0" * (len(stream) % 2))
    target.write(_ITEM.pack(0xFFFE, 0xE0DD, 0))
    end = target.tell()
    target.seek(tables)
    target.write(np.array(offsets, "<u8" if extended else "<u4").tobytes())
    if extended:
        target.seek(12, 1)
        target.write(np.array(lengths, "<u8").tobytes())
    target.seek(end)


def coded_photometric(layout: Layout, syntax: UID) -> str:
    """Return PhotometricInterpretation as written: RGB in JPEG 2000 is transformed losslessly.

    Some objects, such as those of ultrasound, do not allow it untransformed (PS3.3 C.8.5.6.1.2).
    """
    if syntax == JPEG2000Lossless and layout.photometric == "RGB":
        return "YBR_RCT"
    return layout.photometric


def encode_frame(frame: Frame, layout: Layout, syntax: UID, number: int) -> bytes:
    """Compress a frame losslessly, and decode it to make sure.

    Raises
    ------
    DicomError
        The transfer syntax cannot hold this frame.
    VerificationError
        The codestream does not decode to the frame.
    """
    name = syntax.name
    coded = syntax in (JPEG2000Lossless, JPEGLSLossless)
    # Named, since the GDCM that pydicom would otherwise prefer can abort the process.
    plugin = "pyjpegls" if syntax == JPEGLSLossless else "pylibjpeg"
    advice = 'choose the transfer syntax "explicit" or "rle"'
    if coded and frame.unused is not None:
        raise DicomError(
            f"frame {number} has overlays or other data in unused bits of its pixels, which "
            f"{name} cannot hold; {advice}"
        )
    words = frame_words(frame, layout)
    shape: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "bits_allocated": layout.bits_allocated,
        # RLE codes the bytes of whole words.
        "bits_stored": layout.bits_stored if coded else layout.bits_allocated,
        "pixel_representation": int(layout.signed and coded),
        "photometric_interpretation": coded_photometric(layout, syntax),
        "number_of_frames": 1,
    }
    if layout.samples > 1:
        shape["planar_configuration"] = 0
    try:
        stream = get_encoder(syntax).encode(
            words.tobytes(), index=0, encoding_plugin=plugin, **shape
        )
        decoded, _ = get_decoder(syntax).as_array(
            _one_fragment(stream),
            index=0,
            raw=True,
            decoding_plugin=plugin,
            **shape | {"pixel_keyword": "PixelData"},
        )
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in a compiled plugin is no Exception
        # The last line of pydicom's is what the plugin says; OpenJPEG refuses sides under 32.
        reason = str(error).strip().rpartition("\n")[2].strip()
        raise DicomError(
            f"frame {number} ({layout.rows} x {layout.columns}, {layout.bits_stored} bits) "
            f"cannot be written as {name} ({reason}); {advice}"
        ) from error
    mask = (1 << (layout.bits_stored if coded else layout.bits_allocated)) - 1
    before = words.astype(np.int32).reshape(decoded.shape) & mask
    if not np.array_equal(decoded.astype(np.int32) & mask, before):
        raise VerificationError(
            f"frame {number} changes when it is written as {name}, which should be lossless; {advice}"
        )
    return bytes(stream)


def _one_fragment(stream: bytes | bytearray) -> bytes:
    """Encapsulate a codestream as pydicom's decoders ask, with an empty table of offsets."""
    padded = bytes(stream) + b"\0" * (len(stream) % 2)
    table = _ITEM.pack(0xFFFE, 0xE000, 0)
    return table + _ITEM.pack(0xFFFE, 0xE000, len(padded)) + padded + _ITEM.pack(0xFFFE, 0xE0DD, 0)
