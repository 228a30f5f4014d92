"""Colour: the planes that are coded for a frame, and back.

YCoCg-R (Malvar and Sullivan, "YCoCg-R: A Color Space with RGB Reversibility and Low Dynamic
Range", JVT-I014r3, 2003): exact in integers, and close to decorrelating.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: Quantiser steps of Y, Co and Cg for equal squared error in R, G and B: an error of one in Y
#: is one in each of the three, one in Co is 1/2 in R and B, one in Cg is 1/2 in all of them.
STEP_WEIGHTS = {"ycocg-r": (1.0, math.sqrt(6.0), 2.0), "none": (1.0, 1.0, 1.0)}


def forward(rgb: NDArray[np.int32]) -> NDArray[np.int32]:
    """Transform RGB planes (3, rows, columns) to Y, Co and Cg; the latter take a bit more."""
    red, green, blue = rgb
    orange = red - blue
    middle = blue + (orange >> 1)
    violet = green - middle
    out: NDArray[np.int32] = np.stack([middle + (violet >> 1), orange, violet])
    return out


def inverse(planes: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
    """Transform Y, Co and Cg (3, rows, columns) to RGB, clamped to unsigned `bits`."""
    luma, orange, violet = planes
    middle = luma - (violet >> 1)
    green = violet + middle
    blue = middle - (orange >> 1)
    out: NDArray[np.int32] = np.stack([blue + orange, green, blue])
    return np.clip(out, 0, (1 << bits) - 1)
