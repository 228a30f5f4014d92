"""Data sets of any transfer syntax as Explicit VR Little Endian.

Explicit VR Little Endian is cut up but not changed.  From Implicit VR the VR comes from
the dictionaries of pydicom; from Big Endian the bytes of numbers and words are swapped.
Nested sequences are converted too; the retired group lengths, wrong then, are left out.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from radcodec.container.limits import Limits
from radcodec.errors import DicomError, LimitError
from radcodec.writing.elements import (
    EXPLICIT,
    IMPLICIT,
    LONG_VRS,
    BrokenElementError,
    DataSet,
    Element,
    Encoding,
    items,
    make_element,
    make_item,
    read_element,
    read_elements,
)

_MAX_INFLATED = Limits().dataset
#: Elements of file meta information; there are about ten.
_MOST_META = 1000
_PIXEL_REPRESENTATION = 0x00280103
# Of those with a choice, implicit VR means words (PS3.5 A.1); a LUT of words may be long.
_CHOICES = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW"}
_WORD_BYTES = (
    dict.fromkeys(("US", "SS", "OW", "AT"), 2)
    | dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4)
    | dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8)
)


@dataclass(frozen=True)
class Part10:
    """A DICOM file in parts, in Explicit VR Little Endian.

    Attributes
    ----------
    preamble : bytes, 128
        Zeros where the file had none.
    meta : DataSet
        File meta information.
    data : DataSet
        The data set.
    """

    preamble: bytes
    meta: DataSet
    data: DataSet


def read_part10(dataset: bytes) -> Part10:
    """Read a file's elements, converted where they are in another transfer syntax.

    Parameters
    ----------
    dataset : bytes
        A DICOM file; preamble, file meta information and pixel data may be missing.

    Raises
    ------
    DicomError
        What follows the elements that can be read is in another transfer syntax, so that it
        cannot be carried over.
    LimitError
        A deflated data set that inflates too far.
    """
    has_preamble = dataset[128:132] == b"DICM"
    body = dataset[132:] if has_preamble else dataset
    meta_elements: list[Element] = []
    encoding = EXPLICIT
    # Some writers encode even the meta information implicitly.
    if body[:2] == b"\x02\0" and not body[4:6].isupper():
        encoding = IMPLICIT
    at = 0
    while body[at : at + 2] == b"\x02\0":
        if len(meta_elements) == _MOST_META:
            raise DicomError(f"more than {_MOST_META} elements of file meta information")
        element = read_element(body, at, encoding)
        meta_elements.append(element)
        at += len(element.raw)
    body = body[at:]
    if encoding.implicit:
        meta_elements = [_converted(one, encoding, False, {}) for one in meta_elements]
    meta = DataSet(meta_elements)
    if meta.text(0x00020010) == [DeflatedExplicitVRLittleEndian]:
        body = _inflated(body)
    encoding = _encoding_of(body, meta.text(0x00020010))
    elements, tail = to_explicit(body, encoding)
    if encoding != EXPLICIT and tail.strip(b"\0"):
        raise DicomError(
            f"the last {len(tail)} bytes of the source data set are no elements, and cannot be "
            "converted to Explicit VR Little Endian; restore to PNG instead"
        )
    # Groups of commands and of meta information are no part of a data set (PS3.10 7.1).
    kept = [element for element in elements if element.tag >> 16 not in (0x0000, 0x0002)]
    return Part10(dataset[:128] if has_preamble else bytes(128), meta, DataSet(kept, tail))


def _encoding_of(body: bytes, syntax: list[str]) -> Encoding:
    """Tell a data set's encoding by its first element; transfer syntaxes are often wrong."""
    if not (body[4:6].isalpha() and body[4:6].isupper()):
        return EXPLICIT if not body else IMPLICIT
    # A data set starts with a low group: a high one has its bytes swapped.
    swapped = int.from_bytes(body[:2], "little") >= 1024
    return Encoding(little=not (syntax == [ExplicitVRBigEndian] or (not syntax and swapped)))


def _inflated(body: bytes) -> bytes:
    """Inflate within a bound; a stream that is cut short gives what it holds."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(body, _MAX_INFLATED)
    if inflater.unconsumed_tail:
        raise LimitError(f"deflated data set exceeds {_MAX_INFLATED} bytes when inflated")
    return inflated


def to_explicit(
    data: bytes, encoding: Encoding, signed: bool = False
) -> tuple[list[Element], bytes]:
    """Return the elements of a data set in Explicit VR Little Endian, and what follows them.

    Parameters
    ----------
    data : bytes
        Elements.
    encoding : Encoding
        Of `data`.
    signed : bool
        The PixelRepresentation of the data set around this one, for "US or SS".
    """
    elements, tail = read_elements(data, encoding)
    if encoding == EXPLICIT:
        return elements, tail
    creators: dict[int, str] = {}
    for element in elements:
        if element.tag >> 16 & 1 and 0x10 <= element.tag & 0xFFFF <= 0xFF:
            creators[element.tag] = element.value.decode("latin-1").strip(" \0")
        if element.tag == _PIXEL_REPRESENTATION and element.value:
            signed = any(element.value)
    return [
        _converted(element, encoding, signed, creators)
        for element in elements
        if element.tag & 0xFFFF
    ], tail


def as_sequence(element: Element) -> Element:
    """Return a sequence that is encoded as UN as an SQ; others as they are."""
    if element.vr != "UN":
        return element
    return _converted_sequence(element, IMPLICIT, False)


def _converted(
    element: Element, encoding: Encoding, signed: bool, creators: dict[int, str]
) -> Element:
    """Convert one element; what cannot be becomes UN, with its bytes."""
    vr = element.vr
    if vr is None:
        vr = _vr_of(element.tag, signed, creators)
    if vr == "SQ" or (element.undefined and vr != element.vr):
        try:
            return _converted_sequence(element, encoding, signed)
        except BrokenElementError:
            if element.undefined:
                raise
            vr = "UN"
    value = element.value
    if vr == "UN" and element.undefined:
        # Implicit VR Little Endian inside, whatever is around it (PS3.5 6.2.2).
        return make_element(element.tag, vr, value, undefined=True)
    if vr not in LONG_VRS and len(value) >= 1 << 16:
        return make_element(element.tag, "UN", value)
    width = 1 if encoding.little else _WORD_BYTES.get(vr, 1)
    if width > 1:
        whole = len(value) // width * width
        value = np.frombuffer(value[:whole], f">u{width}").byteswap().tobytes() + value[whole:]
    return make_element(element.tag, vr, value)


def _converted_sequence(element: Element, encoding: Encoding, signed: bool) -> Element:
    """Convert the items of a sequence; lengths stay defined or undefined."""
    parts = []
    for item in items(element.value, encoding):
        elements, tail = to_explicit(item.content, encoding, signed)
        if tail:
            raise BrokenElementError(f"{len(tail)} bytes of an item are no element")
        content = b"".join(one.raw for one in elements)
        parts.append(make_item(content, undefined=item.undefined).raw)
    return make_element(element.tag, "SQ", b"".join(parts), undefined=element.undefined)


def _vr_of(tag: int, signed: bool, creators: dict[int, str]) -> str:
    """Look up the VR of an element in implicit VR."""
    group, number = tag >> 16, tag & 0xFFFF
    if group & 1 and 0x10 <= number <= 0xFF:
        return "LO"
    try:
        if group & 1:
            creator = creators[group << 16 | number >> 8]
            vr = private_dictionary_VR(tag, creator)
        else:
            vr = dictionary_VR(tag)
    except KeyError:
        return "UN"
    if vr == "US or SS":
        return "SS" if signed else "US"
    vr = _CHOICES.get(vr, vr)
    return vr if len(vr) == 2 else "UN"
