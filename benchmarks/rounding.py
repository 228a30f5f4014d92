"""What coding small errors as none brings where pixels are coded without networks.

``python benchmarks/rounding.py --data FOLDER`` takes training images of an indexed folder, codes the
middle of each at a range of steps with each rounding, and prints the mean difference in bits at
equal PSNR against rounding to the nearest, at eight qualities from coarse to fine.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from pathlib import Path

import click
import numpy as np

from radcodec.bench.images import find_sources
from radcodec.codec import peak_of, prepare
from radcodec.entropy.residual import NEAREST, encode_residual
from radcodec.metrics.quality import psnr
from radcodec.reading.image import GreyImage

ROUNDINGS = (112, 96, 80)
STEPS = {"ct": (4, 6, 8, 11, 16, 23, 32, 48, 64)}
USUAL_STEPS = (2, 3, 4, 6, 8, 11, 16, 23, 32, 48)
#: Qualities at which curves are compared.
PLACES = 8
#: Most rows, and columns, of an image.
SIDE = 1024


def curve(image: GreyImage, steps: tuple[int, ...], rounding: int) -> list[tuple[float, float]]:
    """PSNR in dB and the logarithm of the bits for each pixel, at each step."""
    prepared = prepare(image)
    stored, mapping = image.stored, prepared.mapping
    known = np.zeros(stored.shape, dtype=bool) if prepared.mask is None else prepared.mask
    points = []
    for step in steps:
        data, decoded = encode_residual(
            stored, None, known, step, mapping.low, mapping.high, rounding
        )
        bits = 8 * len(data) / stored.size
        points.append((psnr(stored, decoded, peak_of(stored)), math.log(bits)))
    return sorted(points)


def differences(plain: list[tuple[float, float]], other: list[tuple[float, float]]) -> list[float]:
    """Percent of bits that `other` takes more than `plain`, at qualities that both reach."""
    low, high = max(plain[0][0], other[0][0]), min(plain[-1][0], other[-1][0])
    at = np.linspace(low, high, PLACES)
    logs = []
    for points in (other, plain):
        quality, bits = np.array(points).T
        logs.append(np.interp(at, quality, bits))
    return [100 * float(x) for x in np.expm1(logs[0] - logs[1])]


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--limit", default=5, show_default=True, help="Images of each modality.")
def main(data: Path, limit: int) -> None:
    """Measure, and print a table."""
    sources = list(find_sources(data, "train"))
    random.Random(3).shuffle(sources)
    taken: Counter[str] = Counter()
    found: dict[tuple[str, int], list[list[float]]] = defaultdict(list)
    for source in sources:
        modality = str(source.modality)
        if taken[modality] >= limit:
            continue
        taken[modality] += 1
        whole = source.read()
        image = GreyImage(**{**vars(whole), "stored": whole.stored[:SIDE, :SIDE]})
        steps = STEPS.get(modality, USUAL_STEPS)
        plain = curve(image, steps, NEAREST)
        for rounding in ROUNDINGS:
            found[modality, rounding].append(differences(plain, curve(image, steps, rounding)))
    print("| | rounding | percent of bits, from coarse to fine |\n|---|---|---|")
    for (modality, rounding), rows in sorted(found.items()):
        text = ", ".join(f"{mean:+.1f}" for mean in np.mean(rows, axis=0))
        print(f"| {modality} | {rounding}/256 | {text} |")


if __name__ == "__main__":
    main()
