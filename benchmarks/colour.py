"""Ways to code colour at equal bytes: samples or luma and chroma, networks or pixels.

``python benchmarks/colour.py FILE...`` compresses one frame of each RGB or YBR_FULL image to some
ratios, data set included, and prints the PSNR over all samples; JPEG 2000 (irreversible, with its
own transform of colours, bare code stream) and JPEG (4:4:4 where it has the choice) stand beside.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import click
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from radcodec.codec import Decoder, load_rules
from radcodec.codec.choosing import plans_for
from radcodec.codec.headers import header_for
from radcodec.codec.series import Request, Series
from radcodec.container.rcz import RczReader
from radcodec.errors import UsageError
from radcodec.metrics.quality import psnr
from radcodec.network.store import ModelStore
from radcodec.rate import Target
from radcodec.reading import open_image
from radcodec.reading.image import Frame, ImageSource

#: Whether RGB is transformed, and whether pixels may take the place of networks.
WAYS = {
    "samples, networks": (False, False),
    "luma and chroma, networks": (True, False),
    "samples": (False, True),
    "luma and chroma": (True, True),
}
#: Settings of the peers, from the best.
_J2K_LEVELS = np.arange(60, 15, -0.25)
_JPEG_QUALITIES = range(100, 0, -1)


class _Single(ImageSource):
    """One frame of a source, without its data set."""

    def __init__(self, source: ImageSource, index: int) -> None:
        self._frame = source.frame(index)
        self.layout = replace(source.layout, frames=1)
        self.name, self.modality, self.padding_value = source.name, source.modality, None

    def frame(self, index: int) -> Frame:
        """The frame."""
        return self._frame


def own(source: ImageSource, ratio: float, way: tuple[bool, bool], store: ModelStore) -> Coded:
    """Size, PSNR and codings of a file; None where the ratio is out of reach."""
    transformed, pixels = way
    modality = source.modality or "generic"
    rules = load_rules(store.root)
    plans = plans_for(modality, None, None, rules, store)
    header = header_for(source.layout, modality, "png", None)
    if not transformed:
        header = replace(header, transform="none")
    series = Series(
        source, header, Request(modality, plans, rules, Target("ratio", ratio), pixels), store
    )
    out = io.BytesIO()
    try:
        series.write(out, verify=True)
    except UsageError:
        return None
    reader = RczReader(out)
    codings = {reader.plane(0, sample).coding for sample in range(3)}
    (decoded,) = (frame.planes for frame in Decoder(out, models=store).frames())
    planes = source.frame(0).planes
    return len(out.getvalue()), psnr(planes, decoded, _peak(planes)), "/".join(sorted(codings))


#: Bytes, PSNR in dB, and how.
Coded = tuple[int, float, str] | None


def peer(
    planes: NDArray[np.int32], most: float, coded: Callable[[NDArray[np.uint8]], Iterator[bytes]]
) -> Coded:
    """The best of some files that is no larger than a size; they are ordered from the best."""
    interleaved = np.ascontiguousarray(planes.transpose(1, 2, 0).astype(np.uint8))
    for data in coded(interleaved):
        if len(data) <= most:
            decoded = imagecodecs.imread(data).transpose(2, 0, 1)
            return len(data), psnr(planes, decoded.astype(np.int32), _peak(planes)), ""
    return None


def jpeg_2000(pixels: NDArray[np.uint8]) -> Iterator[bytes]:
    """JPEG 2000 files, from the largest."""
    for decibels in _J2K_LEVELS:
        level = cast("int", decibels)  # fractions are taken, whatever the types say
        yield bytes(
            imagecodecs.jpeg2k_encode(pixels, level=level, reversible=False, codecformat="j2k")
        )


def jpeg(pixels: NDArray[np.uint8]) -> Iterator[bytes]:
    """JPEG files, from the largest."""
    for quality in _JPEG_QUALITIES:
        yield bytes(imagecodecs.jpeg8_encode(pixels, level=quality, subsampling="444"))


def _peak(planes: NDArray[np.int32]) -> float:
    return float(planes.max() - planes.min())


def _shown(found: Coded) -> str:
    if found is None:
        return "-"
    size, decibels, how = found
    return f"{size} : " + ("exact" if math.isinf(decibels) else f"{decibels:.2f}") + f" {how}"


@click.command(help=__doc__.partition("\n")[0])
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--ratio", "ratios", multiple=True, type=float, default=(8.0, 20.0, 50.0))
@click.option("--frame", default=1, show_default=True, help="Which, counted from 1.")
def main(files: tuple[Path, ...], ratios: tuple[float, ...], frame: int) -> None:
    """Run the benchmark."""
    store = ModelStore()
    columns = [*WAYS, "JPEG 2000", "JPEG"]
    click.echo(f"| file | colour | ratio | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 3)}")
    for path in files:
        with open_image(path) as opened:
            source = _Single(opened, frame - 1)
            planes = source.frame(0).planes
            for ratio in ratios:
                rgb = source.layout.photometric == "RGB"
                found = [
                    own(source, ratio, way, store) if rgb or not way[0] else None
                    for way in WAYS.values()
                ]
                if rgb and planes.max() < 256:
                    found += [peer(planes, planes.size / ratio, each) for each in (jpeg_2000, jpeg)]
                cells = " | ".join(map(_shown, found))
                click.echo(f"| {path.name} | {source.layout.photometric} | {ratio:g} | {cells} |")


if __name__ == "__main__":
    main()
