"""Constant background: found, kept apart as an exact mask, and filled smoothly.

CT padding outside the field of view and the black surround of mammograms and MR
images are exactly constant over a large area with a hard edge.  Such an edge costs a
transform codec many bits and rings into the anatomy.  So the mask is coded without
loss, the networks see a smooth continuation of the anatomy instead, and the constant
is put back exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Side of the square that must fit into a constant area for it to count as background;
#: single pixels and noise that happen to hit the value are left to the networks.
OPENING = 5
#: Steps of conditional dilation that restore the true outline after the opening.
REGROW = 8
#: Smallest share of the image that makes a mask worth its bytes.
MIN_SHARE = 1 / 100


@dataclass(frozen=True)
class Background:
    """Pixels that hold one exact value.

    Attributes
    ----------
    value : int
        The stored value.
    mask : ndarray of bool, shape (rows, columns)
        True where the image holds `value` and is background.
    """

    value: int
    mask: NDArray[np.bool_]


def _erode(area: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Positions where a `size` x `size` square with its upper left corner there fits."""
    rows, cols = area.shape
    wide = area[:, : cols - size + 1].copy()
    for shift in range(1, size):
        wide &= area[:, shift : cols - size + 1 + shift]
    out = wide[: rows - size + 1].copy()
    for shift in range(1, size):
        out &= wide[shift : rows - size + 1 + shift]
    return out


def _dilate_from_corner(
    seed: NDArray[np.bool_], size: int, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Inverse of `_erode`: the union of the squares whose corners are in `seed`."""
    wide = np.zeros((seed.shape[0], shape[1]), dtype=bool)
    for shift in range(size):
        wide[:, shift : shift + seed.shape[1]] |= seed
    out = np.zeros(shape, dtype=bool)
    for shift in range(size):
        out[shift : shift + wide.shape[0]] |= wide
    return out


def grow_within(seed: NDArray[np.bool_], area: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Dilate `seed` by a 3 x 3 square `steps` times, never leaving `area`."""
    grown = seed
    for _ in range(steps):
        wide = grown.copy()
        wide[:, 1:] |= grown[:, :-1]
        wide[:, :-1] |= grown[:, 1:]
        tall = wide.copy()
        tall[1:] |= wide[:-1]
        tall[:-1] |= wide[1:]
        grown = tall & area
    return grown


def _cleaned(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of `area` that a square fits into, with their true outline.

    Half a square beyond the edges of the image counts as constant: the slivers between a
    round field of view and the edge are thinner than the square, and background all the
    same.
    """
    margin = OPENING // 2
    around = np.pad(area, margin, constant_values=True)
    opened = _dilate_from_corner(_erode(around, OPENING), OPENING, around.shape)
    inside = slice(margin, -margin)
    return grow_within(opened[inside, inside], area, REGROW)


def find_background(
    stored: NDArray[np.integer], padding_value: int | None = None
) -> Background | None:
    """Find the largest constant area worth keeping apart.

    Parameters
    ----------
    stored : ndarray of int, shape (rows, columns)
        Stored values.
    padding_value : int or None
        PixelPaddingValue, tried beside the smallest and the largest value.

    Returns
    -------
    Background or None
        None where no candidate covers `MIN_SHARE` of the image after cleaning.
    """
    if min(stored.shape) < OPENING:
        return None
    candidates = {int(stored.min()), int(stored.max())}
    if padding_value is not None:
        candidates.add(int(padding_value))
    best: Background | None = None
    best_area = MIN_SHARE * stored.size
    for value in sorted(candidates):
        area = stored == value
        if np.count_nonzero(area) <= best_area:
            continue
        mask = _cleaned(area)
        size = int(np.count_nonzero(mask))
        if size > best_area:
            best, best_area = Background(value, mask), size
    return best


def whole_blocks(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Blocks of `side` pixels, from the upper left corner, that a mask fills inside the image."""
    rows, cols = mask.shape
    padded = np.pad(mask, ((0, -rows % side), (0, -cols % side)), constant_values=True)
    blocks = padded.reshape(padded.shape[0] // side, side, -1, side)
    return np.asarray(blocks.all(axis=(1, 3)), dtype=np.bool_)


def in_blocks(background: Background, side: int) -> Background:
    """Keep what fills whole square blocks, from the upper left corner, of `side` pixels."""
    mask = background.mask
    rows, cols = mask.shape
    whole = whole_blocks(mask, side).repeat(side, axis=0).repeat(side, axis=1)[:rows, :cols]
    return Background(background.value, whole)


def fill_smoothly(unit: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Continue the unmasked pixels smoothly into the mask (pull-push).

    Parameters
    ----------
    unit : ndarray of float32, shape (rows, columns)
        Image in [0, 1].
    mask : ndarray of bool, same shape
        Pixels to fill.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        `unit` outside the mask; inside, averages of what is near, coarser with the
        distance, after Gortler et al., "The Lumigraph", SIGGRAPH 1996 (pull-push).
    """
    weight = (~mask).astype(np.float32)
    filled = _pull_push(unit * weight, weight)
    result: NDArray[np.float32] = np.where(mask, filled, unit).astype(np.float32)
    return result


def _pull_push(weighted: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, cols = weight.shape
    mean = np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0)
    if rows * cols == 1 or weight.min() >= 1.0:
        return mean
    pad = ((0, rows % 2), (0, cols % 2))
    half = (slice(0, None, 2), slice(1, None, 2))

    def quarter(a: NDArray[np.float32]) -> NDArray[np.float32]:
        p = np.pad(a, pad)
        out: NDArray[np.float32] = (
            p[half[0], half[0]] + p[half[0], half[1]] + p[half[1], half[0]] + p[half[1], half[1]]
        )
        return out

    coarse_weight = quarter(weight)
    scale = np.divide(
        np.minimum(coarse_weight, 1.0),
        coarse_weight,
        out=np.zeros_like(coarse_weight),
        where=coarse_weight > 0,
    )
    coarse = _pull_push(quarter(weighted) * scale, np.minimum(coarse_weight, 1.0))
    up = coarse.repeat(2, 0).repeat(2, 1)
    # A light blur of the up-sampled level keeps block edges out of the fill.
    padded = np.pad(up, 1, mode="edge")
    up = (
        padded[1:-1, 1:-1] * 2
        + padded[:-2, 1:-1]
        + padded[2:, 1:-1]
        + padded[1:-1, :-2]
        + padded[1:-1, 2:]
    ) / np.float32(6.0)
    up = up[:rows, :cols]
    filled: NDArray[np.float32] = np.where(weight >= 1.0, mean, mean * weight + up * (1.0 - weight))
    return filled.astype(np.float32)


def skipped_positions(mask: NDArray[np.bool_], block: int) -> NDArray[np.bool_]:
    """Latent positions that need not be coded because only background depends on them.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)
        Background.
    block : int
        Pixels along one side of a latent position's block.

    Returns
    -------
    ndarray of bool, shape (ceil(rows / block), ceil(columns / block))
        True where all pixels of the position's block and of the eight blocks around it,
        as far as they lie inside the image, are background.
    """
    around = np.pad(whole_blocks(mask, block), 1, constant_values=True)
    return _erode(around, 3)
