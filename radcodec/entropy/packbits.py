"""How much the runs of DICOM's RLE (PS3.5 G.3) unpack to, without unpacking them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled


@compiled
def _length(data: NDArray[np.uint8]) -> int:
    at, length, size = 0, 0, len(data)
    while at < size:
        head = int(data[at])
        if head < 128:
            # Bytes that are there to be copied.
            length += min(head + 1, size - at - 1)
            at += head + 2
        elif head > 128:
            length += 257 - head if at + 1 < size else 0
            at += 2
        else:
            at += 1
    return length


def unpacked_length(segment: bytes) -> int:
    """Return the bytes that a segment unpacks to; runs that are cut short count as they are."""
    return int(_length(np.frombuffer(segment, dtype=np.uint8)))
