"""Whether a restored DICOM file is its source, told with pydicom alone."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.dataelem import RawDataElement
from pydicom.pixels.decoders.base import get_decoder
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

#: Sequence Delimitation Item (PS3.5 7.5), little endian.
_DELIMITER = bytes.fromhex("fe ff dd e0 00 00 00 00")
#: May be made or corrected in any file: the image pixel description and the pixels.
_PIXELS = frozenset(
    [
        *(0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011),
        *(0x00280100, 0x00280101, 0x00280102, 0x00280103),
        *(0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00010),
    ]
)
#: Of these two an existing value stays all the same, unless it is lossy.
_IDENTITY = frozenset([0x00080016, 0x00080018])
#: Tell of the loss.
_LOSS = frozenset(
    [
        *(0x00080008, 0x00080018, 0x00082111, 0x00082112, 0x00089154, 0x00089215),
        *(0x00280106, 0x00280107, 0x00282110, 0x00282112, 0x00282114),
    ]
)
_FUNCTIONAL_GROUPS = (0x52009229, 0x52009230)
_DERIVATION_IMAGE, _FRAME_TYPE = 0x00089124, 0x00089007
#: Name the writer and what was written, in the file meta information.
_META = frozenset(
    [0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013]
)
#: Bytes of a word of the VRs that are words, by VR.
_WORDS = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}


class DifferenceError(Exception):
    """What a restored file should have kept and has not."""


def read(path: Path) -> FileDataset:
    """Read a file as leniently as pydicom does, with a transfer syntax."""
    source = pydicom.dcmread(path, force=True)
    if not len(source):
        # pydicom gives up all elements of a file where the last delimiter of its pixel data lacks.
        source = pydicom.dcmread(BytesIO(path.read_bytes() + _DELIMITER), force=True)
    if "TransferSyntaxUID" not in source.file_meta:
        implicit, little = source.original_encoding
        explicit = ExplicitVRBigEndian if little is False else ExplicitVRLittleEndian
        source.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return source


def words(source: FileDataset) -> Iterator[NDArray[np.int64]]:
    """Yield the words of each frame as pydicom decodes them, unused bits included."""
    # pydicom needs what readers supply.
    options: dict[str, Any] = {"correct_unused_bits": False}
    if source.get("NumberOfFrames") in (None, "", 0):
        options["number_of_frames"] = 1
    if "SamplesPerPixel" not in source:
        options["samples_per_pixel"] = 1
    if not source.get("PhotometricInterpretation"):
        options["photometric_interpretation"] = "MONOCHROME2"
    decoder = get_decoder(source.file_meta.TransferSyntaxUID)
    mask = (1 << int(source.BitsAllocated)) - 1
    for index in range(int(source.get("NumberOfFrames") or 1)):
        # Its iterator changes arrays that are read-only.
        frame, _ = decoder.as_array(source, index=index, raw=True, **options)
        yield frame.astype(np.int64) & mask


def stored(frame: NDArray[np.int64], bits: int, signed: bool) -> NDArray[np.int64]:
    """Return the low bits of words, with their sign."""
    low = frame & ((1 << bits) - 1)
    return (low ^ (1 << (bits - 1))) - (1 << (bits - 1)) if signed else low


def compare_pixels(source: FileDataset, restored: FileDataset, bits: int) -> int:
    """Return the largest error of all stored values.

    Parameters
    ----------
    bits : int
        Coded as the value; those above them must be the same where the source's encoding has
        any (codestreams other than RLE have not).

    Raises
    ------
    DifferenceError
        Frames of another number or size, or other unused bits.
    """
    most = 0
    syntax = UID(source.file_meta.TransferSyntaxUID)
    whole = not syntax.is_encapsulated or "RLE" in syntax.name
    signed = bool(source.PixelRepresentation)
    try:
        for before, after in zip(words(source), words(restored), strict=True):
            if before.shape != after.shape:
                raise DifferenceError(f"frame of {after.shape}, not {before.shape}")
            error = stored(after, bits, signed) - stored(before, bits, signed)
            most = max(most, int(np.abs(error).max()))
            if not whole:
                continue
            # With the difference of the values' own extension taken out, overlays are left.
            allocated = (1 << int(source.BitsAllocated)) - 1
            first, second = (stored(one, bits, signed) & allocated ^ one for one in (before, after))
            if not np.array_equal(first, second):
                raise DifferenceError("unused bits of the words differ")
    except ValueError as error:
        if "zip()" in str(error):
            raise DifferenceError("another number of frames") from error
        raise
    return most


def compare_elements(source: FileDataset, restored: FileDataset, *, lossy: bool) -> None:
    """Raise `DifferenceError` where an element differs that should not."""
    if (source.preamble or bytes(128)) != restored.preamble:
        raise DifferenceError("another preamble")
    _compare(source.file_meta, restored.file_meta, _META)
    missing = {tag for tag in _IDENTITY if not source.get(tag)}
    may = _PIXELS | missing | (_LOSS if lossy else frozenset())
    groups = _FUNCTIONAL_GROUPS if lossy else ()
    # Groups of commands and of meta information are no part of a data set.
    big = source.original_encoding[1] is False
    _compare(source, restored, may | frozenset(groups), (0x0000, 0x0002), big=big)
    for tag in groups:
        if tag in source:
            _compare_groups(source[tag].value, restored[tag].value)


def check_identity(source: FileDataset, restored: FileDataset, *, lossy: bool) -> None:
    """Raise `DifferenceError` where UIDs or the marks of loss are not as they should be."""
    old, new = str(source.get("SOPInstanceUID", "")), str(restored.get("SOPInstanceUID", ""))
    if new != old and not UID(new).is_valid:
        raise DifferenceError(f"the new SOPInstanceUID {new!r} is not valid")
    if new != restored.file_meta.MediaStorageSOPInstanceUID:
        raise DifferenceError("the file meta information names another instance")
    if lossy == (old == new) and old:
        raise DifferenceError("SOPInstanceUID should be " + ("another" if lossy else "the same"))
    if not lossy:
        return
    if restored.get("LossyImageCompression") != "01":
        raise DifferenceError("not marked as lossy")
    methods, ratios = restored.LossyImageCompressionMethod, restored.LossyImageCompressionRatio
    last = [methods] if isinstance(methods, str) else list(methods)
    count = 1 if isinstance(ratios, int | float) else len(ratios)
    if last[-1] != "RADCODEC" or len(last) != count:
        raise DifferenceError(f"methods {last} and {count} ratios of lossy compression")


def _compare(
    before: Dataset,
    after: Dataset,
    may: frozenset[int] = frozenset(),
    dropped: tuple[int, ...] = (),
    *,
    big: bool = False,
) -> None:
    """Compare two data sets but for some tags, group lengths, and groups that are dropped.

    With `big` the words of the first one have their bytes swapped, of which pydicom takes no
    notice.
    """
    for tag in sorted(set(before.keys()) | set(after.keys())):
        if tag in may or tag.element == 0 or tag.group in dropped:
            continue
        if tag not in after:
            raise DifferenceError(f"{tag} is gone")
        if tag not in before:
            raise DifferenceError(f"{tag} is new")
        if not _same(before, after, tag, big):
            raise DifferenceError(f"{tag} differs")


def _same(before: Dataset, after: Dataset, tag: BaseTag, big: bool) -> bool:
    """Whether an element is the same: its bytes, or what pydicom makes of them."""
    first: object = before.get_item(tag)
    second: object = after.get_item(tag)
    if (
        not big
        and isinstance(first, RawDataElement)
        and isinstance(second, RawDataElement)
        and first.value == second.value
        and first.VR in (None, second.VR)
    ):
        return True
    one, other = before[tag], after[tag]
    if one.VR == "SQ" and other.VR == "SQ":
        if len(one.value) != len(other.value):
            return False
        for left, right in zip(one.value, other.value, strict=True):
            _compare(left, right, big=big)
        return True
    width = _WORDS.get(one.VR, 1) if big else 1
    if width > 1 and isinstance(one.value, bytes) and len(one.value) % width == 0:
        return bool(np.frombuffer(one.value, f">u{width}").byteswap().tobytes() == other.value)
    return bool(one.value == other.value)


def _compare_groups(before: Any, after: Any) -> None:
    """Compare functional groups but for what tells of the loss."""
    if len(before) != len(after):
        raise DifferenceError(f"{len(after)} items of functional groups, not {len(before)}")
    for old, new in zip(before, after, strict=True):
        for tag in sorted(set(old.keys()) | set(new.keys())):
            if tag == _DERIVATION_IMAGE:
                continue
            if tag not in old or tag not in new:
                raise DifferenceError(f"{tag} is not in both of the functional groups")
            if len(old[tag].value) != len(new[tag].value):
                raise DifferenceError(f"{tag} has another number of items")
            for left, right in zip(old[tag].value, new[tag].value, strict=True):
                _compare(left, right, frozenset([_FRAME_TYPE]))
