"""What a refining codec learns on: the remainder that a deeper, finished codec leaves.

A file may hold several layers of falling depth.  The first codes the image, each further
one the difference between the image and the layers before it, shifted to mid-grey.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from radcodec.quantising.levels import MID_GREY
from radcodec.training.precision import fast
from radcodec.training.rate_model import log_nominal_step, position_of_log_step

if TYPE_CHECKING:
    from radcodec.training.loop import Codec

#: A base's nominal step over its refinement's, as powers of two: between these.
STEP_RATIO = (-1.0, 2.0)


class Bases:
    """Frozen codecs, one of which is drawn for every step.

    Parameters
    ----------
    codecs : sequence of Codec
        Of greater depth than the codec that learns.
    depth : int
        Depth of the codec that learns.
    seed : int
        Of the draws.
    device : str
        "cpu" or "cuda".
    """

    def __init__(self, codecs: Sequence[Codec], depth: int, seed: int, device: str) -> None:
        for codec in codecs:
            if codec.architecture.depth <= depth:
                raise ValueError("a base must be deeper than what refines it")
            codec.to(device).eval().requires_grad_(False)
        self.codecs = codecs
        self.depth = depth
        self._random = random.Random(seed)

    def draw(self) -> float:
        """Draw a number between 0 and 1."""
        return self._random.random()

    @torch.no_grad()
    def remainder(
        self, image: torch.Tensor, weight: torch.Tensor, position: torch.Tensor
    ) -> torch.Tensor:
        """Code images by a base, and return what is left of them.

        Parameters
        ----------
        image, weight : tensor (n, 1, rows, columns)
            Images in [0, 1]; 0 in `weight` marks background, which leaves nothing.
        position : tensor (n,)
            Quality at which the remainder is to be coded; the base's is near it.

        Returns
        -------
        tensor (n, 1, rows, columns)
            Difference plus `MID_GREY`.
        """
        base = self._random.choice(list(self.codecs))
        low, high = STEP_RATIO
        ratio = low + (high - low) * self._random.random()
        log_step = log_nominal_step(position, self.depth) + ratio * math.log(2)
        own = position_of_log_step(log_step, base.architecture.depth)
        with fast(image.device.type):
            latent = base.compressor(image)
        steps = latent.float() / base.encode_gains.log_step(own).exp()
        # The decoder runs in float32: bfloat16 would add errors as large as a fine step.
        decoded = base.decompressor(steps.round() * base.decode_gains.log_step(own).exp())
        left: torch.Tensor = (image - decoded.clamp(0, 1)) * (weight > 0) + MID_GREY
        return left
