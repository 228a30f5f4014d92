"""The models judged on images that they were not trained on, next to JPEG and JPEG 2000."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radcodec.bench import peers
from radcodec.bench.bdrate import bd_rate
from radcodec.codec import Encoder, peak_of
from radcodec.container.rcz import Quality, write_rcz
from radcodec.metrics.quality import psnr
from radcodec.network.store import ModelStore
from radcodec.reading.image import GreyImage

#: Quality levels that make a curve of one depth.
LEVELS = (30, 80, 110, 140, 165, 190, 215, 235, 255)


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes
    ----------
    image, modality, codec : str
        What was measured; radcodec's codecs are "radcodec-d2" and so on.
    bytes : int
        The whole file.
    bpp : float
        Bits for each pixel.
    psnr : float
        dB over stored values, the peak being the image's own range.
    """

    image: str
    modality: str
    codec: str
    bytes: int
    bpp: float
    psnr: float


def _own_points(
    image: GreyImage, modality: str, depth: int, models: ModelStore
) -> Iterator[peers.Point]:
    encoder = Encoder(image, modality, depth, models)
    for level in LEVELS:
        file = encoder.file(level)
        measured = Quality(0.0, 0, bytes(32))
        data = write_rcz(type(file)(file.header, file.tiles, file.mask, file.dataset, measured))
        yield len(data), encoder.decoded(level)


def measure(
    name: str, modality: str, image: GreyImage, models: ModelStore, depths: list[int]
) -> list[Row]:
    """Measure one image with every depth and both peers."""
    curves: list[tuple[str, Iterator[peers.Point]]] = [
        (f"radcodec-d{depth}", _own_points(image, modality, depth, models)) for depth in depths
    ]
    curves += [("jpeg", peers.jpeg(image.stored)), ("jpeg2000", peers.jpeg2000(image.stored))]
    pixels, peak = image.stored.size, peak_of(image.stored)
    return [
        Row(name, modality, codec, size, 8 * size / pixels, psnr(image.stored, values, peak))
        for codec, points in curves
        for size, values in points
    ]


def differences(rows: list[Row], test: str, anchor: str) -> dict[str, list[float]]:
    """BD-rates of each image, by modality; `test` may be a prefix that joins curves."""
    images = sorted({(row.modality, row.image) for row in rows})
    out: dict[str, list[float]] = {}
    for modality, name in images:
        own = [(r.bpp, r.psnr) for r in rows if r.image == name and r.codec.startswith(test)]
        other = [(r.bpp, r.psnr) for r in rows if r.image == name and r.codec == anchor]
        value = bd_rate(other, own)
        if value is not None:
            out.setdefault(modality, []).append(value)
    return out


def summary(rows: list[Row]) -> list[dict[str, Any]]:
    """Mean BD-rates by modality, for all depths together and for each alone."""
    tests = ["radcodec", *sorted({r.codec for r in rows if r.codec.startswith("radcodec")})]
    out = []
    for test in tests:
        for anchor in ("jpeg", "jpeg2000"):
            for modality, values in differences(rows, test, anchor).items():
                out.append(
                    {
                        "codec": test,
                        "against": anchor,
                        "modality": modality,
                        "images": len(values),
                        "bd_rate": round(float(np.mean(values)), 4),
                        "worst": round(float(np.max(values)), 4),
                    }
                )
    return out


def switch_rates(rows: list[Row]) -> dict[str, float]:
    """Bits per pixel where the deeper network stops being better, median by modality."""
    depths = sorted({r.codec for r in rows if r.codec.startswith("radcodec-d")})
    out: dict[str, float] = {}
    if len(depths) < 2:
        return out
    for modality in sorted({r.modality for r in rows}):
        found = []
        for name in {r.image for r in rows if r.modality == modality}:
            curves = [
                sorted((r.bpp, r.psnr) for r in rows if r.image == name and r.codec == codec)
                for codec in (depths[0], depths[-1])
            ]
            grid = np.geomspace(0.005, 2, 200)
            shallow, deep = (
                np.interp(np.log(grid), np.log([p[0] for p in c]), [p[1] for p in c])
                for c in curves
            )
            start = np.searchsorted(grid, curves[0][0][0])
            better = np.flatnonzero(shallow[start:] > deep[start:])
            found.append(grid[start + better[0]] if better.size else grid[-1])
        out[modality] = round(float(np.median(found)), 4)
    return out


def save_rows(rows: list[Row], path: Path) -> None:
    """Write measurements as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(vars(row)) + "\n" for row in rows))


def load_rows(path: Path) -> list[Row]:
    """Read `save_rows`'s file."""
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def print_summary(rows: list[Row], log: Callable[[str], None] = print) -> None:
    """Print BD-rates, the good and the bad."""
    for line in summary(rows):
        log(
            f"{line['codec']:12} against {line['against']:8} {line['modality']}: "
            f"{100 * line['bd_rate']:+6.1f} % (mean of {line['images']}, "
            f"worst {100 * line['worst']:+.1f} %)"
        )
