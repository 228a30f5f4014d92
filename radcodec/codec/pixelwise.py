"""One image coded pixel by pixel, without networks: files of any quality level.

At high rates prediction from neighbours beats transforms and networks, in MR and CT above all,
as what is left there is noise (docs/experiments.md, "Pixels instead of networks").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.headers import header_of
from radcodec.codec.lossless import Coded, as_pixels
from radcodec.codec.measuring import peak_of
from radcodec.codec.plans import PIXELS
from radcodec.codec.prepared import Prepared
from radcodec.container.planes import Plane, pack_plane
from radcodec.container.rcz import RczFile, fixed_bytes
from radcodec.entropy.residual import NEAREST
from radcodec.metrics.quality import psnr
from radcodec.rate import last_that

#: Rounding of large steps, and of small ones in turn, so that sizes lie close to each other.
ROUNDING, ROUNDINGS = 96, (112, 96, 80)
#: Steps below this take all of `ROUNDINGS`.
SMALL_STEP = 16
#: Ratio of large steps.
GROWTH = 1.06
#: Largest step.
LARGEST_STEP = 1024


def ladder() -> list[tuple[int, int]]:
    """Steps in stored values and roundings of the levels, from no loss at all on."""
    found = [(1, NEAREST)]
    found += [(step, rounding) for step in range(2, SMALL_STEP) for rounding in ROUNDINGS]
    step = SMALL_STEP
    while step <= LARGEST_STEP:
        found.append((step, ROUNDING))
        step = max(step + 1, round(step * GROWTH))
    return found


LADDER = ladder()


class PixelEncoder:
    """One image without networks; the methods of `Encoder`.

    Parameters
    ----------
    prepared : Prepared
        The image.
    modality : str
        As the header is to say.
    """

    def __init__(self, prepared: Prepared, modality: str) -> None:
        self.prepared, self.plan = prepared, PIXELS
        self.header = header_of(prepared.image, modality)
        self._coded: dict[int, Coded] = {}
        self._sizes: dict[int, int] = {}

    def _at(self, level: int) -> Coded:
        if level not in self._coded:
            step, rounding = LADDER[level]
            # Decoded images are large: the last ones alone are kept.
            if len(self._coded) > 2:
                del self._coded[next(iter(self._coded))]
            self._coded[level] = as_pixels(self.prepared, step, self.header, rounding)
        return self._coded[level]

    def plane(self, level: int) -> Plane:
        """What a file holds of the image at a level; the checksum is not set."""
        return self._at(level).plane

    def file(self, level: int) -> RczFile:
        """The file of the image alone at a level, without measurements."""
        return RczFile(self.header, [self.plane(level)], self.prepared.image.dataset)

    def plane_size(self, level: int, *, plain: bool = False) -> int:
        """Bytes that the image takes in a file at a level, `plain` as it is without a filter."""
        if level not in self._sizes:
            self._sizes[level] = len(pack_plane(self.plane(level), self.header, 0))
        return self._sizes[level]

    def size(self, level: int) -> int:
        """Bytes of the file of the image alone at a level, measurements included."""
        return self.plane_size(level) + fixed_bytes(self.header) + self.prepared.dataset_size

    def decoded(self, level: int) -> NDArray[np.int32]:
        """Stored values that the file of a level decodes to."""
        return self._at(level).decoded

    def psnr(self, level: int) -> float:
        """PSNR in dB of the file of a level."""
        stored = self.prepared.image.stored
        return psnr(stored, self.decoded(level), peak_of(stored))

    def within(self, wanted: float) -> int | None:
        """The finest level whose file is no larger than wanted, None where the coarsest is."""
        if self.size(_FIRST_TRIED) <= wanted:
            low, high = -1, _FIRST_TRIED
        else:
            low, high = _FIRST_TRIED, len(LADDER)
        level = 1 + last_that(lambda level: self.size(level) > wanted, low, high)
        return level if level < len(LADDER) else None

    def reaching(self, wanted: float) -> int:
        """The coarsest level that reaches a PSNR in dB; the finest, without loss, always does."""
        return last_that(lambda level: self.psnr(level) >= wanted, 0, len(LADDER))


#: Level to begin a search with.
_FIRST_TRIED = LADDER.index((SMALL_STEP, ROUNDING))
