"""A first look over a data set: the tags that describe pixels, and where the pixels are."""

from __future__ import annotations

from typing import BinaryIO

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

from radcodec.errors import DicomError
from radcodec.reading.description import WANTED
from radcodec.reading.elements import PIXEL_DATA, Element, Head, MalformedError, elements


def survey(
    stream: BinaryIO, head: Head, size: int, most: int
) -> tuple[Dataset, set[int], Element | None]:
    """Find the wanted tags, which tags of interest are there, and the pixel data element."""
    found: dict[BaseTag, DataElement | RawDataElement] = {}
    present: set[int] = set()
    pixels: Element | None = None
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
                if length > most:
                    continue
                stream.seek(element.value)
                value = stream.read(length)
                tag = BaseTag(element.tag)
                found[tag] = RawDataElement(
                    tag, element.vr, length, value, element.value, element.implicit, head.little
                )
            # A data set that is too large is not gone through.
            if pixels is None and element.end - head.start > most:
                break
    except MalformedError:
        # What follows the pixels may be padding or rubbish; what comes before may not.
        if pixels is None:
            raise
    return Dataset(found), present, pixels
