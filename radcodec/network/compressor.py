"""The compressor at use: image to real-valued latent."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from radcodec.network.bundle import Bundle
from radcodec.network.runtime import compile_bundle
from radcodec.network.windows import run_windowed

#: Pixels kept of a window along a side.
TILE = 512
#: Halo in latent positions: the network sees less than 3.
HALO = 3


class Compressor:
    """netC(d) of one modality.

    Parameters
    ----------
    bundle : Bundle
        Of kind "compressor".
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._run = compile_bundle(bundle)
        with np.load(io.BytesIO(bundle.read("gains.npz"))) as arrays:
            self.steps: NDArray[np.float32] = arrays["steps"]  # (levels, latents)

    def latent(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the latent of an image.

        Parameters
        ----------
        unit : ndarray of float32, shape (rows, columns), in [0, 1]
            Of any size; edge pixels are repeated up to whole blocks.

        Returns
        -------
        ndarray of float32, shape (latents, ceil(rows / block), ceil(columns / block))
        """
        block = self.bundle.block
        rows, cols = unit.shape
        padded = np.pad(unit, ((0, -rows % block), (0, -cols % block)), mode="edge")
        return run_windowed(self._run, padded[None], TILE, HALO * block, down=block)

    def table_sets(self, *, refining: bool) -> list[int]:
        """Numbers of the decompressor's entropy table sets that are worth trying."""
        name = "refining_table_sets" if refining else "table_sets"
        return [int(number) for number in self.bundle.manifest[name]]
