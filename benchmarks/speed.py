"""Speed of network and entropy coder apart, next to OpenJPEG on the same image.

``make speed``.  Every figure is the median of several runs, in megapixels a second, after
one run that is not counted.  OpenJPEG works at the PSNR that radcodec has reached, and with
as many threads as there are cores; the entropy coder uses one, OpenVINO its own choice.
For figures of one core: ``taskset -c 0 make speed``.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from radcodec.codec import SERVED_BY, Encoder, compress, decompress
from radcodec.demo import find_image
from radcodec.entropy.latents import decode_tile
from radcodec.network.runtime import describe
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.reading import read_image
from radcodec.reading.image import GreyImage

#: A real chest radiograph of more than a megapixel, from the package pydicom-data.
IMAGE = "RG1_UNCR.dcm"


@dataclass(frozen=True)
class Timing:
    """One stage's median time."""

    stage: str
    seconds: float
    pixels: int

    @property
    def speed(self) -> float:
        """Megapixels a second."""
        return self.pixels / self.seconds / 1e6


def timed(stage: str, pixels: int, runs: int, work: Callable[[], object]) -> Timing:
    """Time `work` after one run that is not counted."""
    work()
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return Timing(stage, median(taken), pixels)


def own_timings(
    image: GreyImage, modality: str, depth: int, level: int, runs: int, models: ModelStore
) -> tuple[list[Timing], list[Timing], int, float]:
    """Time radcodec's stages: those of encoding, of decoding, file bytes, and PSNR in dB."""
    pixels = image.stored.size
    encoder = Encoder(image, modality, depth, models)
    file = encoder.file(level)
    latent = encoder.compressor.quantise(encoder.latent, level)
    header, decompressor = file.header, encoder.decompressor
    unit = encoder.mapping.to_unit(image.stored)

    def encode_entropy() -> None:
        encoder.forget_tiles()
        encoder.tiles(level)

    def decode_entropy() -> None:
        for data, (rows, columns) in zip(file.tiles, header.tile_slices, strict=True):
            skip = np.ascontiguousarray(encoder.skip[rows, columns])
            decode_tile(data, (len(latent), *skip.shape), skip, decompressor.table_sets)

    target = Target("level", level)
    whole = compress(
        image, modality=modality, depth=depth, target=target, verify=False, models=models
    )
    encoding = [
        timed("network", pixels, runs, lambda: encoder.compressor.latent(unit)),
        timed("entropy coder", pixels, runs, encode_entropy),
        timed(
            "all, from pixels to bytes",
            pixels,
            runs,
            lambda: compress(
                image, modality=modality, depth=depth, target=target, verify=False, models=models
            ),
        ),
    ]
    decoding = [
        timed("network", pixels, runs, lambda: decompressor.fixed_image(latent, level)),
        timed("entropy coder", pixels, runs, decode_entropy),
        timed(
            "all, from bytes to pixels",
            pixels,
            runs,
            lambda: decompress(whole.data, models=models),
        ),
    ]
    return encoding, decoding, len(whole.data), encoder.psnr(level)


