"""What a file loses: PSNR, maximum error and a hash of what decodes from it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.decoder import checksum_of
from radcodec.container.rcz import DIGEST_LENGTH, Quality, RczFile
from radcodec.metrics.quality import decibels


def peak_of(stored: NDArray[np.int32]) -> int:
    """Peak for PSNR: the image's own range of stored values, at least 1."""
    return max(int(stored.max()) - int(stored.min()), 1)


class Measured:
    """What a file loses, gathered frame by frame."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._squares, self._values = 0, 0
        self._low, self._high = 2**31, -(2**31)
        self.max_error = 0

    def add(self, source: NDArray[np.int32], decoded: NDArray[np.int32]) -> None:
        """Take a frame (samples, rows, columns) and what it decodes to."""
        difference = source.astype(np.int64) - decoded
        self._squares += int((difference * difference).sum())
        self._values += source.size
        self._low = min(self._low, int(source.min()))
        self._high = max(self._high, int(source.max()))
        self.max_error = max(self.max_error, int(np.abs(difference).max()))
        self._digest.update(np.ascontiguousarray(decoded, dtype="<i4").data)

    def quality(self) -> Quality:
        """What a file records of it; the peak is the range of all frames, at least 1."""
        peak = max(self._high - self._low, 1)
        psnr = decibels(self._squares / self._values, peak)
        return Quality(psnr, self.max_error, self._digest.digest()[:DIGEST_LENGTH])


def measured(file: RczFile, stored: NDArray[np.int32], decoded: NDArray[np.int32]) -> RczFile:
    """Record in the file of one grey image what decodes from it, beside the source's values."""
    lost = Measured()
    lost.add(stored[None], decoded[None])
    planes = [replace(file.planes[0], checksum=checksum_of(decoded))]
    return replace(file, planes=planes, quality=lost.quality())
