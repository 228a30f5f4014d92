"""DICOM files of restored images: the original data set around new pixels.

Kept as in the source: every element but those named in `dicom_bytes`.  Values of
elements that pydicom cannot interpret are carried over as bytes.
"""

from __future__ import annotations

import hashlib
import io
import uuid
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import DataElement, Dataset, dcmread
from pydicom import config as pydicom_config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from pydicom.valuerep import VR

from radcodec.errors import DicomError

_KNOWN_VRS = frozenset(vr.value for vr in VR)
_WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


@dataclass(frozen=True)
class LossyRecord:
    """What a file says about the lossy compression that its pixels went through.

    Attributes
    ----------
    ratio : float
        Uncompressed pixel bytes over compressed bytes; above 0.
    max_error : int or None
        Largest absolute difference of stored values; 0 means that nothing was lost.
    method : str
        Code string for LossyImageCompressionMethod, at most 16 characters.
    description : str
        Text for DerivationDescription.
    """

    ratio: float
    max_error: int | None = None
    method: str = "RADCODEC"
    description: str = "Lossy compression by radcodec"

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1e12:
            raise ValueError(f"compression ratio {self.ratio} is out of range")
        if not 1 <= len(self.method) <= 16:
            raise ValueError(f"method {self.method!r} is not 1 to 16 characters")


def dicom_bytes(
    stored: NDArray[np.int32],
    *,
    bits_allocated: int,
    bits_stored: int,
    signed: bool,
    inverted: bool,
    dataset: bytes | None,
    quality: LossyRecord,
) -> bytes:
    """Write an Explicit VR Little Endian Part 10 file.

    Parameters
    ----------
    stored : ndarray of int32, shape (rows, columns)
        Stored values in the range of `bits_stored` and `signed`.
    bits_allocated, bits_stored : int
        8 or 16, and 1 to `bits_allocated`.
    signed, inverted : bool
        PixelRepresentation 1; MONOCHROME1.
    dataset : bytes or None
        The source as `GreyImage.dataset`; None writes a minimal Secondary Capture.
    quality : LossyRecord
        With `max_error` 0 the pixels are the source's, and nothing is flagged.

    Returns
    -------
    bytes
        The file.  Against the source these elements differ: the image pixel description
        and PixelData; extended offset tables, group lengths and elements of groups 0000
        and 0002 in the data set (dropped).  If lossy also (PS3.3 C.7.6.1.1.2 and
        C.7.6.1.1.5) Smallest/LargestImagePixelValue (recomputed where present),
        LossyImageCompression, its Ratio and Method (one value appended to each),
        ImageType value 1, DerivationDescription, DerivationCodeSequence (one item
        appended) and SOPInstanceUID, a function of the old one and of the pixels.
        Overlays embedded in unused bits of the pixels are lost with those bits.

    Raises
    ------
    ValueError
        Stored values or bit depths out of range.
    DicomError
        The source data set cannot be written.
    """
    low = -(1 << (bits_stored - 1)) if signed else 0
    if bits_allocated not in (8, 16) or not 1 <= bits_stored <= bits_allocated:
        raise ValueError(f"{bits_stored} bits stored of {bits_allocated} allocated")
    if stored.ndim != 2 or not stored.size:
        raise ValueError(f"no grey image: shape {stored.shape}")
    if stored.min() < low or stored.max() >= low + (1 << bits_stored):
        raise ValueError(f"stored values do not fit {bits_stored} bits, signed {signed}")
    # Two's complement in BitsStored bits, sign-extended to BitsAllocated.
    packed = stored.astype(f"<i{bits_allocated // 8}" if signed else f"<u{bits_allocated // 8}")
    pixels = packed.tobytes()
    with warnings.catch_warnings(), pydicom_config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            target = _secondary_capture() if dataset is None else _as_explicit(dataset)
            _describe_pixels(target, stored, bits_allocated, bits_stored, signed, inverted)
            target.PixelData = pixels + b"\0" * (len(pixels) % 2)
            target["PixelData"].VR = "OB" if bits_allocated == 8 else "OW"
            digest = hashlib.sha256(pixels).hexdigest()
            if quality.max_error != 0:
                _record_loss(target, quality, stored, signed)
            if quality.max_error != 0 or not target.get("SOPInstanceUID"):
                # UUID-derived UID, PS3.5 B.2: the same pixels always get the same one.
                name = f"{target.get('SOPInstanceUID', '')} {digest}"
                target.SOPInstanceUID = UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}")
            return _file(target)
        except Exception as error:
            raise DicomError(
                f"the source data set cannot be written back ({type(error).__name__}: {error}); "
                "restore to PNG instead"
            ) from error


def _as_explicit(dataset: bytes) -> Dataset:
    """Read the source data set so that it can be written as Explicit VR Little Endian."""
    source = dcmread(io.BytesIO(dataset), force=True)
    implicit, little = source.original_encoding
    if implicit or not little:
        _interpret(source, little is not False)
    for tag in list(source.keys()):
        raw: object = source.get_item(tag)
        # A VR that DICOM does not know cannot be written; its bytes can, as UN.
        if isinstance(raw, RawDataElement) and raw.VR not in _KNOWN_VRS:
            source[tag] = DataElement(tag, "UN", raw.value or b"")
    for tag in list(source.keys()):
        if tag.group in (0x0000, 0x0002) or tag.group == 0x7FE0:
            del source[tag]
    return source


def _interpret(source: Dataset, little: bool) -> None:
    """Decode every element; words get little-endian order, the undecodable become UN.

    pydicom swaps the bytes of numbers but not those of word strings such as OW.
    """
    for tag in list(source.keys()):
        raw = source.get_item(tag)
        try:
            element = source[tag]
            # Values that are converted lazily must fail here rather than when written.
            _ = element.value
        except Exception:  # noqa: BLE001 - whatever pydicom says of it, the bytes are kept
            value = raw.value if isinstance(raw, RawDataElement) else b""
            source[tag] = DataElement(tag, "UN", value)
            continue
        if element.VR == "SQ":
            for item in element.value:
                _interpret(item, little)
        elif not little and element.VR in _WORD_BYTES and isinstance(element.value, bytes):
            swapped = np.frombuffer(element.value, f">u{_WORD_BYTES[element.VR]}").byteswap()
            element.value = swapped.tobytes()


def _secondary_capture() -> Dataset:
    """Return the least that a Secondary Capture image needs (PS3.3 A.8.1), with no patient."""
    target = Dataset()
    target.SOPClassUID = SecondaryCaptureImageStorage
    target.Modality = "OT"
    target.ConversionType = "WSD"
    # Type 2: present but empty.
    for keyword in [
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "ReferringPhysicianName",
        "AccessionNumber",
        "SeriesNumber",
        "InstanceNumber",
        "PatientOrientation",
    ]:
        setattr(target, keyword, None)
    return target


def _describe_pixels(
    target: Dataset, stored: NDArray[np.int32], allocated: int, bits: int, signed: bool, inv: bool
) -> None:
    """Set the Image Pixel module (PS3.3 C.7.6.3) for the new pixels."""
    rows, columns = stored.shape
    target.SamplesPerPixel = 1
    target.PhotometricInterpretation = "MONOCHROME1" if inv else "MONOCHROME2"
    target.Rows, target.Columns = rows, columns
    target.BitsAllocated, target.BitsStored, target.HighBit = allocated, bits, bits - 1
    target.PixelRepresentation = int(signed)
    # A Secondary Capture from PNG has no identity yet; give it one that repeats.
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        if target.get("ConversionType") == "WSD" and not target.get(keyword):
            name = keyword + hashlib.sha256(stored.tobytes()).hexdigest()
            setattr(target, keyword, UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"))


def _record_loss(
    target: Dataset, quality: LossyRecord, stored: NDArray[np.int32], signed: bool
) -> None:
    """Add this compression to the attributes that tell of lossy ones (C.7.6.1.1.5)."""
    for keyword, value in (
        ("SmallestImagePixelValue", int(stored.min())),
        ("LargestImagePixelValue", int(stored.max())),
    ):
        if keyword in target:
            setattr(target, keyword, value)
            target[keyword].VR = "SS" if signed else "US"
    ratios = _values(target, "LossyImageCompressionRatio")
    methods = _values(target, "LossyImageCompressionMethod")
    # Values correspond by position, so a list that is short is filled with empty values.
    earlier = max(len(ratios), len(methods))
    pad_ratios, pad_methods = earlier - len(ratios), earlier - len(methods)
    target.LossyImageCompression = "01"
    target.LossyImageCompressionRatio = [*ratios, *[""] * pad_ratios, f"{quality.ratio:.6g}"]
    target.LossyImageCompressionMethod = [*methods, *[""] * pad_methods, quality.method]
    kind = _values(target, "ImageType")
    target.ImageType = ["DERIVED", *(kind[1:] or ["PRIMARY"])]
    before = str(target.get("DerivationDescription") or "").strip()
    # ST holds 1024 characters; the older text comes first and is never cut.
    text = f"{before}; {quality.description}" if before else quality.description
    target.DerivationDescription = text if len(text) <= 1024 else before or text[:1024]
    code = Dataset()
    code.CodeValue = "113040"
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = "Lossy Compression"
    target.DerivationCodeSequence = [*(target.get("DerivationCodeSequence") or []), code]


def _values(target: Dataset, keyword: str) -> list[str]:
    """Return an attribute's values as text, none when it is absent or empty."""
    value = target.get(keyword)
    if value is None or value == "":
        return []
    single = isinstance(value, (str, int, float))
    return [str(part) for part in ([value] if single else value)]


def _file(target: Dataset) -> bytes:
    """Write the Part 10 file; the source's preamble and file meta information are kept."""
    meta = getattr(target, "file_meta", None) or FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = (
        target.get("SOPClassUID")
        or meta.get("MediaStorageSOPClassUID")
        or SecondaryCaptureImageStorage
    )
    target.SOPClassUID = meta.MediaStorageSOPClassUID
    meta.MediaStorageSOPInstanceUID = target.SOPInstanceUID
    target.file_meta = meta
    out = io.BytesIO()
    dcmwrite(out, target, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return out.getvalue()
