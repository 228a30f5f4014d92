"""A first look over a data set: the tags that describe pixels, and where the pixels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

from radcodec.errors import DicomError
from radcodec.reading.elements import PIXEL_DATA, Element, Head, MalformedError, elements

#: Tags whose values are needed, by keyword.
WANTED = {
    0x00080016: "SOPClassUID",
    0x00080060: "Modality",
    0x00280002: "SamplesPerPixel",
    0x00280004: "PhotometricInterpretation",
    0x00280006: "PlanarConfiguration",
    0x00280008: "NumberOfFrames",
    0x00280010: "Rows",
    0x00280011: "Columns",
    0x00280100: "BitsAllocated",
    0x00280101: "BitsStored",
    0x00280102: "HighBit",
    0x00280103: "PixelRepresentation",
    0x00280120: "PixelPaddingValue",
    0x7FE00001: "ExtendedOffsetTable",
}
#: Bytes of a value that is wanted; a table of offsets may be longer.  Lists of millions of
#: numbers, which none of them has, would take a parser minutes.
_MOST_VALUE, _MOST_TABLE = 2**12, 2**25
_TABLE = 0x7FE00001


@dataclass(frozen=True)
class Survey:
    """What a look over a data set finds.

    Attributes
    ----------
    tags : Dataset
        The elements of `WANTED` that are there.
    present : set of int
        All tags of groups 0028 and 7FE0 that are there.
    pixels : Element or None
        The pixel data of the top level.
    reached : int
        Bytes of the data set that were gone through before the pixel data.
    """

    tags: Dataset
    present: set[int]
    pixels: Element | None
    reached: int


def survey(stream: BinaryIO, head: Head, size: int, most: int) -> Survey:
    """Look over the data set of a file of `size` bytes, for `most` bytes before the pixels.

    Raises
    ------
    DicomError
        Two pixel data elements.
    MalformedError
        Elements before the pixel data that cannot be followed.
    """
    found: dict[BaseTag, DataElement | RawDataElement] = {}
    present: set[int] = set()
    pixels: Element | None = None
    reached = 0
    try:
        for element in elements(stream, head, size):
            if element.tag >> 16 in (0x0028, 0x7FE0):
                present.add(element.tag)
            if element.tag == PIXEL_DATA:
                if pixels is not None:
                    raise DicomError("two pixel data elements; re-save the file")
                pixels = element
            length = element.end - element.value
            if element.tag in WANTED and element.complete and not element.undefined:
                if length > (_MOST_TABLE if element.tag == _TABLE else _MOST_VALUE):
                    continue
                stream.seek(element.value)
                value = stream.read(length)
                tag = BaseTag(element.tag)
                found[tag] = RawDataElement(
                    tag, element.vr, length, value, element.value, element.implicit, head.little
                )
            # A data set that is too large is not gone through.
            if pixels is None:
                reached = element.end - head.start
                if reached > most:
                    break
    except MalformedError:
        # What follows the pixels may be padding or rubbish; what comes before may not.
        if pixels is None:
            raise
    return Survey(Dataset(found), present, pixels, reached)
