"""Compare the models with JPEG and JPEG 2000 on images, at equal real bytes.

``make evaluate ARGS="--data FOLDER"``.  FOLDER holds an ``index.csv`` (as for
``python -m radcodec.training evaluate``), of which the split `--split` is taken, or any
DICOM and PNG files.  Prints BD-rates in PSNR and, with `--rows`, keeps every measurement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from radcodec.bench import validation
from radcodec.errors import RadcodecError
from radcodec.network.store import ModelStore
from radcodec.reading import read_image
from radcodec.reading.image import GreyImage
from radcodec.training.data import MODALITIES, read_index
from radcodec.training.evaluate import grey_image


def images_of(
    folder: Path, split: str, default_modality: str | None
) -> Iterator[tuple[str, str, GreyImage]]:
    """Yield name, modality and image of everything usable in a folder."""
    if (folder / "index.csv").exists():
        for row in read_index(folder, split):
            yield row.path.stem, row.modality, grey_image(row)
        return
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            image = read_image(path)
        except RadcodecError as error:
            click.echo(f"left out: {error}", err=True)
            continue
        modality = image.modality or default_modality
        if modality is None:
            click.echo(f"left out: {path}: no modality; give --default-modality", err=True)
        else:
            # The other codecs' bytes are codestreams: a data set has no part in either.
            yield str(path.relative_to(folder)), modality, replace(image, dataset=None)


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder of images: with an index.csv, or any DICOM and PNG files.",
)
@click.option("--split", default="val", show_default=True, help="Of a folder with an index.")
@click.option(
    "--default-modality", type=click.Choice(MODALITIES), help="For files that do not name theirs."
)
@click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Other models than the package's.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Images of each modality, at most.")
@click.option(
    "--rows",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the measurements here, one JSON object a line.",
)
def main(
    data: Path,
    split: str,
    default_modality: str | None,
    models: Path | None,
    limit: int | None,
    rows: Path | None,
) -> None:
    """Compare the models with JPEG and JPEG 2000 at equal real bytes."""
    store = ModelStore(models)
    depths = sorted({bundle.depth for bundle in store.compressors()})
    measured: list[validation.Row] = []
    done: dict[str, int] = {}
    for name, modality, image in images_of(data, split, default_modality):
        if limit is not None and done.get(modality, 0) >= limit:
            continue
        done[modality] = done.get(modality, 0) + 1
        measured += validation.measure(name, modality, image, store, depths)
        click.echo(f"{modality} {name}", err=True)
    if not measured:
        raise click.ClickException(f"no usable image in {data}")
    if rows is not None:
        validation.save_rows(measured, rows)
    validation.print_summary(measured, click.echo)


if __name__ == "__main__":
    main()
