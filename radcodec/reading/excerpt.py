"""A few elements of a data set, for what only shows them.

pydicom reads a whole data set into memory, where it takes many times its size, and turns a
long list of numbers into as many objects.  A data set in an .rcz file may have been made to do
harm, so that only what is wanted is parsed, and only where it is not far too long.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import BinaryIO

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

from radcodec.container.limits import Limits
from radcodec.reading.elements import MalformedError, elements, read_head
from radcodec.reading.guard import only_our_errors, quiet
from radcodec.reading.inflating import deflated, inflate

#: Bytes of a value; sequences and tables, which pydicom does not make lists of, may be longer.
_MOST_VALUE, _MOST_TABLE = 2**12, 2**20
#: Elements of the top level that are looked at.
_MOST_ELEMENTS = 2**17


def excerpt(dataset: bytes, keywords: Iterable[str]) -> Dataset:
    """Return the wanted elements of the top level, as far as they can be found.

    Parameters
    ----------
    dataset : bytes
        A DICOM file; preamble and file meta information may be missing.
    keywords : iterable of str
        What is wanted; others are left out.  Values are parsed when they are asked for, and
        pydicom may raise anything then.

    Raises
    ------
    DicomError
        There is no telling where the data set starts, or it does not inflate.
    LimitError
        It inflates too far.
    """
    name = "the data set"
    wanted = {tag for word in keywords if (tag := tag_for_keyword(word)) is not None}
    found: dict[BaseTag, DataElement | RawDataElement] = {}
    files: list[BinaryIO] = [io.BytesIO(dataset)]
    try:
        with quiet(), only_our_errors(name):
            packed = deflated(files[0])
            if packed is not None:
                files.append(inflate(files[0], packed, Limits().dataset, name))
            _collect(files[-1], wanted, found)
    finally:
        for file in files:
            file.close()
    return Dataset(found)


def _collect(
    stream: BinaryIO, wanted: set[int], found: dict[BaseTag, DataElement | RawDataElement]
) -> None:
    size = stream.seek(0, io.SEEK_END)
    head = read_head(stream)
    try:
        for count, element in enumerate(elements(stream, head, size)):
            if count == _MOST_ELEMENTS:
                return
            length = element.end - element.value
            if element.tag not in wanted or not element.complete:
                continue
            long = any(kind in dictionary_VR(element.tag) for kind in ("SQ", "OW", "OB"))
            if length > (_MOST_TABLE if long else _MOST_VALUE) or (element.undefined and not long):
                continue
            stream.seek(element.value)
            value = stream.read(length)
            tag = BaseTag(element.tag)
            found[tag] = RawDataElement(
                tag,
                element.vr,
                0xFFFFFFFF if element.undefined else length,
                value,
                element.value,
                element.implicit,
                head.little,
            )
    except MalformedError:
        # What was found before is still good.
        return
