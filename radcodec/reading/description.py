"""What the tags of a DICOM object say of its pixels, and which objects are refused."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radcodec.container.limits import Limits
from radcodec.errors import DicomError, LimitError
from radcodec.reading.elements import Element, Head
from radcodec.reading.survey import Survey

_FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
_PIXEL_DATA_PROVIDER = 0x00287FE0
_MODALITIES = {"CT": "ct", "MR": "mr", "MG": "mg"} | dict.fromkeys(
    ("CR", "DX", "RF", "XA", "PX", "IO"), "xr"
)
_GREY = ("MONOCHROME2", "MONOCHROME1", "PALETTE COLOR")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
#: Known to the standard but not to pydicom.
JPEG_XL = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}
#: Objects whose values are no picture, by SOP class and by Modality: an error of one there is
#: another dose, label or measurement.
_NO_PICTURES = {
    "1.2.840.10008.5.1.4.1.1.481.2": "doses",
    "1.2.840.10008.5.1.4.1.1.66.4": "labels",
    "1.2.840.10008.5.1.4.1.1.66.7": "labels",
    "1.2.840.10008.5.1.4.1.1.66.8": "labels",
    "1.2.840.10008.5.1.4.1.1.30": "measured values",
}
_NO_PICTURE_MODALITIES = {"RTDOSE": "doses", "SEG": "labels"}
#: Known to the standard but not to pydicom.
_CLASS_NAMES = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}
_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


@dataclass(frozen=True)
class Description:
    """The Image Pixel module (PS3.3 C.7.6.3) with what lenient reading supplies.

    Attributes
    ----------
    rows, columns, frames, samples, planar : int
        Size; 1 or 3 samples; PlanarConfiguration.
    photometric : str
        Of the pixels in the file.
    allocated, stored : int
        BitsAllocated and BitsStored.
    signed : bool
        PixelRepresentation 1.
    kept : int
        Low bits of a word that are coded as its value: BitsStored, or all where HighBit
        says that the value is elsewhere or colour has unused bits, so that nothing is lost.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    planar: int
    photometric: str
    allocated: int
    stored: int
    signed: bool
    kept: int

    def frame_bytes(self) -> int:
        """Return the bytes of one uncompressed frame."""
        values = self.rows * self.columns * self.samples
        if self.photometric == "YBR_FULL_422":
            values = values // 3 * 2
        return values * self.allocated // 8


def modality_of(source: Dataset) -> str | None:
    """Which compressor a data set's Modality asks for: "xr", "mg", "ct", "mr", or None."""
    return _MODALITIES.get(str(source.get("Modality", "")).strip().upper())


def require_pixels(found: Survey, head: Head, name: str, limits: Limits) -> Element:
    """Return the pixel data element, or refuse an object that holds no image by its kind."""
    tags, present = found.tags, found.present
    _refuse_no_picture(tags, head, name)
    if any(tag in present for tag in _FLOAT_PIXELS):
        raise DicomError(f"{name}: floating-point pixel data is not supported{_kind(tags, head)}")
    if found.pixels is not None:
        return found.pixels
    if _PIXEL_DATA_PROVIDER in present:
        raise DicomError(f"{name}: the pixel data is elsewhere (PixelDataProviderURL); fetch it")
    kind = _class_name(tags, head)
    if kind and "Image Storage" not in kind and "Rows" not in tags:
        raise DicomError(f"{name}: holds no image: {kind}; give an image object")
    try:
        limits.check_dataset(found.reached)
    except LimitError as error:
        raise LimitError(f"{name}: {error}") from error
    raise DicomError(f"{name}: no pixel data, or the file ends before it is complete")


def describe(tags: Dataset, head: Head, name: str, limits: Limits) -> Description:
    """Read the tags that describe the pixels.

    Raises
    ------
    DicomError
        Tags that contradict each other, or a kind of pixels that is not supported.
    LimitError
        More pixels than the limits allow.
    """
    rows, columns = _integer(tags, "Rows", None, name), _integer(tags, "Columns", None, name)
    if rows < 1 or columns < 1:
        raise DicomError(f"{name}: image of {rows} x {columns} pixels; correct Rows and Columns")
    frames = _integer(tags, "NumberOfFrames", 1, name) or 1
    if frames < 1:
        raise DicomError(f"{name}: NumberOfFrames is {frames}; correct the tag")
    try:
        limits.check_image(rows, columns)
    except LimitError as error:
        raise LimitError(f"{name}: {error}") from error
    allocated = _integer(tags, "BitsAllocated", None, name)
    if allocated not in (8, 16):
        raise DicomError(
            f"{name}: {allocated} bits allocated; only 8 and 16 are supported{_kind(tags, head)}"
        )
    stored = _integer(tags, "BitsStored", allocated, name)
    if not 1 <= stored <= allocated:
        raise DicomError(f"{name}: {stored} bits stored of {allocated} allocated; correct the tag")
    samples, photometric = _colour(tags, name)
    planar = _integer(tags, "PlanarConfiguration", 0, name) if samples == 3 else 0
    if planar not in (0, 1):
        raise DicomError(f"{name}: PlanarConfiguration is {planar}, not 0 or 1; correct the tag")
    high = _integer(tags, "HighBit", stored - 1, name)
    whole = high != stored - 1 or samples == 3
    return Description(
        rows=rows,
        columns=columns,
        frames=frames,
        samples=samples,
        planar=planar,
        photometric=photometric,
        allocated=allocated,
        stored=stored,
        signed=_integer(tags, "PixelRepresentation", 0, name) == 1,
        kept=allocated if whole else stored,
    )


def transfer_syntax(head: Head, pixels: Element, name: str) -> UID:
    """Return the transfer syntax, inferred from how the file was parsed if not given."""
    syntax = head.syntax
    if syntax is None:
        if pixels.undefined:
            raise DicomError(f"{name}: compressed pixel data without a TransferSyntaxUID; add it")
        if not head.little:
            return ExplicitVRBigEndian
        return ImplicitVRLittleEndian if head.implicit else ExplicitVRLittleEndian
    if pixels.undefined and syntax in _NATIVE:
        raise DicomError(
            f"{name}: compressed pixel data, but the transfer syntax is {syntax.name}; "
            "correct TransferSyntaxUID"
        )
    return syntax


def padding_value(source: Dataset, allocated: int, signed: bool) -> int | None:
    """Return PixelPaddingValue in the sign of the pixels; files often have the wrong VR."""
    try:
        value = int(source.PixelPaddingValue) & ((1 << allocated) - 1)
    except (AttributeError, TypeError, ValueError):
        return None
    return value - (1 << allocated) if signed and value >> (allocated - 1) else value


def _colour(tags: Dataset, name: str) -> tuple[int, str]:
    """Return samples a pixel and photometric interpretation of a supported kind."""
    samples = _integer(tags, "SamplesPerPixel", 1, name)
    text = str(tags.get("PhotometricInterpretation") or "").strip(" \0").upper()
    photometric = text.replace(" ", "_").replace("PALETTE_COLOR", "PALETTE COLOR")
    if samples == 1 and not photometric:
        photometric = "MONOCHROME2"
    if photometric not in {1: _GREY, 3: _COLOUR}.get(samples, ()):
        raise DicomError(
            f"{name}: pixels of {samples} sample(s) that are {text or 'of no named kind'} are not "
            "supported; convert them to monochrome, RGB or YBR_FULL first"
        )
    return samples, photometric


def _refuse_no_picture(tags: Dataset, head: Head, name: str) -> None:
    """Refuse doses, labels and maps of measurements, of whatever bits they are."""
    modality = str(tags.get("Modality") or "").strip(" \0").upper()
    held = _NO_PICTURES.get(_class_uid(tags, head)) or _NO_PICTURE_MODALITIES.get(modality)
    if held is not None:
        kind = _class_name(tags, head) or f"Modality {modality}"
        raise DicomError(
            f"{name}: holds {held}, no picture: {kind}; lossy coding would falsify them, so keep "
            "the file as it is"
        )


def _class_uid(tags: Dataset, head: Head) -> str:
    return str(tags.get("SOPClassUID") or head.media_class or "").strip(" \0")


def _class_name(tags: Dataset, head: Head) -> str:
    """Return the name of the object's SOP class; empty where it has none."""
    uid = _class_uid(tags, head)
    return _CLASS_NAMES.get(uid) or (UID(uid).name if uid else "")


def _kind(tags: Dataset, head: Head) -> str:
    kind = _class_name(tags, head)
    return f" ({kind})" if kind else ""


def _integer(source: Dataset, keyword: str, default: int | None, name: str) -> int:
    value = source.get(keyword)
    if value is None and default is not None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        state = "missing" if value is None else f"{value!r}, not a number"
        raise DicomError(f"{name}: {keyword} is {state}; correct the tag") from error
