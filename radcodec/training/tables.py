"""Entropy table sets, trained on the latents of real images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from radcodec.codec.blocks import background_of, choose_blocks
from radcodec.entropy.build import build_table_set, choose_order, choose_thresholds
from radcodec.entropy.counting import Counts, activities, count_symbols
from radcodec.entropy.economy import economise
from radcodec.entropy.mixing import learnt
from radcodec.entropy.tables import TableSet
from radcodec.intensity.background import skipped_positions
from radcodec.quantising.levels import LEVELS
from radcodec.quantising.quantise import quantise
from radcodec.training.data import IndexedImage, Sample, middle_of, prepare
from radcodec.training.loop import Codec
from radcodec.training.networks import Compressor
from radcodec.training.rate_model import log_nominal_step
from radcodec.training.refinement import Bases

#: A latent in quantiser steps, and its map of skipped positions.
Tile = tuple[NDArray[np.float32], NDArray[np.bool_]]

#: Levels that table statistics are gathered at, in bands that each get a table set.
BANDS = ((30, 55, 80), (95, 115, 135), (150, 170, 190), (205, 225, 245))
#: Side of the largest block of any depth.
LARGEST_BLOCK = 32
#: Whole numbers that stand for the unit interval where one wants stored values.
FINE = 4095
#: Share of an image that may be left to pixel blocks.
MOST_COVERED = 0.3
#: Largest part of one image that statistics are gathered from, pixels along a side.
STATISTICS_SIDE = 768


def steps_table(codec: Codec, *, decode: bool) -> NDArray[np.float64]:
    """Quantiser steps (levels, latents) of the compressor, or of the decompressor."""
    gains = codec.decode_gains if decode else codec.encode_gains
    position = torch.linspace(0, 1, LEVELS)
    with torch.no_grad():
        steps: NDArray[np.float64] = gains.log_step(position).exp()[:, :, 0, 0].double().numpy()
    return steps


def unit_of(sample: Sample) -> NDArray[np.float32]:
    """The image of a sample in [0, 1]."""
    unit: NDArray[np.float32] = sample.unit.astype(np.float32) / np.float32(65535)
    return unit


def _padded(plane: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    rows, cols = plane.shape
    return np.pad(plane, ((0, -rows % block), (0, -cols % block)), mode="edge")


def _latent(net: Compressor, plane: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    with torch.no_grad():
        out: NDArray[np.float32] = net(torch.from_numpy(_padded(plane, block))[None, None])[
            0
        ].numpy()
    return out


def trimmed(image: IndexedImage) -> Sample:
    """Middle part of an image, so that the largest do not outweigh all others."""
    middle = middle_of(image.stored(), STATISTICS_SIDE)
    return prepare(image.path.name, image.modality, middle)


def _counted(tiles: list[Tile], *, predicted: bool) -> TableSet:
    """Build one table set from latents in quantiser steps and their skip maps.

    What is coded in use has been made cheaper by tables, so that a first set serves to find
    the latents that the second and final one is built from.
    """
    coded = [
        quantise(exact, np.ones(len(exact), np.float32), refining=not predicted)
        for exact, _ in tiles
    ]
    skips = [skip for _, skip in tiles]
    first = _table_set(coded, skips, predicted)
    coded = [
        economise(q, exact, skip, first) for q, (exact, skip) in zip(coded, tiles, strict=True)
    ]
    final = _table_set(coded, skips, predicted)
    # Large and small images, and levels, take turns: what comes last is remembered best.
    turns = np.random.default_rng(0).permutation(len(coded))
    experience = learnt(
        ((coded[turn], skips[turn]) for turn in turns), final.order, predicted=predicted
    )
    return replace(final, recall=lambda: experience)


def _table_set(
    coded: list[NDArray[np.int32]], skips: list[NDArray[np.bool_]], predicted: bool
) -> TableSet:
    pairs = list(zip(coded, skips, strict=True))
    order = choose_order(coded)
    thresholds = choose_thresholds(
        np.concatenate([activities(q, skip, predicted) for q, skip in pairs])
    )
    counts = Counts.none(len(order))
    for q, skip in pairs:
        count_symbols(q, skip, order, thresholds, counts, predicted=predicted)
    return build_table_set(counts, order, thresholds, predicted=predicted)


def _skip(sample: Sample, shape: tuple[int, ...], block: int) -> NDArray[np.bool_]:
    if sample.mask is None:
        return np.zeros(shape, dtype=bool)
    return skipped_positions(sample.mask, block)


def _covered(
    codec: Codec,
    sample: Sample,
    left: NDArray[np.float32],
    exact: NDArray[np.float32],
    position: torch.Tensor,
) -> NDArray[np.bool_]:
    """Background, and what will be coded as pixels: none of the tables' business.

    Parameters
    ----------
    left : ndarray of float32, shape (rows, columns)
        What the bases have left of the image.
    exact : ndarray of float32, shape (latents, r, c)
        Its latent in quantiser steps.
    position : tensor (1,)
        Its quality.
    """
    rows, cols = left.shape
    coded = quantise(exact, np.ones(len(exact), np.float32), refining=True)
    with torch.no_grad():
        scaled = torch.from_numpy(coded.astype(np.float32))[None]
        scaled = scaled * codec.decode_gains.log_step(position).exp()
        restored = codec.decompressor(scaled)[0, 0].numpy()[:rows, :cols]
    stored = np.rint(unit_of(sample) * FINE).astype(np.int32)
    decoded = stored - np.rint((left - restored) * FINE).astype(np.int32)
    step = float(log_nominal_step(position, codec.architecture.depth).exp())
    chosen = choose_blocks(stored, decoded, coded, sample.mask, step, FINE)
    background = background_of(sample.mask, rows, cols)
    # Where most of an image would go, the networks have learned too little to choose by.
    if chosen is None or chosen.coded.mean() > MOST_COVERED:
        return background
    return background | chosen.coded


def table_sets_of(codec: Codec, samples: list[Sample]) -> list[TableSet]:
    """Build one table set a band of levels from the latents of images."""
    block = codec.architecture.block
    steps = steps_table(codec, decode=False).astype(np.float32)
    latents = [_latent(codec.compressor, unit_of(sample), block) for sample in samples]
    skips = [_skip(s, q.shape[1:], block) for s, q in zip(samples, latents, strict=True)]
    return [
        _counted(
            [
                (latent / steps[level][:, None, None], skip)
                for level in band
                for latent, skip in zip(latents, skips, strict=True)
            ],
            predicted=True,
        )
        for band in BANDS
    ]


def refining_table_sets_of(
    codec: Codec, samples: list[Sample], bases: list[Codec], seed: int = 0
) -> list[TableSet]:
    """Build one table set a band of levels from what bases leave of images."""
    depth, block = codec.architecture.depth, codec.architecture.block
    steps = steps_table(codec, decode=False).astype(np.float32)
    drawn = Bases(bases, depth, seed, "cpu")
    sets = []
    for band in BANDS:
        tiles = []
        for number, sample in enumerate(samples):
            # Two images in three sit out a band, a different third each time.
            for level in band[number % len(band) : number % len(band) + 1]:
                unit = torch.from_numpy(_padded(unit_of(sample), LARGEST_BLOCK))[None, None]
                weight = torch.ones_like(unit)
                if sample.mask is not None:
                    rows, cols = sample.mask.shape
                    weight[0, 0, :rows, :cols] = torch.from_numpy(~sample.mask).float()
                position = torch.tensor([level / (LEVELS - 1)])
                left = drawn.remainder(unit, weight, position)[0, 0].numpy()
                rows, cols = sample.unit.shape
                latent = _latent(codec.compressor, left[:rows, :cols], block)
                exact = latent / steps[level][:, None, None]
                covered = _covered(codec, sample, left[:rows, :cols], exact, position)
                tiles.append((exact, skipped_positions(covered, block)))
        sets.append(_counted(tiles, predicted=False))
    return sets
