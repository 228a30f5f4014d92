"""Which bytes of compressed pixel data belong to which frame (PS3.5 A.4)."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.uid import UID, RLELossless

from radcodec.reading.elements import MalformedError, items

#: So that a file of empty fragments cannot take memory many times its size.
MAX_FRAGMENTS = 2**22


@dataclass(frozen=True)
class FrameIndex:
    """Fragments of compressed pixel data, and the first one of each frame.

    Attributes
    ----------
    offsets, lengths : array of uint64
        Place of each fragment's bytes in the file.
    firsts : sequence of int
        Index of each frame's first fragment, and one more for the end of the last frame.
    """

    offsets: array[int]
    lengths: array[int]
    firsts: Sequence[int]

    def read(self, stream: BinaryIO, frame: int) -> bytes:
        """Return the compressed bytes of a frame, its fragments joined."""
        parts = []
        for fragment in range(self.firsts[frame], self.firsts[frame + 1]):
            stream.seek(self.offsets[fragment])
            parts.append(stream.read(self.lengths[fragment]))
        return b"".join(parts)


def index_frames(
    stream: BinaryIO,
    start: int,
    end: int,
    *,
    frames: int,
    syntax: UID,
    extended: Sequence[int] = (),
) -> FrameIndex:
    """Find the frames in a compressed pixel data element.

    An offset table is believed where it points at fragments and is long enough.  Otherwise
    a frame is a fragment, or ends with the marker that ends JPEG codestreams.

    Parameters
    ----------
    stream : BinaryIO
        The file.
    start, end : int
        The element's value, from its Basic Offset Table on.
    frames : int
        How many there should be; at least 1.
    syntax : UID
        Transfer syntax; in RLE a frame is always one fragment.
    extended : sequence of int
        Extended Offset Table; empty where there is none.

    Raises
    ------
    MalformedError
        Fewer frames than there should be, too many fragments, or damaged items.
    """
    found = items(stream, start, end)
    table_at, table_bytes = next(found, (start, 0))
    offsets, lengths = array("Q"), array("Q")
    for offset, length in found:
        if len(offsets) == MAX_FRAGMENTS:
            raise MalformedError(f"pixel data of more than {MAX_FRAGMENTS} fragments")
        offsets.append(offset)
        lengths.append(length)
    there = len(offsets)
    if there < frames:
        raise MalformedError(f"truncated: {there} of {frames} frames")
    stream.seek(table_at)
    basic = struct.unpack(f"<{table_bytes // 4}L", stream.read(table_bytes // 4 * 4))
    base = table_at + table_bytes
    places = {offset - 8 - base: fragment for fragment, offset in enumerate(offsets)}
    for table in (extended, basic):
        firsts = [places.get(offset, -1) for offset in table]
        if len(firsts) >= frames and -1 not in firsts and firsts == sorted(set(firsts)):
            return FrameIndex(offsets, lengths, [*firsts, there][: frames + 1])
    if there == frames or syntax == RLELossless:
        return FrameIndex(offsets, lengths, range(frames + 1))
    if frames == 1:
        return FrameIndex(offsets, lengths, (0, there))
    firsts = [0]
    for fragment in range(there):
        # The marker may be followed by padding.
        tail = min(lengths[fragment], 10)
        stream.seek(offsets[fragment] + lengths[fragment] - tail)
        if b"\xff\xd9" in stream.read(tail):
            firsts.append(fragment + 1)
    if len(firsts) <= frames:
        raise MalformedError(
            f"{frames} frames claimed, {len(firsts) - 1} found in {there} fragments"
        )
    return FrameIndex(offsets, lengths, firsts[: frames + 1])
