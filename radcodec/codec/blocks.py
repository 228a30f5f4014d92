"""Which blocks are better coded as pixels than by networks, and their coding.

Letters burned into a radiograph, hard collimator edges and the like take far more bits from a
network than from a predictor in the pixel domain, and hold most of the error too.  Both ways
are priced, block by block, in bits plus error at the exchange rate of the quantiser step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcodec.codec.area import Area
from radcodec.container.layers import Grid, PixelBlocks
from radcodec.entropy.pixels import (
    SIDE,
    area_of,
    decode_flags,
    decode_pixels,
    encode_flags,
    encode_pixels,
    open_blocks,
)
from radcodec.intensity.background import grow_within
from radcodec.quantising.levels import EXCHANGE

#: Quantiser step of pixels over that of the networks' latents: pixels beside hard edges are all
#: off by as much as the step allows, while latents that are zero make up most of a block.
STEP_SHARE = 0.5
#: Bits that a block must save, and those that suffice beside another such block: neighbours
#: predict each other, and the networks are rid of what lone blocks would leave around them.
WORTHWHILE, WORTHWHILE_BESIDE = 64.0, 16.0
#: How far a group of blocks grows from those that save most, in blocks.
REACH = 8
#: Rows that are priced at a time, whole blocks, since the numbers take 64 bits.
BAND = 512
#: What the first layer saves besides, as a share of the refinement's bits.
BASE_SHARE = 0.05
# Bits of a latent position: empty, not empty, each value, and each doubling of it; the sum
# is within some percent of the coder's for whole images.  The same for pixels.
_EMPTY, _COUNTED, _VALUE, _DOUBLED = 0.08, 2.0, 4.0, 1.6
_PIXEL_ZERO, _PIXEL_VALUE, _PIXEL_DOUBLED, _BLOCK = 0.2, 3.0, 1.8, 3.0


@dataclass(frozen=True)
class Chosen:
    """Blocks that are to be coded as pixels.

    Attributes
    ----------
    flags : ndarray of bool, shape (ceil(rows / 8), ceil(columns / 8))
        Which.
    coded : ndarray of bool, shape (rows, columns)
        Their pixels that are not background.
    background : ndarray of bool, shape (rows, columns)
        The mask, all False where there is none.
    """

    flags: NDArray[np.bool_]
    coded: NDArray[np.bool_]
    background: NDArray[np.bool_]


def background_of(mask: NDArray[np.bool_] | None, rows: int, columns: int) -> NDArray[np.bool_]:
    """The mask, or one that is False everywhere."""
    return np.zeros((rows, columns), dtype=bool) if mask is None else mask


def _per_block(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Sums over square blocks of `side`, the last ones cut off."""
    down = np.arange(0, values.shape[0], side)
    across = np.arange(0, values.shape[1], side)
    sums: NDArray[np.float64] = np.add.reduceat(np.add.reduceat(values, down, 0), across, 1)
    return sums


def latent_bits(latent: NDArray[np.int32]) -> NDArray[np.float64]:
    """Estimate the bits of each position of a refinement's latent (channels, r, c)."""
    size = np.abs(latent).astype(np.float64)
    each = np.where(size > 0, _VALUE + _DOUBLED * np.log2(np.maximum(size, 1)), 0.0)
    counted = (size > 0).any(axis=0)
    bits: NDArray[np.float64] = np.where(counted, _COUNTED + each.sum(axis=0), _EMPTY)
    return bits


def _foreseen(stored: NDArray[np.int64]) -> NDArray[np.int64]:
    """Predict every pixel from its left, upper and upper left neighbours, as LOCO-I does."""
    padded = np.pad(stored, ((1, 0), (1, 0)), mode="edge")
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    low, high = np.minimum(left, up), np.maximum(left, up)
    guess: NDArray[np.int64] = np.maximum(low, np.minimum(high, left + up - corner))
    return guess


def pixel_step(step: float, span: int) -> int:
    """Step in stored values for blocks beside latents of a nominal step, 1 to 65535."""
    return min(max(round(step * STEP_SHARE * span), 1), 65535)


def choose_blocks(
    stored: NDArray[np.int32],
    decoded: NDArray[np.int32],
    latent: NDArray[np.int32] | None,
    mask: NDArray[np.bool_] | None,
    step: float,
    span: int,
) -> Chosen | None:
    """Choose the blocks that are better coded as pixels.

    Parameters
    ----------
    stored, decoded : ndarray of int32, shape (rows, columns)
        The image, and what the networks make of all of it.
    latent : ndarray of int32, shape (channels, ceil(rows / 4), ceil(columns / 4)), or None
        The refinement's quantised latent; None without one.
    mask : ndarray of bool, shape (rows, columns), or None
        Background.
    step : float
        Nominal step of the last layer's quantiser.
    span : int
        Stored values that the unit interval stands for.

    Returns
    -------
    Chosen or None
        None where there is no such block.
    """
    background = background_of(mask, *stored.shape)
    quantum = pixel_step(step, span)
    rate = EXCHANGE / (step * span) ** 2
    parts = []
    for top in range(0, len(stored), BAND):
        # The row above the band, which its first pixels are predicted from.
        above = min(top, 1)
        values = stored[top - above : top + BAND].astype(np.int64)
        ground = background[top : top + BAND]
        error = np.where(ground, 0, values[above:] - decoded[top : top + BAND]).astype(np.float64)
        price = rate * _per_block(error * error, SIDE)
        difference = np.abs((values - _foreseen(values))[above:])
        size = (difference + quantum // 2) // quantum
        left = difference - size * quantum
        bits = np.where(
            size > 0, _PIXEL_VALUE + _PIXEL_DOUBLED * np.log2(np.maximum(size, 1)), _PIXEL_ZERO
        )
        own = np.where(ground, 0.0, bits + rate * (left * left))
        parts.append(price - _per_block(own, SIDE) - _BLOCK)
    gain = np.concatenate(parts)
    if latent is not None:
        gain += (1 + BASE_SHARE) * _per_block(latent_bits(latent), SIDE // 4)
    saved = np.where(open_blocks(background), gain, 0.0)
    flags = grow_within(saved > WORTHWHILE, saved > WORTHWHILE_BESIDE, REACH)
    if not flags.any():
        return None
    return _chosen(flags, background)


def _chosen(flags: NDArray[np.bool_], background: NDArray[np.bool_]) -> Chosen:
    return Chosen(flags, area_of(flags, *background.shape) & ~background, background)


def pack_blocks(
    chosen: Chosen, stored: NDArray[np.int32], step: int, low: int, high: int, grid: Grid
) -> PixelBlocks:
    """Code blocks as pixels of an image whose values lie within `low` to `high` there."""
    tiles = [
        encode_pixels(stored[part], chosen.coded[part], chosen.background[part], step, low, high)
        for part in grid.pixel_tiles
    ]
    flags = encode_flags(chosen.flags, open_blocks(chosen.background))
    return PixelBlocks(step, flags, tiles)


def unpack_flags(
    blocks: PixelBlocks, mask: NDArray[np.bool_] | None, rows: int, columns: int
) -> Chosen:
    """Find the coded pixels of a file.

    Raises
    ------
    CorruptError
        The flags are damaged.
    """
    background = background_of(mask, rows, columns)
    return _chosen(decode_flags(blocks.flags, open_blocks(background)), background)


def unpack_values(
    blocks: PixelBlocks,
    chosen: Chosen,
    stored: NDArray[np.int32],
    low: int,
    high: int,
    grid: Grid,
    area: Area | None = None,
) -> None:
    """Put the values of the coded pixels into `stored`, where the background is already.

    Parameters
    ----------
    blocks, chosen : PixelBlocks, Chosen
        What is coded, and where.
    stored : ndarray of int32
        The image, or an area of it.
    low, high : int
        Range of the values.
    grid : Grid
        Of any layer.
    area : Area or None
        Where `stored` lies in the image: whole tiles; None for all of it.

    Raises
    ------
    CorruptError
        A stream is damaged.
    """
    area = area or Area(0, 0, grid.rows, grid.columns)
    for data, part in zip(blocks.tiles, grid.pixel_tiles, strict=True):
        if area.meets(*part):
            here = Area(part[0].start, part[1].start, part[0].stop, part[1].stop).within(area)
            coded, background = chosen.coded[part], chosen.background[part]
            stored[here] = decode_pixels(
                data, stored[here], coded, background, blocks.step, low, high
            )
