"""Real bytes of the latents against the entropy of the coder's own model.

``python benchmarks/entropy.py --data FOLDER`` with an ``index.csv`` in FOLDER.  The model's
entropy is what an ideal coder would need with the trained probabilities of every decision
and every symbol in its context, plus the raw bits.  What the real bytes are above it is the
price of whole bits a symbol, padding and table numbers; they may be below it, since the
range coder adapts to each tile.  Depth 1 is measured as it is used: refining depth 2.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.options import only_modalities
from radcodec.bench.images import grey_image
from radcodec.codec import BaseEncoder, Encoder, Plan, prepare
from radcodec.entropy.latents import decode_tile, model_bits, set_of
from radcodec.network.store import ModelStore
from radcodec.training.data import MODALITIES, read_index

LEVELS = (60, 120, 165, 200, 235)


def tile_bits(encoder: Encoder, level: int) -> tuple[float, float]:
    """Real bits and model entropy of the last layer's tiles at a level."""
    layer, tiles, _ = encoder.layers(level)[-1]
    real = ideal = 0.0
    for tile, (rows, columns) in zip(tiles, layer.grid.tile_slices, strict=True):
        sets = layer.decompressor.table_sets
        skip = np.ascontiguousarray(layer.skip[rows, columns])
        q = decode_tile(tile, (layer.decompressor.bundle.latents, *skip.shape), skip, sets)
        real += 8 * len(tile)
        ideal += model_bits(q, skip, sets[set_of(tile)])
    return real, ideal


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--models", type=click.Path(path_type=Path, exists=True), help="A models folder.")
@click.option("--limit", type=click.IntRange(min=1), default=8, show_default=True)
@only_modalities
def main(data: Path, models: Path | None, limit: int, modalities: tuple[str, ...]) -> None:
    """Print real bytes over model entropy by modality, depth and level."""
    store = ModelStore(models)
    for depth in sorted({bundle.depth for bundle in store.compressors()}):
        plan = Plan(2, 1.0) if depth == 1 else Plan(depth)
        for modality in modalities or MODALITIES:
            rows = [row for row in read_index(data, "val") if row.modality == modality][:limit]
            bits, pixels = np.zeros((2, len(LEVELS))), 0
            for row in rows:
                image = grey_image(row)
                base = BaseEncoder(prepare(image), modality, plan.depth, store)
                encoder = Encoder(base, plan)
                pixels += image.stored.size
                for place, level in enumerate(LEVELS):
                    bits[:, place] += tile_bits(encoder, level)
            for level, (real, ideal) in zip(LEVELS, bits.T, strict=True):
                click.echo(
                    f"d={depth} {modality} level {level}: {real / 8:.0f} bytes, "
                    f"{real / pixels:.4f} bpp, model entropy {ideal / 8:.0f} bytes, "
                    f"{100 * (real / ideal - 1):+.1f} %"
                )
            total = bits.sum(axis=1)
            click.echo(f"d={depth} {modality} over all: {100 * (total[0] / total[1] - 1):+.1f} %")


if __name__ == "__main__":
    main()
