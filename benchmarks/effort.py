"""What each ``--effort`` takes and gives: bytes at equal PSNR, and time, beside the most.

``python benchmarks/effort.py --data FOLDER`` with an ``index.csv`` in FOLDER.  Images of the
split `val` are compressed to several sizes as the command line would do it, with the search for
the size and the verifying decode.  Times are told as parts of what the greatest effort took, and
as multiples of what OpenJPEG took, on as many cores, to encode the same image near the same PSNR.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np

from benchmarks.options import only_modalities
from benchmarks.speed import openjpeg_timings
from radcodec.bench.bdrate import bd_rate
from radcodec.bench.images import choose, find_sources
from radcodec.codec import compress
from radcodec.codec.plans import EFFORTS
from radcodec.errors import RadcodecError, UsageError
from radcodec.processors import processors
from radcodec.rate import Target
from radcodec.reading.image import GreyImage

#: Sizes that are asked for, in bits per pixel.
RATES = (0.06, 0.15, 0.4, 1.0)


def measure(image: GreyImage, modality: str, effort: int) -> list[tuple[float, float, float]]:
    """Bits per pixel, PSNR in dB and seconds at each of `RATES` that can be reached."""
    found = []
    for rate in RATES:
        begin = time.perf_counter()
        try:
            result = compress(image, modality=modality, target=Target("bpp", rate), effort=effort)
        except UsageError:
            continue
        seconds = time.perf_counter() - begin
        if result.psnr is not None and np.isfinite(result.psnr):
            found.append((result.bpp, result.psnr, seconds))
    return found


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=4, show_default=True, help="Of each modality."
)
@click.option("--max-pixels", type=click.IntRange(min=1), help="Leave out larger images.")
@only_modalities
def main(data: Path, limit: int, max_pixels: int | None, modalities: tuple[str, ...]) -> None:
    """Print a table of what efforts take and give."""
    try:
        sources = choose(find_sources(data, "val", warn=click.echo), modalities, limit)
        rows: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
        warm = False
        for source in sources:
            image = source.read()
            if max_pixels is not None and image.stored.size > max_pixels:
                continue
            if not warm:
                measure(image, source.modality, EFFORTS[-1])  # compiles, and loads the networks
                warm = True
            curves = {effort: measure(image, source.modality, effort) for effort in EFFORTS}
            most = curves[EFFORTS[-1]]
            anchor = [(bpp, psnr) for bpp, psnr, _ in most]
            peer = sum(
                openjpeg_timings(image.stored, psnr, processors(), 1)[0].seconds
                for _, psnr in anchor
            )
            longest = sum(seconds for *_, seconds in most)
            for effort, curve in curves.items():
                points = [(bpp, psnr) for bpp, psnr, _ in curve]
                difference = bd_rate(anchor, points)
                if difference is None or len(curve) != len(most):
                    continue
                taken = sum(seconds for *_, seconds in curve)
                rows.setdefault((source.modality, effort), []).append(
                    (difference, taken / longest, taken / peer)
                )
    except RadcodecError as error:
        raise click.ClickException(str(error)) from error
    click.echo("| modality | images | effort | bytes | time | time of OpenJPEG |")
    click.echo("|---|---|---|---|---|---|")
    for (modality, effort), values in sorted(rows.items()):
        difference, share, peer = np.mean(values, axis=0)
        click.echo(
            f"| {modality.upper()} | {len(values)} | {effort} | {100 * difference:+.1f} % | "
            f"{share:.2f} | {peer:.0f} x |"
        )


if __name__ == "__main__":
    main()
