"""Rate-distortion optimised quantisation against plain rounding, by BD-rate in PSNR.

``python benchmarks/economy.py --data FOLDER`` with an ``index.csv`` in FOLDER.  For a few
training images of each modality: files of several levels with plain rounding, and with each
worth of an error, and the mean difference in bytes at equal PSNR; negative is smaller.
"""

from __future__ import annotations

import math
from pathlib import Path

import click
import numpy as np

from radcodec.bench.bdrate import bd_rate
from radcodec.bench.images import choose, find_sources
from radcodec.codec import BaseEncoder, Encoder, Plan, Prepared, prepare
from radcodec.errors import RadcodecError
from radcodec.network.store import ModelStore

LEVELS = (60, 95, 125, 155, 185, 215)
#: Worth in units of a uniform quantiser's exchange rate, 6 / ln 2.
FACTORS = (1.0, 1.4, 2.0, 2.8)


def curve(
    prepared: Prepared, modality: str, plan: Plan, models: ModelStore, worth: float
) -> list[tuple[float, float]]:
    """Rate in bits per pixel and PSNR in dB of several levels."""
    base = BaseEncoder(prepared, modality, plan.depth, models, worth=worth)
    encoder = Encoder(base, plan)
    return [encoder.point(level) for level in LEVELS]


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True
)
@click.option("--models", type=click.Path(path_type=Path, exists=True), help="A models folder.")
@click.option("--limit", type=click.IntRange(min=1), default=3, show_default=True)
def main(data: Path, models: Path | None, limit: int) -> None:
    """Print BD-rates of optimised against plain quantisation."""
    try:
        store = ModelStore(models)
        sources = choose(find_sources(data, "train", warn=click.echo), limit=limit)
        for plan in (Plan(3), Plan(2), Plan(2, 1.0)):
            found: dict[tuple[str, float], list[float]] = {}
            for source in sources:
                prepared = prepare(source.read())
                plain = curve(prepared, source.modality, plan, store, 0.0)
                for factor in FACTORS:
                    worth = factor * 6 / math.log(2)
                    value = bd_rate(plain, curve(prepared, source.modality, plan, store, worth))
                    if value is not None:
                        found.setdefault((source.modality, factor), []).append(value)
            for (modality, factor), values in sorted(found.items()):
                click.echo(
                    f"d={plan.depth}{'' if plan.ratio is None else '+1'} {modality} worth "
                    f"{factor:g} x 6/ln2: {100 * float(np.mean(values)):+.2f} % "
                    f"(mean of {len(values)})"
                )
    except RadcodecError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
