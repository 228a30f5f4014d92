"""The scale of quality levels.

A level is the number of a row in a bundle's gain table: 0 is the finest, 255 the
coarsest.  Rows lie at equal ratios of the nominal quantiser step, so that one level more
costs about the same share of the file everywhere on the scale.
"""

from __future__ import annotations

#: Rows of a gain table.
LEVELS = 256
#: Nominal quantiser step of the finest level, in units of an orthonormal block DCT of an
#: image in [0, 1].
FINEST_STEP = 1.0 / 256
#: Nominal step of the coarsest level.
COARSEST_STEP = 2.0


def nominal_step(level: float) -> float:
    """Nominal quantiser step of a (fractional) level, 0 to 255."""
    position = level / (LEVELS - 1)
    return float(FINEST_STEP * (COARSEST_STEP / FINEST_STEP) ** position)
