"""Where the elements of a DICOM data set lie, found without reading their values.

pydicom reads a data set into memory, recursing into sequences.  Here only the headers are
read and nesting is a list, so that neither the size of the pixel data nor the depth of a
hostile file matters.  Deviations that pydicom puts up with are put up with here too.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.filereader import read_partial
from pydicom.uid import UID
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

PIXEL_DATA = 0x7FE00010
#: Nesting that pydicom can still write back; files go about ten deep.
MAX_DEPTH = 64
#: Preamble, command set and file meta information are looked for in so many bytes.
_HEAD_BYTES = 2**20
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_VRS = frozenset(vr.value.encode() for vr in VR)
_LONG_VRS = frozenset(vr.value.encode() for vr in EXPLICIT_VR_LENGTH_32)


class MalformedError(Exception):
    """Bytes that are no data set; the message says where."""


@dataclass(frozen=True)
class Head:
    """What comes before the data set.

    Attributes
    ----------
    start : int
        Where the data set starts.
    implicit, little : bool
        Its encoding.
    syntax : UID or None
        Transfer syntax, where one is given.
    media_class : str
        Media Storage SOP Class UID; empty where there is none.
    """

    start: int
    implicit: bool
    little: bool
    syntax: UID | None
    media_class: str


@dataclass(frozen=True)
class Element:
    """One element of the top level: where it begins, its value, and where it ends.

    Attributes
    ----------
    tag : int
        Group and element number.
    vr : str or None
        Value representation; None where the encoding is implicit.
    begin, value, end : int
        Offsets of the header, of the value, and behind the element with its delimiter.
    undefined : bool
        True for a value that a delimiter ends.
    complete : bool
        False where the file ends first.
    implicit : bool
        How this element is encoded.
    """

    tag: int
    vr: str | None
    begin: int
    value: int
    end: int
    undefined: bool
    complete: bool
    implicit: bool


def read_head(stream: BinaryIO) -> Head:
    """Read what comes before the data set; raises what pydicom raises."""
    stream.seek(0)
    head = io.BytesIO(stream.read(_HEAD_BYTES))
    found = read_partial(head, stop_when=lambda tag, vr, length: True, force=True)
    implicit, little = found.original_encoding
    syntax = found.file_meta.get("TransferSyntaxUID")
    return Head(
        start=head.tell(),
        implicit=bool(implicit),
        little=little is not False,
        syntax=UID(str(syntax).strip()) if syntax else None,
        media_class=str(found.file_meta.get("MediaStorageSOPClassUID") or ""),
    )


def elements(stream: BinaryIO, head: Head, size: int) -> Iterator[Element]:
    """Yield the elements of the top level in the order of the file.

    Parameters
    ----------
    stream : BinaryIO
        Seekable; moved at will between two elements.
    head : Head
        As `read_head` returns it.
    size : int
        Bytes in the stream.

    Raises
    ------
    MalformedError
        Sequences that cannot be followed, or nested more than `MAX_DEPTH` deep.
    """
    at = head.start
    while (found := _header(stream, at, head.implicit, head.little)) is not None:
        tag, vr, value, length, implicit = found
        if tag == _ITEM_END:
            return
        undefined = length == _UNDEFINED
        end: int | None = value + length
        if undefined:
            end = _skip_items(stream, value, size, implicit, head.little)
        elif value + length > size:
            end = None
        name = None if vr is None else vr.decode("latin-1")
        yield Element(
            tag, name, at, value, size if end is None else end, undefined, end is not None, implicit
        )
        if end is None:
            return
        at = end


def items(stream: BinaryIO, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of the values of little-endian items of defined length.

    Raises
    ------
    MalformedError
        Something else than an item, or an item that the value ends in.
    """
    while at + 8 <= end:
        stream.seek(at)
        group, number, length = struct.unpack("<HHL", stream.read(8))
        tag = group << 16 | number
        if tag == _SEQUENCE_END:
            return
        if tag != _ITEM:
            raise MalformedError(f"no item but ({group:04X},{number:04X}) at byte {at}")
        if at + 8 + length > end:
            raise MalformedError(f"truncated: the item at byte {at} has {length} bytes")
        yield at + 8, length
        at += 8 + length


def _header(
    stream: BinaryIO, at: int, implicit: bool, little: bool
) -> tuple[int, bytes | None, int, int, bool] | None:
    """Return tag, VR, offset of the value, its length and encoding; None at the file's end."""
    order = "<" if little else ">"
    stream.seek(at)
    raw = stream.read(8)
    if len(raw) < 8:
        return None
    group, number, length = struct.unpack(f"{order}HHL", raw)
    tag = group << 16 | number
    vr = raw[4:6]
    # Delimiters have no VR, and some writers switch to implicit encoding on the way.
    if implicit or group == 0xFFFE or not (vr in _VRS or b"AA" <= vr <= b"ZZ"):
        return tag, None, at + 8, length, True
    if vr not in _LONG_VRS:
        return tag, vr, at + 8, struct.unpack(f"{order}H", raw[6:])[0], False
    long = stream.read(4)
    if len(long) < 4:
        return None
    return tag, vr, at + 12, struct.unpack(f"{order}L", long)[0], False


def _skip_items(stream: BinaryIO, at: int, size: int, implicit: bool, little: bool) -> int | None:
    """Return the offset behind a value of undefined length; None where the file ends first."""
    # What is open, outermost first: values (False) and items (True) with their encoding.
    inside: list[tuple[bool, bool]] = [(False, implicit)]
    while inside:
        if len(inside) > 2 * MAX_DEPTH:
            raise MalformedError(f"sequences nested more than {MAX_DEPTH} deep at byte {at}")
        in_item, implicit = inside[-1]
        found = _header(stream, at, implicit or not in_item, little)
        if found is None:
            return None
        tag, _, value, length, encoding = found
        at = value
        if tag == (_ITEM_END if in_item else _SEQUENCE_END):
            inside.pop()
        elif (tag == _ITEM) == in_item:
            raise MalformedError(f"unexpected ({tag >> 16:04X},{tag & 0xFFFF:04X}) at byte {at}")
        elif length != _UNDEFINED:
            at += length
            if at > size:
                return None
        elif in_item:
            inside.append((False, encoding))
        else:
            inside.append((True, implicit or _looks_implicit(stream, at)))
    return at


def _looks_implicit(stream: BinaryIO, at: int) -> bool:
    """Tell whether an item's first element lacks a VR, as in a sequence of VR UN."""
    stream.seek(at)
    vr = stream.read(6)[4:]
    return len(vr) == 2 and not all(0x40 < letter < 0x5B for letter in vr)
