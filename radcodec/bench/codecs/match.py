"""A codec at a wanted size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Codec, Knob
from radcodec.codec import peak_of
from radcodec.errors import RadcodecError
from radcodec.metrics.quality import psnr

#: Relative difference of size that counts as met.
TOLERANCE = 0.02
#: Encodings of one variant before the search ends.
_TRIES = 24


@dataclass(frozen=True)
class Point:
    """One file of a codec.

    Attributes
    ----------
    knob : Knob
        The setting that made it.
    data : bytes
        The whole file.
    decoded : ndarray of int32, shape (rows, columns)
        Stored values that it restores.
    psnr : float
        dB, the peak being the image's own range.
    """

    knob: Knob
    data: bytes
    decoded: NDArray[np.int32]
    psnr: float

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)


class Matcher:
    """Files of one image and one codec, each made once however many sizes are asked for.

    Parameters
    ----------
    codec : Codec
        Which codec.
    stored : ndarray of int32, shape (rows, columns)
        Stored values.
    encode : callable, optional
        Takes the place of `codec.encode`, for callers that measure it.
    """

    def __init__(
        self,
        codec: Codec,
        stored: NDArray[np.int32],
        encode: Callable[[NDArray[np.int32], Knob], bytes] | None = None,
    ) -> None:
        self.codec, self.stored = codec, stored
        self._encode = encode or codec.encode
        self._peak = peak_of(stored)
        self._files: dict[Knob, bytes] = {}
        self._points: dict[Knob, Point] = {}

    def _miss(self, knob: Knob, target: int) -> float:
        """Log of file size over wanted size."""
        if knob not in self._files:
            self._files[knob] = self._encode(self.stored, knob)
        return math.log(len(self._files[knob]) / target)

    def _nearest(self, knobs: list[Knob], target: int, tolerance: float) -> Knob:
        """Halve the settings of one variant, coarse to fine, then the gap between two."""
        low, high = 0, len(knobs) - 1
        while high - low > 1:
            middle = (low + high) // 2
            small = self._miss(knobs[middle], target) < 0
            low, high = (middle, high) if small else (low, middle)
        coarse, fine = knobs[low], knobs[high]
        tried = [coarse, fine]
        while (
            len(tried) < _TRIES and min(abs(self._miss(knob, target)) for knob in tried) > tolerance
        ):
            if self._miss(coarse, target) > 0 or self._miss(fine, target) < 0:
                break
            value = (coarse.value + fine.value) / 2
            middle_knob = Knob(round(value) if self.codec.WHOLE else value, coarse.variant)
            if middle_knob in tried:
                break
            tried.append(middle_knob)
            if self._miss(middle_knob, target) < 0:
                coarse = middle_knob
            else:
                fine = middle_knob
        return min(tried, key=lambda knob: abs(self._miss(knob, target)))

    def _point(self, knob: Knob) -> Point:
        if knob not in self._points:
            data = self._files[knob]
            decoded = self.codec.decode(data, self.codec.scaling(self.stored, knob))
            if decoded.shape != self.stored.shape:
                raise RadcodecError(f"restored as {decoded.shape}, not {self.stored.shape}")
            decibels = psnr(self.stored, decoded, self._peak)
            self._points[knob] = Point(knob, data, decoded, decibels)
        return self._points[knob]

    def match(self, target_bytes: int, tolerance: float = TOLERANCE) -> Point:
        """Search the codec's own settings for a file of a wanted size.

        Parameters
        ----------
        target_bytes : int
            Wanted size, above 0.
        tolerance : float
            Relative difference of size that ends the search.

        Returns
        -------
        Point
            Of the variants' files within the tolerance, the one of highest PSNR; where there
            is none (a codec of few settings, or a size out of its reach), the nearest in
            size.  `Point.size` says what was reached.
        """
        points: list[Point] = []
        for variant in dict.fromkeys(knob.variant for knob in self.codec.KNOBS):
            knobs = [knob for knob in self.codec.KNOBS if knob.variant == variant]
            points.append(self._point(self._nearest(knobs, target_bytes, tolerance)))
        near = [p for p in points if abs(p.size / target_bytes - 1) <= tolerance]
        if near:
            return max(near, key=lambda point: point.psnr)
        return min(points, key=lambda point: abs(math.log(point.size / target_bytes)))
