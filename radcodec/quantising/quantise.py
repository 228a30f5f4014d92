"""Quantising at the encoder: real-valued latents to whole numbers of steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Largest magnitude of a quantised latent, as docs/format.md has it.
LIMIT = 2.0**23
#: Fraction of a step that is added before a magnitude is cut to a whole number.
ROUNDING = 0.42


def quantise(
    latent: NDArray[np.float32], steps: NDArray[np.float32], *, refining: bool
) -> NDArray[np.int32]:
    """Quantise a latent.

    Parameters
    ----------
    latent : ndarray of float32, shape (latents, r, c)
        What a compressor returned.
    steps : ndarray of float32, shape (latents,)
        Quantiser step of every channel.
    refining : bool
        Whether channel 0 is coded as it is, not as the error of a prediction.

    Returns
    -------
    ndarray of int32, shape (latents, r, c)
        The nearest multiple of the step; with a zone around 0 that is wider than a step,
        where values are rarely worth their bits.  Channel 0 has none where it is predicted,
        since there its zeros are no cheaper than its other values.
    """
    scaled = np.clip(latent / steps[:, None, None], -LIMIT, LIMIT)
    out: NDArray[np.int32] = np.trunc(scaled + np.copysign(ROUNDING, scaled)).astype(np.int32)
    if not refining:
        out[0] = np.rint(scaled[0])
    return out
