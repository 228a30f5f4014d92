"""The scale of quality levels.

A level is the number of a row in a bundle's gain table: 0 is the finest, 255 the
coarsest.  Rows lie at equal ratios of the nominal quantiser step, so that one level more
costs about the same share of the file everywhere on the scale.  Depth 1 has a scale of
its own: it serves high rates, and refines what deeper networks leave.
"""

from __future__ import annotations

import math

#: What a refinement's input has added, so that no difference is the middle of its range.
MID_GREY = 0.5
#: Rows of a gain table.
LEVELS = 256
#: Bits that a squared error is worth, times the squared step.  A uniform quantiser of step s has
#: the error s**2/12, and d(bits)/d(error) = -6/(ln 2 s**2).
EXCHANGE = 6 / math.log(2)
#: Nominal quantiser steps of the finest and the coarsest level for each depth, in units of
#: an orthonormal block DCT of an image in [0, 1].
SCALES: dict[int, tuple[float, float]] = {
    1: (1.0 / 1024, 0.5),
    2: (1.0 / 256, 2.0),
    3: (1.0 / 256, 2.0),
    4: (1.0 / 256, 2.0),
}


def nominal_step(level: float, depth: int) -> float:
    """Nominal quantiser step of a (fractional) level, 0 to 255, of a depth, 1 to 4."""
    finest, coarsest = SCALES[depth]
    return float(finest * (coarsest / finest) ** (level / (LEVELS - 1)))


def level_of_step(step: float, depth: int) -> float:
    """Fractional level of a nominal step, the inverse of `nominal_step`; not clamped."""
    finest, coarsest = SCALES[depth]
    return (LEVELS - 1) * math.log(step / finest) / math.log(coarsest / finest)
