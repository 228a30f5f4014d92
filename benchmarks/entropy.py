"""Real bytes of the latents against the entropy of the coder's own model.

``python benchmarks/entropy.py --data FOLDER`` with an ``index.csv`` in FOLDER.  The model's
entropy is what an ideal coder would need with the trained probabilities of every decision
and every symbol in its context, plus the raw bits.  What the real bytes are above it is the
price of whole bits a symbol, padding and table numbers; they may be below it, since the
range coder adapts to each tile.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from radcodec.bench.images import grey_image
from radcodec.codec import Encoder
from radcodec.entropy.latents import model_bits
from radcodec.network.store import ModelStore
from radcodec.training.data import MODALITIES, read_index

LEVELS = (60, 120, 165, 200, 235)


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--models", type=click.Path(path_type=Path, exists=True), help="A models folder.")
@click.option("--limit", type=click.IntRange(min=1), default=8, show_default=True)
def main(data: Path, models: Path | None, limit: int) -> None:
    """Print real bytes over model entropy by modality, depth and level."""
    store = ModelStore(models)
    for depth in sorted({bundle.depth for bundle in store.compressors()}):
        for modality in MODALITIES:
            images = [row for row in read_index(data, "val") if row.modality == modality][:limit]
            real, ideal, pixels = np.zeros(len(LEVELS)), np.zeros(len(LEVELS)), 0
            for row in images:
                image = grey_image(row)
                encoder = Encoder(image, modality, depth, store)
                pixels += image.stored.size
                for place, level in enumerate(LEVELS):
                    quantised = encoder.compressor.quantise(encoder.latent, level)
                    tiles = encoder.tiles(level)
                    slices = encoder.file(level).header.tile_slices
                    for tile, (rows, cols) in zip(tiles, slices, strict=True):
                        table = encoder.decompressor.table_sets[tile[0]]
                        skip = encoder.skip[rows, cols]
                        real[place] += 8 * len(tile)
                        ideal[place] += model_bits(quantised[:, rows, cols], skip, table)
            for level, r, i in zip(LEVELS, real, ideal, strict=True):
                click.echo(
                    f"d={depth} {modality} level {level}: {r / 8:.0f} bytes, {r / pixels:.4f} bpp, "
                    f"model entropy {i / 8:.0f} bytes, {100 * (r / i - 1):+.1f} %"
                )
            total = 100 * (real.sum() / ideal.sum() - 1)
            click.echo(f"d={depth} {modality} over all: {total:+.1f} %")


if __name__ == "__main__":
    main()
