"""Which bytes of compressed pixel data belong to which frame (PS3.5 A.4)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
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

    def length(self, frame: int) -> int:
        """Return how many bytes of a codestream a frame has."""
        return sum(self.lengths[self.firsts[frame] : self.firsts[frame + 1]])

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
    extended: bytes = b"",
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
    extended : bytes
        Value of the Extended Offset Table; empty where there is none.

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
    base = table_at + table_bytes
    places = np.frombuffer(offsets, np.uint64) - np.uint64(8 + base)
    stream.seek(table_at)
    # No table has more entries than there are fragments, so that memory is bounded.
    basic = stream.read(table_bytes) if table_bytes < 4 * (there + 1) else b""
    for table, kind in ((extended, "<u8"), (basic, "<u4")):
        count = len(table) // np.dtype(kind).itemsize
        pointed = _firsts(np.frombuffer(table, kind, count), places)
        if pointed is not None and len(pointed) >= frames:
            pointed.append(there)
            return FrameIndex(offsets, lengths, pointed[: frames + 1])
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


def _firsts(table: NDArray[np.unsignedinteger], places: NDArray[np.uint64]) -> array[int] | None:
    """Fragments that a table of offsets points at; None where it points elsewhere or back."""
    if len(table) > len(places):
        return None
    wanted = table.astype(np.uint64)
    found = np.searchsorted(places, wanted)
    if not np.array_equal(places[np.minimum(found, len(places) - 1)], wanted):
        return None
    if np.any(found[1:] <= found[:-1]):
        return None
    return array("Q", found.astype(np.uint64).tobytes())
