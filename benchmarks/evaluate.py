"""Measure the models and other codecs on images, and compare them at equal real bytes.

``make evaluate ARGS="peers --data FOLDER --rows peers.jsonl"`` and so on.  FOLDER holds an
``index.csv`` (columns file, split, modality, optionally offset) of lossless JPEG XL images,
or any DICOM and PNG files.  A run that was stopped goes on where it stopped when the same
command is given again: rows that the file holds are not measured again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks.options import only_modalities
from radcodec.bench import own as own_codec
from radcodec.bench.codecs import CODECS
from radcodec.bench.compare import METRICS, RATES, compare, print_table
from radcodec.bench.images import Source, choose, find_sources
from radcodec.bench.measure import measure_own, measure_peers
from radcodec.bench.rows import RowFile, load_rows
from radcodec.errors import RadcodecError
from radcodec.network.store import ModelStore
from radcodec.training.data import MODALITIES

_FILE = click.Path(path_type=Path, dir_okay=False)


def _on_images(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the commands that measure images."""
    for option in (
        click.option("--max-pixels", type=click.IntRange(min=1), help="Leave larger images out."),
        click.option("--limit", type=click.IntRange(min=1), help="Images of each modality."),
        only_modalities,
        click.option(
            "--default-modality",
            type=click.Choice(MODALITIES),
            help="For files that do not name theirs.",
        ),
        click.option(
            "--split", default="val", show_default=True, help="Of a folder with an index."
        ),
        click.option("--rows", type=_FILE, required=True, help="Measurements, as JSON lines."),
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            required=True,
            help="Folder of images: with an index.csv, or any DICOM and PNG files.",
        ),
    ):
        command = option(command)
    return command


def _sources(
    data: Path,
    split: str,
    default_modality: str | None,
    modalities: tuple[str, ...],
    limit: int | None,
) -> list[Source]:
    return choose(find_sources(data, split, default_modality, _note), modalities, limit)


def _note(line: str) -> None:
    click.echo(line, err=True)


def _finish(failed: int) -> None:
    if failed:
        raise click.ClickException(f"{failed} measurements of an image failed or were left out")


class _Group(click.Group):
    """Turns this package's errors, and files that cannot be written, into messages."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (RadcodecError, OSError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group)
def main() -> None:
    """Measure codecs on images, and compare them at equal real bytes."""


def _names(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in CODECS:
            raise click.BadParameter(f"no codec {name!r}; there are {', '.join(CODECS)}")
    return names


@main.command()
@_on_images
@click.option(
    "--codecs",
    default=",".join(CODECS),
    show_default=True,
    callback=_names,
    help="Which, separated by commas.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True)
def peers(
    data: Path,
    rows: Path,
    split: str,
    default_modality: str | None,
    modalities: tuple[str, ...],
    limit: int | None,
    max_pixels: int | None,
    codecs: list[str],
    jobs: int,
) -> None:
    """Measure other codecs; one whose program is missing is reported and left out."""
    sources = _sources(data, split, default_modality, modalities, limit)
    _finish(measure_peers(codecs, sources, RowFile(rows), max_pixels, jobs, _note))


@main.command()
@_on_images
@click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Other models than the package's.",
)
@click.option(
    "--name", default=own_codec.NAME, show_default=True, help="Codec of the rows, to tell models."
)
def own(
    data: Path,
    rows: Path,
    split: str,
    default_modality: str | None,
    modalities: tuple[str, ...],
    limit: int | None,
    max_pixels: int | None,
    models: Path | None,
    name: str,
) -> None:
    """Measure the models, as whole .rcz files."""
    sources = _sources(data, split, default_modality, modalities, limit)
    _finish(measure_own(sources, ModelStore(models), RowFile(rows), max_pixels, name, _note))


@main.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--test", default=own_codec.NAME, show_default=True, help="Codec to judge.")
@click.option(
    "--metric",
    type=click.Choice(METRICS),
    default="psnr",
    show_default=True,
    help="Rates are compared at equal values of this; lung, soft_tissue and bone: window PSNR.",
)
@click.option(
    "--rates",
    type=(float, float),
    default=RATES,
    show_default=True,
    help="Lowest and highest bits per pixel that count.",
)
@click.option("--json", "json_path", type=_FILE, help="Write all figures here.")
@click.option("--plot", type=_FILE, help="Draw the curves as SVG.")
def table(
    files: tuple[Path, ...],
    test: str,
    metric: str,
    rates: tuple[float, float],
    json_path: Path | None,
    plot: Path | None,
) -> None:
    """Compare a codec with all others in FILES of measurements."""
    if not 0 < rates[0] < rates[1]:
        raise click.UsageError("--rates takes two numbers, the lower one first, above 0")
    rows = [row for path in files for row in load_rows(path)]
    comparisons = compare(rows, test, metric, rates)
    if not comparisons:
        raise click.ClickException(
            f"no image was measured both with {test} and another codec; "
            f"codecs in these files: {', '.join(sorted({row.codec for row in rows})) or 'none'}"
        )
    print_table(comparisons, metric, rates, click.echo)
    if json_path is not None:
        summary = {
            "metric": metric,
            "bits_per_pixel": list(rates),
            "comparisons": [asdict(comparison) for comparison in comparisons],
        }
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(summary, indent=1) + "\n")
    if plot is not None:
        from radcodec.bench.plots import plot_curves

        plot.parent.mkdir(parents=True, exist_ok=True)
        plot_curves(rows, plot, metric, rates)


if __name__ == "__main__":
    main()
