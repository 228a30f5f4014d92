"""A codec at a wanted size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs.base import Codec, Knob
from radcodec.codec import peak_of
from radcodec.metrics.quality import psnr

#: Encodings of one variant before the search ends.
_TRIES = 24


@dataclass(frozen=True)
class Point:
    """One file of a codec.

    Attributes
    ----------
    knob : Knob
        The setting that made it.
    size : int
        Bytes of the file.
    decoded : ndarray of int32, shape (rows, columns)
        Stored values that it restores.
    """

    knob: Knob
    size: int
    decoded: NDArray[np.int32]


class _Search:
    """Files of one image and one codec, each made once."""

    def __init__(self, codec: Codec, stored: NDArray[np.int32], target: int) -> None:
        self.codec, self.stored, self.target = codec, stored, target
        self.files: dict[Knob, bytes] = {}

    def miss(self, knob: Knob) -> float:
        """Log of file size over wanted size."""
        if knob not in self.files:
            self.files[knob] = self.codec.encode(self.stored, knob)
        return math.log(len(self.files[knob]) / self.target)

    def nearest(self, knobs: list[Knob], tolerance: float) -> Knob:
        """Halve the settings of one variant, coarse to fine, then the gap between two."""
        low, high = 0, len(knobs) - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.miss(knobs[middle]) < 0 else (low, middle)
        coarse, fine = knobs[low], knobs[high]
        tried = [coarse, fine]
        while len(tried) < _TRIES and min(abs(self.miss(knob)) for knob in tried) > tolerance:
            if self.miss(coarse) > 0 or self.miss(fine) < 0:
                break
            value = (coarse.value + fine.value) / 2
            middle_knob = Knob(round(value) if self.codec.WHOLE else value, coarse.variant)
            if middle_knob in tried:
                break
            tried.append(middle_knob)
            if self.miss(middle_knob) < 0:
                coarse = middle_knob
            else:
                fine = middle_knob
        return min(tried, key=lambda knob: abs(self.miss(knob)))


def match(
    codec: Codec, stored: NDArray[np.int32], target_bytes: int, tolerance: float = 0.02
) -> Point:
    """Search a codec's own settings for a file of a wanted size.

    Parameters
    ----------
    codec : Codec
        Which codec.
    stored : ndarray of int32, shape (rows, columns)
        Stored values.
    target_bytes : int
        Wanted size, above 0.
    tolerance : float
        Relative difference of size that ends the search.

    Returns
    -------
    Point
        Of the variants' files within the tolerance, the one of highest PSNR; where there is
        none (a codec of few settings, or a size out of its reach), the nearest in size.
        `Point.size` says what was reached.
    """
    search = _Search(codec, stored, target_bytes)
    points: list[Point] = []
    for variant in dict.fromkeys(knob.variant for knob in codec.KNOBS):
        knob = search.nearest([k for k in codec.KNOBS if k.variant == variant], tolerance)
        data = search.files[knob]
        points.append(Point(knob, len(data), codec.decode(data, codec.scaling(stored, knob))))
    peak = peak_of(stored)
    near = [p for p in points if abs(p.size / target_bytes - 1) <= tolerance]
    if near:
        return max(near, key=lambda point: psnr(stored, point.decoded, peak))
    return min(points, key=lambda point: abs(math.log(point.size / target_bytes)))
