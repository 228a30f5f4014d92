"""Bits per pixel without loss, and within a bound on the error, against JPEG-LS and JPEG 2000.

``python benchmarks/lossless.py --data FOLDER`` with an ``index.csv``, or DICOM and PNG files, in
FOLDER.  Residuals are counted with the background's mask and, where there is a base, with the
whole .rcz file of the base; JPEG-LS and JPEG 2000 as bare code streams of the whole image.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path

import click
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from benchmarks.options import only_modalities
from radcodec.bench.images import choose, find_sources
from radcodec.codec import BaseEncoder, Encoder, Plan, Prepared, prepare
from radcodec.entropy.residual import decode_residual, encode_residual
from radcodec.network.store import ModelStore

#: Side of a tile, as writers choose it.
TILE = 1024
#: Bases that are tried: depth and nominal step.
BASES = ((3, 0.3), (3, 0.1), (2, 0.03))
NO_BASE = "no base"
OTHERS = ("JPEG-LS", "JPEG 2000")
COLUMNS = (NO_BASE, *(f"depth {depth}, step {step:g}" for depth, step in BASES), *OTHERS)


def residual_bytes(prepared: Prepared, base: NDArray[np.int32] | None, max_error: int) -> int:
    """Bytes of all tiles of an image; they are decoded and compared."""
    stored, size, step = prepared.image.stored, 0, 2 * max_error + 1
    mask = np.zeros(stored.shape, dtype=bool) if prepared.mask is None else prepared.mask
    if mask.all():
        return 0
    low, high = int(stored[~mask].min()), int(stored[~mask].max())
    for top in range(0, stored.shape[0], TILE):
        for left in range(0, stored.shape[1], TILE):
            part = np.s_[top : top + TILE, left : left + TILE]
            under = None if base is None else base[part]
            known = mask[part]
            data, restored = encode_residual(stored[part], under, known, step, low, high)
            off = np.abs(restored - stored[part]).max()
            again = decode_residual(data, under, known, stored[part], step, low, high)
            if off > max_error or not np.array_equal(again, restored):
                raise click.ClickException("residuals do not keep what they promise")
            size += len(data)
    return size


def jpeg_ls_bytes(stored: NDArray[np.int32], max_error: int) -> int:
    """Bytes of a JPEG-LS code stream."""
    return len(imagecodecs.jpegls_encode(_samples(stored), level=max_error))


def jpeg_2000_bytes(stored: NDArray[np.int32]) -> int:
    """Bytes of a reversible JPEG 2000 code stream."""
    samples = _samples(stored)
    bits = max(int(samples.max()).bit_length(), 1)
    data = imagecodecs.jpeg2k_encode(
        samples, level=0, reversible=True, bitspersample=bits, codecformat="j2k"
    )
    return len(data)


def _samples(stored: NDArray[np.int32]) -> NDArray[np.unsignedinteger]:
    shifted = stored - stored.min()
    samples: NDArray[np.unsignedinteger] = shifted.astype(
        np.uint8 if shifted.max() < 256 else np.uint16
    )
    return samples


def sizes(
    prepared: Prepared, modality: str, errors: tuple[int, ...], store: ModelStore | None
) -> dict[int, dict[str, int]]:
    """Bytes by bound on the error and column."""
    stored = prepared.image.stored
    mask = 0 if prepared.coded_mask is None else len(prepared.coded_mask[1])
    found: dict[int, dict[str, int]] = {
        error: {NO_BASE: mask + residual_bytes(prepared, None, error)} for error in errors
    }
    if store is not None:
        for (depth, step), column in zip(BASES, COLUMNS[1:], strict=False):
            plan = Plan(depth)
            encoder = Encoder(BaseEncoder(prepared, modality, depth, store), plan)
            level = plan.level_of_step(step)
            base, size = encoder.decoded(level), encoder.size(level)
            for error in errors:
                found[error][column] = size + residual_bytes(prepared, base, error)
    for error in errors:
        found[error]["JPEG-LS"] = jpeg_ls_bytes(stored, error)
    if 0 in errors:
        found[0]["JPEG 2000"] = jpeg_2000_bytes(stored)
    return found


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--split", default="val", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Images of each modality.")
@only_modalities
@click.option(
    "--max-error", "errors", type=click.IntRange(0, 255), multiple=True, default=(0, 1, 2, 4)
)
@click.option("--bases/--no-bases", default=True, help="Whether to try bases of networks.")
@click.option("--models", type=click.Path(path_type=Path, exists=True), help="A models folder.")
def main(
    data: Path,
    split: str,
    limit: int | None,
    modalities: tuple[str, ...],
    errors: tuple[int, ...],
    bases: bool,
    models: Path | None,
) -> None:
    """Print mean bits per pixel by modality and bound on the error."""
    rows: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    losses: list[str] = []
    store = ModelStore(models) if bases else None
    sources = find_sources(data, split, "generic", partial(click.echo, err=True))
    for source in choose(sources, modalities, limit):
        prepared = prepare(source.read())
        pixels = prepared.image.stored.size
        for error, found in sizes(prepared, source.modality, errors, store).items():
            rows[source.modality, error].append(
                {column: 8 * size / pixels for column, size in found.items()}
            )
            ratio = found[NO_BASE] / found["JPEG-LS"]
            if ratio > 1:
                own, other = found[NO_BASE], found["JPEG-LS"]
                losses.append(f"{source.name}, {error}: {own} and {other} bytes, {ratio:.3f}")
    columns = [c for c in COLUMNS if any(c in row for group in rows.values() for row in group)]
    click.echo(f"| | max. error | images | {' | '.join(columns)} | to JPEG-LS | worst |")
    click.echo("|---" * (len(columns) + 5) + "|")
    for (modality, error), group in rows.items():
        means = [_mean(group, column) for column in columns]
        ratio = _mean(group, NO_BASE) / _mean(group, "JPEG-LS")
        worst = max(row[NO_BASE] / row["JPEG-LS"] for row in group)
        cells = " | ".join("" if np.isnan(mean) else f"{mean:.3f}" for mean in means)
        click.echo(f"| {modality} | {error} | {len(group)} | {cells} | {ratio:.3f} | {worst:.3f} |")
    click.echo("\nWithout a base larger than JPEG-LS (image, maximum error: bytes, ratio):\n")
    click.echo("\n".join(f"- {line}" for line in losses) or "- none")


def _mean(group: list[dict[str, float]], column: str) -> float:
    values = [row[column] for row in group if column in row]
    return float(np.mean(values)) if values else float("nan")


if __name__ == "__main__":
    main()
