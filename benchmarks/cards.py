"""Write each compressor's figures on held-out images beside its manifest, as ``card.json``.

``python benchmarks/cards.py --data FOLDER`` with an ``index.csv`` in FOLDER.  Each compressor is
measured with its own depth alone, depth 1 refining depth 2, at a few quality levels: mean bits
per pixel and PSNR over images of the split `val`.  A card is not part of a bundle's identity.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from benchmarks.options import EXACT, only_modalities
from radcodec.bench.images import choose, find_sources
from radcodec.codec import BaseEncoder, Encoder, Plan, prepare
from radcodec.errors import RadcodecError
from radcodec.network.bundle import CARD
from radcodec.network.store import ModelStore

LEVELS = (60, 120, 180)


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True
)
@click.option(
    "--models", type=click.Path(path_type=Path, exists=True), default="models", show_default=True
)
@click.option("--limit", type=click.IntRange(min=1), default=6, show_default=True)
@only_modalities
@click.option("--max-pixels", type=click.IntRange(min=1), help="Leave out larger images.")
def main(
    data: Path, models: Path, limit: int, modalities: tuple[str, ...], max_pixels: int | None
) -> None:
    """Measure every compressor on images of its modality."""
    try:
        store = ModelStore(models)
        sources = choose(find_sources(data, "val", warn=click.echo), modalities, limit)
        for bundle in store.compressors():
            if modalities and bundle.modality not in modalities:
                continue
            plan = Plan(2, 0.8) if bundle.depth == 1 else Plan(bundle.depth, wide=bundle.wide)
            measured = []
            for source in sources:
                if source.modality != bundle.modality:
                    continue
                image = source.read()
                if max_pixels is not None and image.stored.size > max_pixels:
                    continue
                base = BaseEncoder(
                    prepare(image), source.modality, plan.depth, store, wide=plan.wide
                )
                encoder = Encoder(base, plan)
                points = [encoder.point(level) for level in LEVELS]
                # Pixels in the place of networks may leave no error at all.
                measured.append([(bpp, min(psnr, EXACT)) for bpp, psnr in points])
            if not measured:
                # Figures of other weights would be worse than none.
                (bundle.path / CARD).unlink(missing_ok=True)
                continue
            means = np.array(measured).mean(axis=0)
            card = {
                "split": "val",
                "images": len(measured),
                "refines_depth": 2 if bundle.depth == 1 else None,
                "levels": [
                    {"level": level, "bits_per_pixel": round(bpp, 4), "psnr_db": round(psnr, 2)}
                    for level, (bpp, psnr) in zip(LEVELS, means.tolist(), strict=True)
                ],
            }
            (bundle.path / CARD).write_text(json.dumps(card, indent=1) + "\n")
            click.echo(f"{bundle.path}: {json.dumps(card)}")
    except RadcodecError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
