"""From the bytes of one frame to stored values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    MPEGTransferSyntaxes,
    RLELossless,
)

from radcodec.errors import DicomError
from radcodec.reading.codestreams import ClaimError, check_claims
from radcodec.reading.description import JPEG_XL, Description
from radcodec.reading.image import Frame
from radcodec.reading.isolated import decode_apart
from radcodec.reading.plugins import UNSAFE, plugins_for

_END_OF_IMAGE = b"\xff\xd9"


def require_decoder(syntax: UID, name: str) -> None:
    """Raise `DicomError` where nothing installed decodes a transfer syntax."""
    if syntax in JPEG_XL:
        try:
            import imagecodecs

            available = bool(imagecodecs.JPEGXL.available)
        except ImportError:
            available = False
        if not available:
            raise DicomError(
                f"{name}: no decoder for transfer syntax {_title(syntax)}; install imagecodecs"
            )
        return
    if syntax in MPEGTransferSyntaxes or "HEVC" in syntax.name:
        raise DicomError(
            f"{name}: video ({syntax.name}) is not supported; extract its frames with another "
            "tool, such as ffmpeg, first"
        )
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        # pydicom knows no package at all that decodes it.
        raise DicomError(
            f"{name}: no decoder for transfer syntax {syntax.name}; "
            "decompress the file with another tool first"
        ) from error
    if not decoder.is_available:
        raise DicomError(f"{name}: no decoder for transfer syntax {syntax.name}; {_advice(syntax)}")


def decode_frame(
    data: bytes, image: Description, syntax: UID, name: str
) -> tuple[NDArray[np.integer], str]:
    """Decode one frame, without any conversion of colours.

    Parameters
    ----------
    data : bytes
        Of the frame: uncompressed words in the order of bytes of `syntax`, or a codestream.
    image : Description
        What the tags say.
    syntax : UID
        Transfer syntax.
    name : str
        What to call the frame in errors.

    Returns
    -------
    words : ndarray, shape (rows, columns) or (rows, columns, samples)
        Integers of BitsAllocated bits; unused bits as they are.
    photometric : str
        What the decoder says that the words are.

    Raises
    ------
    DicomError
        Whatever goes wrong.
    """
    try:
        check_claims(data, image, syntax)
        if syntax in JPEG_XL:
            words, photometric = _decode_jpeg_xl(data, image)
        else:
            words, photometric = _decode(get_decoder(syntax), data, image)
    except Exception as error:
        raise DicomError(
            f"{name}: {_title(syntax)} pixel data cannot be decoded ({error}); "
            f"the file is damaged, or {_advice(syntax)}"
        ) from error
    shape = (image.rows, image.columns) + ((image.samples,) if image.samples > 1 else ())
    if words.shape != shape:
        raise DicomError(f"{name}: pixel data decodes to {words.shape}, the tags say {shape}")
    return words, "YBR_FULL" if photometric == "YBR_FULL_422" else photometric


def frame_of(words: NDArray[np.integer], image: Description, syntax: UID) -> Frame:
    """Tell the stored values of decoded words from their unused bits.

    Parameters
    ----------
    words : ndarray
        As `decode_frame` returns them.
    image : Description
        What the tags say.
    syntax : UID
        Codestreams other than RLE hold no unused bits, only decoders' zeros.
    """
    bits = image.kept
    planes = words[np.newaxis] if words.ndim == 2 else words.transpose(2, 0, 1)
    stored = wrap(planes, bits, image.signed)
    if bits == image.allocated or image.samples > 1:
        return Frame(stored)
    word = words.astype(np.int32) & ((1 << image.allocated) - 1)
    unused = (word ^ stored[0]) & ((1 << image.allocated) - 1)
    exact = not syntax.is_compressed if syntax not in JPEG_XL else False
    if not unused.any() or not (exact or syntax == RLELossless or (word >> bits).any()):
        return Frame(stored)
    return Frame(stored, unused.astype(np.uint16))


def wrap(words: NDArray[np.integer], bits: int, signed: bool) -> NDArray[np.int32]:
    """Keep the low `bits` bits, sign-extended when `signed` (PS3.5 8.1.1)."""
    low = words.astype(np.int32, order="C") & np.int32((1 << bits) - 1)
    if signed:
        low = (low ^ np.int32(1 << (bits - 1))) - np.int32(1 << (bits - 1))
    return low


def _decode(decoder: Decoder, data: bytes, image: Description) -> tuple[NDArray[np.integer], str]:
    # pydicom's signature gives the options' values the type of all options together.
    options: dict[str, Any] = {
        "rows": image.rows,
        "columns": image.columns,
        "number_of_frames": 1,
        "samples_per_pixel": image.samples,
        "planar_configuration": image.planar,
        "photometric_interpretation": image.photometric,
        "bits_allocated": image.allocated,
        "bits_stored": image.stored,
        "pixel_representation": int(image.signed),
        "pixel_keyword": "PixelData",
        "correct_unused_bits": False,
    }
    if not decoder.UID.is_compressed:
        words, properties = decoder.as_array(data, index=0, raw=True, **options)
        return words, str(properties["photometric_interpretation"])
    if decoder.UID in JPEGLSTransferSyntaxes and not data.rstrip(b"\0").endswith(_END_OF_IMAGE):
        # CharLS looks for the end of a cut stream for many seconds.
        data += _END_OF_IMAGE
    problems = []
    for plugin in plugins_for(decoder):
        try:
            if plugin == UNSAFE:
                return decode_apart(data, decoder.UID, plugin, options)
            words, properties = decoder.as_array(
                encapsulate([data], has_bot=False),
                index=0,
                raw=True,
                decoding_plugin=plugin,
                **options,
            )
            return words, str(properties["photometric_interpretation"])
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a compiled plugin's panic is no Exception
            problems.append(f"{plugin}: {' '.join(str(error).split())}")
    raise ClaimError("; ".join(problems))


def _decode_jpeg_xl(data: bytes, image: Description) -> tuple[NDArray[np.integer], str]:
    import imagecodecs

    words: NDArray[np.integer] = imagecodecs.jpegxl_decode(data)
    # Its decoders undo the colour transform of the codestream.
    return words, "RGB" if image.samples == 3 else image.photometric


def _title(syntax: UID) -> str:
    return JPEG_XL.get(syntax, syntax.name)


def _advice(syntax: UID) -> str:
    """Say what to install for a transfer syntax."""
    if syntax == JPEGBaseline8Bit:
        return "install pillow"
    if syntax == JPEGExtended12Bit:
        return "install pylibjpeg-libjpeg (GPL) for 12-bit JPEG"
    if syntax in JPEGTransferSyntaxes:
        return "install python-gdcm or pylibjpeg-libjpeg (GPL)"
    if syntax in JPEGLSTransferSyntaxes:
        return "install pyjpegls"
    if syntax in JPEG2000TransferSyntaxes:
        return "install pylibjpeg and pylibjpeg-openjpeg"
    return "decompress the file with another tool first"
