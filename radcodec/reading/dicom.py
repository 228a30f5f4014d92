"""Single-frame monochrome DICOM images in any transfer syntax that pydicom can decode.

Reading is lenient: a missing preamble, file meta or transfer syntax, a wrong HighBit and
values that pydicom warns about are put up with.  What cannot be represented is refused
with a DicomError that names the reason; nothing else but a LimitError leaves this module.
"""

from __future__ import annotations

import io
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, dcmread
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGTransferSyntaxes,
)

from radcodec.errors import DicomError, LimitError, RadcodecError
from radcodec.reading.image import MAX_PIXELS, GreyImage, check_pixel_limit

_MAX_INFLATED = 2 * MAX_PIXELS + 2**26
_MODALITIES = {"CT": "ct", "MR": "mr", "MG": "mg"} | dict.fromkeys(
    ("CR", "DX", "RF", "XA", "PX", "IO"), "xr"
)


def looks_like_dicom(data: bytes) -> bool:
    """Tell whether bytes are DICOM: the prefix at 128, or a bare data set that parses."""
    if data[128:132] == b"DICM":
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
            return any(keyword in found for keyword in ("Rows", "SOPClassUID", "Modality"))
    except Exception:  # noqa: BLE001 - whatever a parser says to arbitrary bytes, they are no DICOM
        return False


def modality_of(source: Dataset) -> str | None:
    """Which compressor a data set's Modality asks for: "xr", "mg", "ct", "mr", or None."""
    return _MODALITIES.get(str(source.get("Modality", "")).strip().upper())


def read_dicom(data: bytes, name: str) -> GreyImage:
    """Read a monochrome single-frame DICOM image.

    Parameters
    ----------
    data : bytes
        The whole file; preamble and file meta information may be missing.
    name : str
        What to call the file in errors.

    Returns
    -------
    GreyImage
        Stored values wrapped to BitsStored bits (PS3.5 8.1.1: the bits above are not
        part of the value); HighBit is not believed.  `dataset` is the source file byte
        for byte with the pixel data element cut out, in the source's transfer syntax.

    Raises
    ------
    DicomError
        Damaged, or of a kind that is not supported: colour, several frames, other than 8
        or 16 bits allocated, float pixels, no or truncated pixel data, no decoder.
    LimitError
        More pixels than `MAX_PIXELS`, or a deflated data set that inflates too far.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(data, name)
    except RadcodecError:
        raise
    except Exception as error:
        raise DicomError(
            f"{name}: DICOM file cannot be parsed ({type(error).__name__}: {error}); "
            "get a fresh copy"
        ) from error


def _read(data: bytes, name: str) -> GreyImage:
    plain, deflated_from = _inflate(data, name)
    source = dcmread(io.BytesIO(plain), force=True)
    rows, columns = _require_supported(source, name)
    allocated = _integer(source, "BitsAllocated", None, name)
    if allocated not in (8, 16):
        raise DicomError(f"{name}: {allocated} bits allocated; only 8 and 16 are supported")
    bits = _integer(source, "BitsStored", allocated, name)
    if not 1 <= bits <= allocated:
        raise DicomError(f"{name}: {bits} bits stored of {allocated} allocated; correct the tag")
    signed = _integer(source, "PixelRepresentation", 0, name) == 1
    syntax = _transfer_syntax(source, name)
    if not syntax.is_encapsulated:
        expected, there = rows * columns * allocated // 8, len(source["PixelData"].value)
        if there < expected:
            raise DicomError(
                f"{name}: pixel data truncated ({there} of {expected} bytes); get a fresh copy"
            )
    dataset = _without_pixels(data, plain, source, deflated_from, name)
    modality = modality_of(source)
    inverted = source.get("PhotometricInterpretation") == "MONOCHROME1"
    padding = _padding_value(source, allocated, signed)
    # The decoder asks for attributes that lenient reading supplies where they are missing.
    source.SamplesPerPixel, source.NumberOfFrames = 1, 1
    source.BitsStored, source.HighBit = bits, bits - 1
    source.PixelRepresentation = int(signed)
    source.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    pixels = _decode(source, syntax, name)
    if pixels.shape != (rows, columns):
        raise DicomError(
            f"{name}: pixel data decodes to {pixels.shape}, the tags say {(rows, columns)}"
        )
    stored = _wrap(pixels, bits, signed)
    return GreyImage(stored, allocated, bits, signed, inverted, padding, modality, dataset)


def _inflate(data: bytes, name: str) -> tuple[bytes, int | None]:
    """Return the file with a deflated data set inflated, and where that starts.

    Inflating is bounded here because pydicom's is not.  The transfer syntax in the
    result's meta information is patched to say what the bytes now are.
    """
    stream = io.BytesIO(data)
    read_preamble(stream, force=True)
    meta = _read_file_meta_info(stream)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return data, None
    start = stream.tell()
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(data[start:], _MAX_INFLATED)
    if inflater.unconsumed_tail:
        raise LimitError(f"{name}: deflated data set exceeds {_MAX_INFLATED} bytes when inflated")
    # Same length, so that every offset stays; NULs pad a UID.
    old = DeflatedExplicitVRLittleEndian.encode()
    new = ExplicitVRLittleEndian.encode().ljust(len(old), b"\0")
    return data[:start].replace(old, new, 1) + inflated, start


def _require_supported(source: FileDataset, name: str) -> tuple[int, int]:
    """Return rows and columns of an image that this package supports, or refuse it."""
    for keyword in ("FloatPixelData", "DoubleFloatPixelData"):
        if keyword in source:
            raise DicomError(f"{name}: floating-point pixel data is not supported")
    if "PixelData" not in source:
        raise DicomError(f"{name}: no pixel data, or the file ends before it is complete")
    samples = _integer(source, "SamplesPerPixel", 1, name)
    photometric = str(source.get("PhotometricInterpretation") or "MONOCHROME2").strip()
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise DicomError(
            f"{name}: colour ({samples} samples a pixel, {photometric}) is not supported; "
            "convert it to monochrome first"
        )
    frames = _integer(source, "NumberOfFrames", 1, name)
    if frames > 1:
        raise DicomError(f"{name}: {frames} frames; only single-frame images are supported")
    rows, columns = _integer(source, "Rows", None, name), _integer(source, "Columns", None, name)
    if rows < 1 or columns < 1:
        raise DicomError(f"{name}: image of {rows} x {columns} pixels; correct Rows and Columns")
    check_pixel_limit(rows, columns, name)
    return rows, columns


def _integer(source: Dataset, keyword: str, default: int | None, name: str) -> int:
    value = source.get(keyword)
    if value is None and default is not None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        state = "missing" if value is None else f"{value!r}, not a number"
        raise DicomError(f"{name}: {keyword} is {state}; correct the tag") from error


def _transfer_syntax(source: FileDataset, name: str) -> UID:
    """Return the transfer syntax, inferred from how the file was parsed if not given."""
    syntax = source.file_meta.get("TransferSyntaxUID")
    if syntax:
        return UID(syntax)
    implicit, little = source.original_encoding
    if source["PixelData"].is_undefined_length:
        raise DicomError(f"{name}: compressed pixel data without a TransferSyntaxUID; add it")
    inferred = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    if not little:
        inferred = ExplicitVRBigEndian
    source.file_meta.TransferSyntaxUID = inferred
    return inferred


def _decode(source: FileDataset, syntax: UID, name: str) -> NDArray[np.integer]:
    """Decode the only frame, without any colour conversion."""
    advice = "decompress the file with another tool first"
    if syntax in JPEGTransferSyntaxes:
        advice = "install python-gdcm or pylibjpeg-libjpeg (GPL) for this transfer syntax"
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise DicomError(
            f"{name}: no decoder for transfer syntax {syntax.name}; {advice}"
        ) from error
    if not decoder.is_available:
        missing = "; ".join(decoder.missing_dependencies)
        raise DicomError(f"{name}: transfer syntax {syntax.name} needs one of: {missing}")
    try:
        pixels: NDArray[np.integer] = decoder.as_array(source, raw=True, index=0)[0]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in a compiled plugin is no Exception
        raise DicomError(
            f"{name}: {syntax.name} pixel data cannot be decoded ({error}); "
            f"the file is damaged, or {advice}"
        ) from error
    return pixels


def _wrap(pixels: NDArray[np.integer], bits: int, signed: bool) -> NDArray[np.int32]:
    """Keep the low `bits` bits, sign-extended when `signed` (PS3.5 8.1.1)."""
    low = pixels.astype(np.int32) & ((1 << bits) - 1)
    if signed:
        low = (low ^ (1 << (bits - 1))) - (1 << (bits - 1))
    return low.astype(np.int32)


def _padding_value(source: Dataset, allocated: int, signed: bool) -> int | None:
    """Return PixelPaddingValue in the sign of the pixels; files often have the wrong VR."""
    try:
        value = int(source.PixelPaddingValue) & ((1 << allocated) - 1)
    except (AttributeError, TypeError, ValueError):
        return None
    return value - (1 << allocated) if signed and value >> (allocated - 1) else value


def _without_pixels(
    data: bytes, plain: bytes, source: FileDataset, deflated_from: int | None, name: str
) -> bytes:
    """Cut the pixel data element out of the file's bytes, leaving all others untouched."""
    element = source["PixelData"]
    implicit, little = source.original_encoding
    head = 8 if implicit else 12  # tag, VR with its two reserved bytes, 32-bit length
    begin = (element.file_tell or 0) - head
    tag = b"\xe0\x7f\x10\x00" if little else b"\x7f\xe0\x00\x10"
    if begin < 0 or plain[begin : begin + 4] != tag:
        raise DicomError(f"{name}: pixel data element not found where expected; re-save the file")
    # A sequence delimiter of 8 bytes ends a value of undefined length.
    end = begin + head + len(element.value) + (8 if element.is_undefined_length else 0)
    if deflated_from is None:
        return plain[:begin] + plain[end:]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(plain[deflated_from:begin] + plain[end:]) + packer.flush()
    return data[:deflated_from] + body
