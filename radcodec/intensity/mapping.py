"""The integer mapping between stored values and the networks' unit interval.

Stored values are what the file holds before any rescale slope or modality LUT.
The mapping is affine and given by integers alone, so that the way back from the
decompressor's fixed-point output is integer arithmetic and gives the same bits on
every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class IntensityMap:
    """Affine map from stored values to [0, 1].

    Attributes
    ----------
    low, high : int
        Smallest and largest stored value that the map covers; `low <= high`.
    inverted : bool
        True where `high` maps to 0, so that MONOCHROME1 images reach the networks
        with air dark, as the networks were trained.
    """

    low: int
    high: int
    inverted: bool = False

    def __post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError(f"intensity map is empty: low {self.low} > high {self.high}")

    @property
    def span(self) -> int:
        """Number of stored-value steps between `low` and `high`, at least 1."""
        return max(self.high - self.low, 1)

    @classmethod
    def covering(
        cls, stored: NDArray[np.integer], exclude: NDArray[np.bool_] | None, inverted: bool
    ) -> IntensityMap:
        """Return the tightest map for the pixels of `stored` that are not excluded.

        Parameters
        ----------
        stored : ndarray of int, shape (rows, columns)
            Stored values.
        exclude : ndarray of bool, shape (rows, columns), or None
            Pixels that the networks need not represent (the background).
        inverted : bool
            Passed on to the map.
        """
        seen = stored if exclude is None else stored[~exclude]
        if seen.size == 0:
            seen = stored
        return cls(int(seen.min()), int(seen.max()), inverted)

    def to_unit(self, stored: NDArray[np.integer]) -> NDArray[np.float32]:
        """Map stored values to float32 in [0, 1]; values outside the map are clipped."""
        clipped = np.clip(stored.astype(np.int32), self.low, self.high)
        steps = (self.high - clipped) if self.inverted else (clipped - self.low)
        unit: NDArray[np.float32] = steps.astype(np.float32) / np.float32(self.span)
        return unit

    def from_fixed(self, fixed: NDArray[np.integer], fraction_bits: int) -> NDArray[np.int32]:
        """Map fixed-point network output back to stored values, in integers only.

        Parameters
        ----------
        fixed : ndarray of int
            Values in units of 2**-fraction_bits; clamped to [0, 1] first.
        fraction_bits : int
            Position of the binary point, 8 to 30.

        Returns
        -------
        ndarray of int32
            ``low + floor((f * span + half) / 2**fraction_bits)`` where f is the clamped
            input and half is ``2**(fraction_bits - 1)``; mirrored when inverted.
        """
        one = 1 << fraction_bits
        clamped = np.clip(fixed.astype(np.int64), 0, one)
        steps = (clamped * self.span + (one >> 1)) >> fraction_bits
        steps = np.minimum(steps, self.high - self.low)
        stored = (self.high - steps) if self.inverted else (self.low + steps)
        out: NDArray[np.int32] = stored.astype(np.int32)
        return out
