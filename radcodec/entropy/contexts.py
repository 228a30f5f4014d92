"""What both sides know of a position before it is coded: prediction, activity, agreement.

numba compiles these loops into those that call them, and its cache looks only at the
caller's file: after a change here, or to a constant that a loop uses, remove the
``__pycache__`` of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcodec.entropy.compiled import compiled
from radcodec.entropy.symbols import ACTIVITY_CLIP, CATEGORY_OF, EMPTY, ESCAPE_BASE, FULL, SINGLE


@compiled
def predict(plane: NDArray[np.int32], row: int, col: int) -> int:
    """Median edge detection of LOCO-I (ITU-T T.87, 4.1); 0 for the first position."""
    if row == 0:
        return plane[row, col - 1] if col > 0 else 0
    if col == 0:
        return int(plane[row - 1, col])
    left = plane[row, col - 1]
    up = plane[row - 1, col]
    corner = plane[row - 1, col - 1]
    if corner >= max(left, up):
        return int(min(left, up))
    if corner <= min(left, up):
        return int(max(left, up))
    return int(left + up - corner)


@compiled
def neighbours_differ(plane: NDArray[np.int32], row: int, col: int) -> int:
    """Return 1 where left, up and corner exist and are not all equal, else 0."""
    if row == 0 or col == 0:
        return 0
    up = plane[row - 1, col]
    return 0 if up == plane[row, col - 1] and up == plane[row - 1, col - 1] else 1


@compiled
def activity_at(clipped: NDArray[np.int32], row: int, col: int) -> int:
    """Weighted sum over the neighbours; `clipped` has a border above, left and right."""
    return int(
        2 * clipped[row + 1, col]
        + 2 * clipped[row, col + 1]
        + clipped[row, col]
        + clipped[row, col + 2]
    )


@compiled
def predict_tile(
    values: NDArray[np.int32],
    skip: NDArray[np.bool_],
    activity: NDArray[np.int32],
    differ: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
    predicted: bool,
) -> None:
    """Replace channel 0 by its error where it is `predicted`, and fill in what is known of the coded positions.

    `values` is (h, w, channels), all others are (h, w).
    """
    rows, cols, channels = values.shape
    plane = np.zeros((rows, cols), dtype=np.int32)
    clipped = np.zeros((rows + 1, cols + 2), dtype=np.int32)
    for row in range(rows):
        for col in range(cols):
            prediction = predict(plane, row, col) if predicted else 0
            if skip[row, col]:
                plane[row, col] = prediction
                continue
            plane[row, col] = values[row, col, 0]
            values[row, col, 0] -= prediction
            activity[row, col] = activity_at(clipped, row, col)
            differ[row, col] = neighbours_differ(plane, row, col)
            total = 0
            for channel in range(channels):
                total += min(abs(values[row, col, channel]), ACTIVITY_CLIP)
            clipped[row + 1, col + 1] = total
            if total == 0:
                kinds[row, col] = EMPTY
            elif total == 1 and values[row, col, 0] != 0:
                kinds[row, col] = SINGLE
            else:
                kinds[row, col] = FULL


@compiled
def category_of(magnitude: int) -> int:
    return int(CATEGORY_OF[min(magnitude, ESCAPE_BASE)])
