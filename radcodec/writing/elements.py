"""DICOM data elements as bytes: cutting a data set into elements, and making new ones.

Nothing is interpreted that need not be, so that what is not changed comes back byte for
byte.  Elements that this package makes are in Explicit VR Little Endian (PS3.5 7.1.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from radcodec.errors import DicomError

#: Elements of one data set or item; each takes a hundred times as much memory as in a file.
MAX_ELEMENTS = 2**19
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LONG_VRS = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
_TEXT_VRS = frozenset(
    ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"]
)
_DELIMITER = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
_ITEM_DELIMITER = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)


class BrokenElementError(ValueError):
    """Bytes that are no data element."""


@dataclass(frozen=True)
class Encoding:
    """How the elements of a data set are encoded."""

    implicit: bool = False
    little: bool = True


EXPLICIT = Encoding()
IMPLICIT = Encoding(implicit=True)


@dataclass(frozen=True)
class Element:
    """One data element.

    Attributes
    ----------
    tag : int
        Group in the upper 16 bits.
    vr : str or None
        As encoded; None in implicit VR.
    raw : bytes
        The whole element with its header, and its delimiter where its length is undefined.
    start : int
        Where in `raw` the value starts.
    undefined : bool
        True for undefined length.
    """

    tag: int
    vr: str | None
    raw: bytes
    start: int
    undefined: bool = False

    @property
    def value(self) -> bytes:
        """The value, without the delimiter that ends an undefined length."""
        return self.raw[self.start : -8 if self.undefined else None]


def make_element(tag: int, vr: str, value: bytes, *, undefined: bool = False) -> Element:
    """Encode an element; a value of odd length is padded as its VR asks (PS3.5 6.2).

    Raises
    ------
    ValueError
        A value too long for its VR.
    """
    if len(value) % 2:
        value += b" " if vr in _TEXT_VRS else b"\0"
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode("ascii"))
    if vr in LONG_VRS:
        head += struct.pack("<HI", 0, UNDEFINED if undefined else len(value))
    elif len(value) < 1 << 16:
        head += struct.pack("<H", len(value))
    else:
        raise ValueError(f"{len(value)} bytes are too many for VR {vr}")
    return Element(tag, vr, head + value + (_DELIMITER if undefined else b""), len(head), undefined)


def read_header(data: bytes, at: int, encoding: Encoding) -> tuple[int, str | None, int, int]:
    """Return an element's tag, VR, offset of its value and length of it.

    As pydicom does, two bytes that cannot be a VR are taken for the length of an element in
    implicit VR, and an unknown VR for one with a 16-bit length.
    """
    order = "<" if encoding.little else ">"
    if len(data) - at < 8:
        raise BrokenElementError(f"no element at {at}")
    group, number, length = struct.unpack_from(f"{order}HHI", data, at)
    tag, vr = group << 16 | number, data[at + 4 : at + 6]
    if encoding.implicit or group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
        return tag, None, at + 8, length
    name = vr.decode("ascii")
    if name not in LONG_VRS:
        return tag, name, at + 8, struct.unpack_from(f"{order}H", data, at + 6)[0]
    if len(data) - at < 12:
        raise BrokenElementError(f"no element at {at}")
    return tag, name, at + 12, struct.unpack_from(f"{order}I", data, at + 8)[0]


def read_element(data: bytes, at: int, encoding: Encoding) -> Element:
    """Read the element that starts at an offset; BrokenElementError where there is none."""
    tag, vr, start, length = read_header(data, at, encoding)
    # Item tags have no place between elements, and zeros are padding.
    if tag >> 16 == 0xFFFE or (tag == 0 and vr is None and length == 0):
        raise BrokenElementError(f"no element at {at}")
    undefined = length == UNDEFINED
    end = _sequence_end(data, start, _inside(encoding, vr)) if undefined else start + length
    if end > len(data):
        raise BrokenElementError(f"element at {at} goes past the end")
    return Element(tag, vr, data[at:end], start - at, undefined)


def read_elements(data: bytes, encoding: Encoding = EXPLICIT) -> tuple[list[Element], bytes]:
    """Cut a data set into elements; also return what follows the last that can be read."""
    elements: list[Element] = []
    at = 0
    while at < len(data):
        try:
            element = read_element(data, at, encoding)
        except BrokenElementError:
            break
        if len(elements) == MAX_ELEMENTS:
            raise DicomError(f"a data set of more than {MAX_ELEMENTS} elements; restore to PNG")
        elements.append(element)
        at += len(element.raw)
    return elements, data[at:]


def _inside(encoding: Encoding, vr: str | None) -> Encoding:
    """Return how the items of a sequence are encoded: those of a UN implicitly (PS3.5 6.2.2)."""
    return IMPLICIT if vr == "UN" else encoding


def _sequence_end(data: bytes, at: int, encoding: Encoding) -> int:
    """Return the offset after the delimiter of the sequence whose items start at an offset."""
    while True:
        tag, _, start, length = read_header(data, at, encoding)
        if tag == SEQUENCE_END:
            return start
        if tag != ITEM:
            raise BrokenElementError(f"no item at {at}")
        at = start + length if length != UNDEFINED else _item_end(data, start, encoding) + 8


def _item_end(data: bytes, at: int, encoding: Encoding) -> int:
    """Return the offset of the delimiter of the item whose elements start at an offset."""
    while True:
        tag, vr, start, length = read_header(data, at, encoding)
        if tag == ITEM_END:
            return at
        if tag >> 16 == 0xFFFE:
            raise BrokenElementError(f"no element at {at}")
        undefined = length == UNDEFINED
        at = _sequence_end(data, start, _inside(encoding, vr)) if undefined else start + length


@dataclass(frozen=True)
class Item:
    """One item of a sequence: its bytes with header and any delimiter, and its elements."""

    raw: bytes
    undefined: bool

    @property
    def content(self) -> bytes:
        """The item's data set."""
        return self.raw[8 : -8 if self.undefined else None]


def make_item(content: bytes, *, undefined: bool = False) -> Item:
    """Encode an item of Explicit VR Little Endian elements."""
    length = UNDEFINED if undefined else len(content)
    head = struct.pack("<HHI", 0xFFFE, 0xE000, length)
    return Item(head + content + (_ITEM_DELIMITER if undefined else b""), undefined)


def items(value: bytes, encoding: Encoding = EXPLICIT) -> Iterator[Item]:
    """Cut a sequence's value into items; BrokenElementError where that cannot be done."""
    at = 0
    while at < len(value):
        tag, _, start, length = read_header(value, at, encoding)
        if tag != ITEM:
            raise BrokenElementError(f"no item at {at}")
        undefined = length == UNDEFINED
        end = _item_end(value, start, encoding) + 8 if undefined else start + length
        if end > len(value):
            raise BrokenElementError(f"item at {at} goes past the end")
        yield Item(value[at:end], undefined)
        at = end


class DataSet:
    """Elements in order, with a few of them replaced, added or removed.

    Of several elements with one tag the last counts, as for pydicom.
    """

    def __init__(self, elements: list[Element], tail: bytes = b"") -> None:
        self.elements = list(elements)
        #: What follows the last element that can be read.
        self.tail = tail
        self._changed: set[int] = set()

    def __contains__(self, tag: int) -> bool:
        return any(element.tag == tag for element in self.elements)

    def get(self, tag: int) -> Element | None:
        """Return an element, or None."""
        return next((one for one in reversed(self.elements) if one.tag == tag), None)

    def put(self, element: Element) -> None:
        """Replace the element with this tag in its place, or insert it by order of tags."""
        at = next((i for i, one in enumerate(self.elements) if one.tag == element.tag), None)
        if at is None:
            lower = [i for i, one in enumerate(self.elements) if one.tag < element.tag]
            at = lower[-1] + 1 if lower else 0
        self.remove(element.tag)
        self.elements.insert(at, element)
        self._changed.add(element.tag >> 16)

    def remove(self, tag: int) -> None:
        """Remove an element if it is there."""
        kept = [one for one in self.elements if one.tag != tag]
        if len(kept) != len(self.elements):
            self._changed.add(tag >> 16)
        self.elements = kept

    def drop_stale_lengths(self) -> None:
        """Remove the group lengths, retired since 2008, of groups that have changed."""
        for group in list(self._changed):
            self.remove(group << 16)

    def text(self, tag: int) -> list[str]:
        """Return the values of a string, without padding; none where absent or empty."""
        element = self.get(tag)
        if element is None or not element.value.strip(b" \0"):
            return []
        return [part.strip(" \0") for part in element.value.decode("latin-1").split("\\")]

    def integer(self, tag: int) -> int | None:
        """Return an element's first value as a number, whatever its VR; None where there is none."""
        element = self.get(tag)
        if element is None or not element.value:
            return None
        if element.vr in ("DS", "IS"):
            try:
                return int(float(self.text(tag)[0]))
            except (IndexError, OverflowError, ValueError):
                return None
        width = 4 if element.vr in ("UL", "SL") else 2
        return int.from_bytes(element.value[:width], "little", signed=element.vr in ("SS", "SL"))

    def put_text(self, tag: int, vr: str, *values: str) -> None:
        """Set a string."""
        self.put(make_element(tag, vr, "\\".join(values).encode("ascii")))

    def put_short(self, tag: int, value: int, vr: str = "US") -> None:
        """Set one 16-bit number, US or SS."""
        self.put(make_element(tag, vr, (value & 0xFFFF).to_bytes(2, "little")))

    def encoded(self) -> bytes:
        """Return the elements' bytes, without the tail."""
        return b"".join(element.raw for element in self.elements)
