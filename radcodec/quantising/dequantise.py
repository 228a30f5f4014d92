"""Integer dequantising: the decompressor's input from quantised latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GainTable:
    """Reconstruction gains of a decompressor.

    Attributes
    ----------
    gains : ndarray of int64, shape (levels, latents)
        Reconstruction step of every level and channel, times ``2**shift``.
    shift : int
        Binary places of `gains`, 1 to 16.
    limits : ndarray of int64, shape (latents,)
        Largest magnitude that the network takes, for each channel.
    """

    gains: NDArray[np.int64]
    shift: int
    limits: NDArray[np.int64]

    def dequantise(self, quantised: NDArray[np.int32], level: int) -> NDArray[np.float32]:
        """Scale latents (latents, r, c) of a level to the network's integer input.

        Returns
        -------
        ndarray of float32, same shape
            ``clamp((q * gain + 2**(shift - 1)) >> shift, -limit, limit)``; whole numbers.
        """
        gain = self.gains[level][:, None, None]
        limit = self.limits[:, None, None]
        scaled = (quantised.astype(np.int64) * gain + (1 << (self.shift - 1))) >> self.shift
        out: NDArray[np.float32] = np.clip(scaled, -limit, limit).astype(np.float32)
        return out
