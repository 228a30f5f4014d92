"""PSNR of what a display window shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radcodec.metrics.quality import Real, psnr


@dataclass(frozen=True)
class Window:
    """A display window: values outside it are shown black or white.

    Attributes
    ----------
    center, width : float
        As in DICOM's Window Center and Window Width, in Hounsfield units for CT.
    """

    center: float
    width: float


#: Windows in common use for CT, in Hounsfield units.
CT_WINDOWS = {
    "lung": Window(-600, 1500),
    "soft_tissue": Window(40, 400),
    "bone": Window(400, 1800),
}


def window_psnr(original: Real, restored: Real, window: Window) -> float:
    """PSNR in dB of two images as a window shows them.

    Parameters
    ----------
    original, restored : ndarray of int or float, any shape, the same for both
        Images in the window's unit.
    window : Window
        Both images are clipped to `center` - `width`/2 .. `center` + `width`/2.

    Returns
    -------
    float
        PSNR with the width as its peak; infinity where the window shows no difference.

    Raises
    ------
    ValueError
        Where shapes differ, the images are empty, or the width is not above 0.
    """
    low, high = window.center - window.width / 2, window.center + window.width / 2
    before = np.clip(original.astype(np.float64), low, high)
    after = np.clip(restored.astype(np.float64), low, high)
    return psnr(before, after, window.width)
