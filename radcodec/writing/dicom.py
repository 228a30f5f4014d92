"""DICOM files of restored images: the original data set around new pixels.

Every element of an Explicit VR Little Endian source comes back byte for byte, but for those
that `write_dicom` lists.  Other sources are converted, values unchanged.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import BinaryIO, Literal

from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from radcodec.errors import DicomError, RadcodecError
from radcodec.reading.image import Frame, Layout
from radcodec.writing.elements import DataSet, make_element
from radcodec.writing.explicit import Part10, read_part10
from radcodec.writing.frames import coded_photometric, write_encapsulated, write_native
from radcodec.writing.lossy import LossyRecord, record_loss
from radcodec.writing.secondary import derived_uid, secondary_capture
from radcodec.writing.subset import keep_frames

__all__ = ["DicomOptions", "LossyRecord", "write_dicom"]

#: Names this implementation in the files that it writes (PS3.10 7.1).
IMPLEMENTATION_CLASS_UID = "2.25.224359924200501088518265333000445895942"
_SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "jpeg2000-lossless": JPEG2000Lossless,
    "jpegls-lossless": JPEGLSLossless,
    "rle": RLELossless,
}
_PIXEL_DATA = 0x7FE00010
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_ALLOCATED, _STORED, _HIGH_BIT, _SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103


@dataclass(frozen=True)
class DicomOptions:
    """Choices for a DICOM file that is written.

    Attributes
    ----------
    transfer_syntax : str
        "explicit" for uncompressed pixels in Explicit VR Little Endian; "jpeg2000-lossless",
        "jpegls-lossless" or "rle" for compressed ones, without further loss.
    keep_uid : bool
        True keeps SOPInstanceUID though pixels have changed, against PS3.3 C.7.6.1.1.5: for
        those who replace the source by the file.  A subset of frames gets a new one all the same.
    """

    transfer_syntax: Literal["explicit", "jpeg2000-lossless", "jpegls-lossless", "rle"] = "explicit"
    keep_uid: bool = False

    def __post_init__(self) -> None:
        if self.transfer_syntax not in _SYNTAXES:
            known = ", ".join(_SYNTAXES)
            raise ValueError(f"transfer syntax {self.transfer_syntax!r} is none of {known}")


def write_dicom(
    target: BinaryIO,
    frames: Iterable[Frame],
    *,
    layout: Layout,
    dataset: bytes | None,
    record: LossyRecord,
    options: DicomOptions,
    selected: Sequence[int] | None = None,
) -> None:
    """Write a Part 10 file, one frame at a time.

    Against the source these elements differ:

    - The image pixel description where it is missing or says something else than `layout`, and
      NumberOfFrames.  BitsStored and HighBit stay where the whole word was coded.
    - PixelData; offset tables, and group lengths of groups that have changed, are dropped.
    - In the file meta information TransferSyntaxUID, SOP class and instance, and the
      implementation, which by PS3.10 7.1 is the one that wrote the file.
    - If lossy LossyImageCompression, its Ratio and Method (one value appended to each), value
      1 of ImageType and FrameType, DerivationDescription, DerivationCodeSequence and
      SourceImageSequence (appended; in the Derivation Image functional group of enhanced
      objects), Smallest/LargestImagePixelValue where present, and SOPInstanceUID, a function
      of the old one and of `record.identity`, not of the transfer syntax.
    - Of a subset of frames see `keep_frames`; it is another object, with another UID.

    Elements of groups 0000 and 0002 inside the data set are dropped.  Digital signatures are
    kept, though they cannot hold for changed elements.

    Parameters
    ----------
    target : BinaryIO
        Can seek; written from where it stands.  Worthless after an error.
    frames : iterable of Frame
        `layout.frames` frames.
    layout : Layout
        Of the frames given.
    dataset : bytes or None
        The source as `ImageSource.dataset`; None writes a minimal Secondary Capture.
    record : LossyRecord
        With `max_error` 0 the pixels are the source's, and nothing is flagged.
    options : DicomOptions
    selected : sequence of int, or None
        Which of the source's frames these are, from 0; None for all.

    Raises
    ------
    ValueError
        Frames that do not fit the layout, or no identity where a new UID is needed.
    DicomError
        The data set cannot be written, or the transfer syntax cannot hold the frames.
    LimitError
        A deflated data set that inflates too far.
    VerificationError
        A compressed frame does not decode to what it was.
    """
    syntax = _SYNTAXES[options.transfer_syntax]
    if selected is not None and len(selected) != layout.frames:
        raise ValueError(f"{len(selected)} frames selected, {layout.frames} in the layout")
    try:
        part10 = read_part10(secondary_capture(record.identity) if dataset is None else dataset)
        data = part10.data
        _edit(data, part10.meta, layout, record, options, selected, from_dicom=dataset is not None)
        _check_precision(data, layout, syntax)
        _write_meta(target, part10, syntax)
    except (RadcodecError, MissingIdentityError, OSError):
        raise
    except Exception as error:
        raise DicomError(
            f"the source data set cannot be written back ({type(error).__name__}: {error}); "
            "restore to PNG instead"
        ) from error
    # In order of tags, as far as the source's elements are.
    before = max((i + 1 for i, one in enumerate(data.elements) if one.tag < _PIXEL_DATA), default=0)
    target.writelines(element.raw for element in data.elements[:before])
    if syntax == ExplicitVRLittleEndian:
        write_native(target, frames, layout)
    else:
        write_encapsulated(target, frames, layout, syntax)
    target.writelines(element.raw for element in data.elements[before:])
    target.write(data.tail)


class MissingIdentityError(ValueError):
    """A new UID is needed and the record has no digest of the pixels to make it from."""


def _edit(
    data: DataSet,
    meta: DataSet,
    layout: Layout,
    record: LossyRecord,
    options: DicomOptions,
    selected: Sequence[int] | None,
    *,
    from_dicom: bool,
) -> None:
    """Change what has to be changed in the data set."""
    # Offset tables, and the length of what was encapsulated, tell of the source's pixel data.
    for tag in (_PIXEL_DATA, 0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00000):
        data.remove(tag)
    if _SOP_CLASS not in data:
        sop_class = (meta.text(0x00020002) or [SecondaryCaptureImageStorage])[0]
        data.put_text(_SOP_CLASS, "UI", sop_class)
    uid = (data.text(_SOP_INSTANCE) or [""])[0]
    frames_before = data.integer(_FRAMES) or 1
    is_subset = selected is not None and list(selected) != list(range(frames_before))
    if selected is not None and is_subset:
        keep_frames(data, selected, frames_before, uid)
    _describe_pixels(data, layout, _SYNTAXES[options.transfer_syntax])
    lossy = not record.lossless
    renewed = is_subset or (lossy and not options.keep_uid) or not uid
    if lossy:
        has_predecessor = from_dicom and renewed and uid
        predecessor = (data.text(_SOP_CLASS)[0], uid) if has_predecessor else None
        record_loss(data, record, signed=layout.signed, predecessor=predecessor)
    if renewed and from_dicom:
        if not record.identity:
            raise MissingIdentityError("a new SOPInstanceUID needs a digest of the pixels")
        part = f" {list(selected)}" if selected is not None and is_subset else ""
        data.put_text(_SOP_INSTANCE, "UI", derived_uid(f"{uid} {record.identity.hex()}{part}"))
    data.drop_stale_lengths()


def _describe_pixels(data: DataSet, layout: Layout, syntax: UID) -> None:
    """Make the Image Pixel module (PS3.3 C.7.6.3) say what the layout does."""
    numbers = {
        _SAMPLES: layout.samples,
        _ROWS: layout.rows,
        _COLUMNS: layout.columns,
        _ALLOCATED: layout.bits_allocated,
        _STORED: layout.bits_stored,
        _HIGH_BIT: layout.bits_stored - 1,
        _SIGNED: int(layout.signed),
    }
    # Where the whole word was coded, an odd pair of BitsStored and HighBit still holds.
    whole = layout.bits_stored == layout.bits_allocated == data.integer(_ALLOCATED)
    if whole and 1 <= (data.integer(_STORED) or 0) <= layout.bits_allocated:
        del numbers[_STORED]
        if data.integer(_HIGH_BIT) is not None:
            del numbers[_HIGH_BIT]
    # RLE codes planes whatever this says, and ultrasound has rules for it (PS3.3 C.8.5.6.1.16).
    if layout.samples > 1 and not (syntax == RLELossless and data.integer(_PLANAR) in (0, 1)):
        numbers[_PLANAR] = 0
    for tag, value in numbers.items():
        if data.integer(tag) != value:
            data.put_short(tag, value)
    photometric = coded_photometric(layout, syntax)
    if data.text(_PHOTOMETRIC) != [photometric]:
        data.put_text(_PHOTOMETRIC, "CS", photometric)
    if (data.integer(_FRAMES) or 1) != layout.frames:
        data.put_text(_FRAMES, "IS", str(layout.frames))


def _check_precision(data: DataSet, layout: Layout, syntax: UID) -> None:
    """Refuse codestreams whose precision could not be what the data set says (PS3.5 8.2)."""
    pair = data.integer(_STORED), data.integer(_HIGH_BIT)
    if syntax not in (JPEG2000Lossless, JPEGLSLossless):
        return
    if pair != (layout.bits_stored, layout.bits_stored - 1):
        raise DicomError(
            f"BitsStored {pair[0]} and HighBit {pair[1]} leave the pixels out of place, which "
            f'{syntax.name} cannot hold; choose the transfer syntax "explicit" or "rle"'
        )


def _write_meta(target: BinaryIO, part10: Part10, syntax: UID) -> None:
    """Write preamble and file meta information; what need not change in it is the source's."""
    meta, data = part10.meta, part10.data
    meta.remove(0x00020000)
    if 0x00020001 not in meta:
        meta.put(make_element(0x00020001, "OB", b"\0\1"))
    meta.put_text(0x00020002, "UI", data.text(_SOP_CLASS)[0])
    meta.put_text(0x00020003, "UI", data.text(_SOP_INSTANCE)[0])
    meta.put_text(0x00020010, "UI", syntax)
    meta.put_text(0x00020012, "UI", IMPLEMENTATION_CLASS_UID)
    meta.put_text(0x00020013, "SH", _version_name())
    encoded = meta.encoded()
    length = make_element(0x00020000, "UL", struct.pack("<I", len(encoded)))
    target.write(part10.preamble + b"DICM" + length.raw + encoded)


def _version_name() -> str:
    """Return the implementation's version in 16 characters."""
    try:
        number = re.match(r"[\d.]*\d", version("radcodec"))
    except PackageNotFoundError:
        number = None
    return f"RADCODEC_{number[0] if number else ''}"[:16]
