"""The decompressor at use: quantised latent to fixed-point image, the same on every CPU.

The network holds integers in float32: whole weights and activations, and a proof at
export that no partial sum reaches 2**24.  So every sum is exact, and neither the order
of summation nor the instruction set nor tiling can change a bit.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.tables import TableSet, load_table_sets, with_experience
from radcodec.errors import ModelMismatchError
from radcodec.network.bundle import Bundle
from radcodec.network.runtime import compile_bundle
from radcodec.network.windows import run_windowed
from radcodec.quantising.dequantise import GainTable

#: Pixels kept of a window along a side.
TILE = 512
#: Halo in latent positions: the network sees less than 3.
HALO = 3
#: File of what mixing starts with; bundles without it code by Huffman tables alone.
EXPERIENCE = "experience.npz"


class Decompressor:
    """netD(d), with gains and entropy tables.

    Parameters
    ----------
    bundle : Bundle
        Of kind "decompressor".
    threads : int or None
        Threads of one inference.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self.bundle = bundle
        self.fraction_bits = int(bundle.manifest["fraction_bits"])
        self._run = compile_bundle(bundle, threads)
        with np.load(io.BytesIO(bundle.read("gains.npz"))) as arrays:
            self.gains = GainTable(
                arrays["gains"].astype(np.int64),
                int(arrays["shift"]),
                arrays["limits"].astype(np.int64),
            )
        self.table_sets: list[TableSet] = load_table_sets(bundle.read("tables.npz"))
        if EXPERIENCE in bundle.manifest["files"]:
            self.table_sets = with_experience(self.table_sets, bundle.read(EXPERIENCE))

    def fixed_image(
        self, quantised: NDArray[np.int32], level: int, tile: int = TILE
    ) -> NDArray[np.int32]:
        """Decode a quantised latent.

        Parameters
        ----------
        quantised : ndarray of int32, shape (latents, r, c)
            Latent in quantiser steps.
        level : int
            Quality level, 0 to 255.
        tile : int
            Pixels kept of a window; any value gives the same result.

        Returns
        -------
        ndarray of int32, shape (r * block, c * block)
            Fixed-point image, ``2**fraction_bits`` standing for 1; not clamped.
        """
        block = self.bundle.block
        scaled = self.gains.dequantise(quantised, level)
        out = run_windowed(self._run, scaled, max(tile // block, 1), HALO, up=block)
        fixed: NDArray[np.int32] = out[0].astype(np.int32)
        return fixed

    def known_answer(self) -> str:
        """Decode the bundle's known-answer latent; SHA-256 of the fixed-point image."""
        with np.load(io.BytesIO(self.bundle.read("known_answer.npz"))) as arrays:
            image = self.fixed_image(arrays["latent"].astype(np.int32), int(arrays["level"]))
        return hashlib.sha256(image.astype("<i4").tobytes()).hexdigest()

    def self_test(self) -> None:
        """Run the known-answer test.

        Raises
        ------
        ModelMismatchError
            If this machine decodes anything else than the bundle records.
        """
        expected = self.bundle.manifest["known_answer_sha256"]
        got = self.known_answer()
        if got != expected:
            raise ModelMismatchError(
                f"the known-answer test of {self.bundle.path} failed: this machine decodes "
                f"{got[:16]}…, the bundle records {str(expected)[:16]}…; do not trust its "
                "output, and report CPU and OpenVINO version (radcodec doctor)"
            )
