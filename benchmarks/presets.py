"""What each quality and density gives: mean ratio, PSNR and SSIM for every modality.

``python benchmarks/presets.py --data FOLDER``.  FOLDER holds an ``index.csv``, of which the
split `--split` is taken, or any DICOM and PNG files.  Prints Markdown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from benchmarks.options import EXACT, only_modalities
from radcodec.bench.images import choose, find_sources
from radcodec.codec import compress, decompress, peak_of
from radcodec.errors import RadcodecError
from radcodec.metrics.quality import ms_ssim, ssim
from radcodec.rate import DENSITIES, QUALITIES, Target
from radcodec.reading.image import GreyImage


def settings() -> Iterator[tuple[str, int | None, bool | None, Target]]:
    """Yield name, depth, refinement and target of everything that is measured."""
    yield "default", None, None, Target("usual", 0)
    for quality in QUALITIES:
        yield f"--quality {quality:g}", None, None, Target("quality", quality)
    for name, preset in DENSITIES.items():
        yield f"--density {name}", preset.depth, preset.refine, Target("step", preset.step)


def measure(image: GreyImage, modality: str) -> Iterator[tuple[str, list[float]]]:
    """Yield name, and ratio, bits per pixel, PSNR, SSIM and MS-SSIM in dB, of each setting."""
    for name, depth, refine, target in settings():
        result = compress(image, modality=modality, depth=depth, refine=refine, target=target)
        restored = decompress(result.data).stored
        peak = peak_of(image.stored)
        alike = ms_ssim(image.stored, restored, peak)
        decibels = min(result.psnr or math.inf, EXACT)
        yield (
            name,
            [
                result.ratio,
                result.bpp,
                decibels,
                ssim(image.stored, restored, peak),
                -10 * math.log10(max(1 - alike, 1e-9)),
            ],
        )


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True
)
@click.option("--split", default="val", show_default=True, help="Of a folder with an index.")
@click.option("--limit", type=click.IntRange(min=1), help="Images of each modality, at most.")
@only_modalities
def main(data: Path, split: str, limit: int | None, modalities: tuple[str, ...]) -> None:
    """Print a table of what qualities and densities give."""
    try:
        sources = choose(find_sources(data, split, warn=click.echo), modalities, limit)
        rows: dict[tuple[str, str], list[list[float]]] = {}
        for source in sources:
            for name, values in measure(source.read(), source.modality):
                rows.setdefault((name, source.modality), []).append(values)
    except RadcodecError as error:
        raise click.ClickException(str(error)) from error
    click.echo("| | modality | images | ratio | bits per pixel | PSNR dB | SSIM | MS-SSIM dB |")
    click.echo("|---|---|---|---|---|---|---|---|")
    for name, *_ in settings():
        for modality in ("xr", "mg", "ct", "mr"):
            if (name, modality) in rows:
                table = np.array(rows[name, modality])
                ratio, bpp, decibels, alike, scales = table.mean(axis=0)
                click.echo(
                    f"| `{name}` | {modality.upper()} | {len(table)} | {ratio:.1f} | {bpp:.3f} | "
                    f"{decibels:.1f} | {alike:.4f} | {scales:.1f} |"
                )


if __name__ == "__main__":
    main()
