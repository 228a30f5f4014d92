"""Speed of network and entropy coder apart, next to OpenJPEG on the same image.

``make speed``.  "Entropy coder" codes the final latents once; "pixels to file" also makes them
cheaper.  Every figure is the median of several runs, in megapixels a second, after
one run that is not counted.  OpenJPEG works near the PSNR that radcodec has reached, with as
many threads as there are cores; the entropy coder encodes with one and decodes tiles side by
side, as "pixels to file" and "file to pixels" do, and OpenVINO takes its own choice.
For figures of one core: ``taskset -c 0 make speed``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from radcodec.bench.own import whole_file
from radcodec.codec import BaseEncoder, Encoder, Plan, decompress, peak_of, prepare
from radcodec.codec.base import SERVED_BY
from radcodec.codec.layer import decode_tiles
from radcodec.codec.threads import MOST
from radcodec.container import write_rcz
from radcodec.demo import find_image
from radcodec.entropy.latents import encode_tile
from radcodec.metrics import quality
from radcodec.network.runtime import describe
from radcodec.network.store import ModelStore
from radcodec.processors import processors
from radcodec.rate import closest_level
from radcodec.reading import read_image
from radcodec.reading.image import GreyImage

#: A real chest radiograph of more than a megapixel, from the package pydicom-data.
IMAGE = "RG1_UNCR.dcm"


@dataclass(frozen=True)
class Timing:
    """One stage's median time."""

    stage: str
    seconds: float
    pixels: int

    @property
    def speed(self) -> float:
        """Megapixels a second."""
        return self.pixels / self.seconds / 1e6


def timed(stage: str, pixels: int, runs: int, work: Callable[[], object]) -> Timing:
    """Time `work` after one run that is not counted."""
    work()
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return Timing(stage, median(taken), pixels)


def own_timings(
    image: GreyImage, modality: str, plan: Plan, ratio: float, runs: int, models: ModelStore
) -> tuple[list[Timing], list[Timing], int, float]:
    """Time radcodec's stages: those of encoding, of decoding, file bytes, and PSNR in dB."""
    pixels = image.stored.size
    prepared = prepare(image)
    encoder = Encoder(BaseEncoder(prepared, modality, plan.depth, models), plan)
    level = closest_level(encoder.size, image.uncompressed_bytes / ratio)
    layers = encoder.layers(level)
    latents: list[NDArray[np.int32]] = []

    def decode_entropy() -> None:
        latents.clear()
        for layer, tiles, _ in layers:
            latents.append(decode_tiles(tiles, layer.grid, layer.skip, layer.decompressor))

    def encode_entropy() -> None:
        for (layer, _, _), latent in zip(layers, latents, strict=True):
            for rows, columns in layer.grid.tile_slices:
                encode_tile(
                    np.ascontiguousarray(latent[:, rows, columns]),
                    np.ascontiguousarray(layer.skip[rows, columns]),
                    layer.decompressor.table_sets,
                    layer.compressor.table_sets(refining=layer is not layers[0][0]),
                )

    def decode_networks() -> None:
        for (layer, _, own_level), latent in zip(layers, latents, strict=True):
            layer.decompressor.fixed_image(latent, own_level)

    def encode_networks() -> None:
        # A refinement's compressor needs what the first layer decodes to.
        for number, (layer, _, own_level) in enumerate(layers):
            layer.compressor.latent(prepared.unit)
            if number + 1 < len(layers):
                layer.decompressor.fixed_image(latents[number], own_level)

    def encode_all() -> bytes:
        return write_rcz(
            Encoder(BaseEncoder(prepare(image), modality, plan.depth, models), plan).file(level)
        )

    data = whole_file(encoder, level)
    decode_entropy()
    encoding = [
        timed("networks", pixels, runs, encode_networks),
        timed("entropy coder", pixels, runs, encode_entropy),
        timed("pixels to file", pixels, runs, encode_all),
    ]
    decoding = [
        timed("networks", pixels, runs, decode_networks),
        timed("entropy coder", pixels, runs, decode_entropy),
        timed("file to pixels", pixels, runs, lambda: decompress(data, models=models)),
    ]
    return encoding, decoding, len(data), encoder.psnr(level)


def openjpeg_timings(
    stored: NDArray[np.int32], psnr: float, threads: int, runs: int
) -> tuple[Timing, Timing, int, float]:
    """Time OpenJPEG, irreversible, near a PSNR over the image's range; its bytes and PSNR."""
    shifted = (stored - stored.min()).astype(np.uint16)
    bits = max(int(shifted.max()).bit_length(), 1)
    # OpenJPEG's peak is that of the bit depth; it takes whole decibels.
    decibels = round(psnr + 20 * math.log10(((1 << bits) - 1) / peak_of(stored)))

    def encode() -> bytes:
        return bytes(
            imagecodecs.jpeg2k_encode(
                shifted,
                level=decibels,
                codecformat="j2k",
                reversible=False,
                bitspersample=bits,
                numthreads=threads,
            )
        )

    data = encode()
    encoding = timed("OpenJPEG", stored.size, runs, encode)
    decoding = timed(
        "OpenJPEG",
        stored.size,
        runs,
        lambda: imagecodecs.jpeg2k_decode(data, numthreads=threads),
    )
    restored = imagecodecs.jpeg2k_decode(data).astype(np.int32) + stored.min()
    return encoding, decoding, len(data), quality.psnr(stored, restored, peak_of(stored))


def _print_stages(direction: str, plan: str, stages: list[Timing], peer: Timing) -> None:
    for stage in [*stages, peer]:
        click.echo(
            f"  {plan}  {direction}  {stage.stage:<15} {stage.speed:8.1f} Mpx/s"
            f" {1000 * stage.seconds:9.1f} ms {stage.speed / peer.speed:8.2f} x OpenJPEG"
        )


@click.command()
@click.argument("image", default=IMAGE)
@click.option("--modality", type=click.Choice(["xr", "mg", "ct", "mr"]), help="For a PNG.")
@click.option("--ratio", type=click.FloatRange(min=1), default=20.0, show_default=True)
@click.option("--runs", type=click.IntRange(min=1), default=7, show_default=True)
@click.option("--depth", "depths", type=click.IntRange(1, 4), multiple=True, help="Default: all.")
def main(
    image: str, modality: str | None, ratio: float, runs: int, depths: tuple[int, ...]
) -> None:
    """Measure the speed of each stage on IMAGE, a path or a file of pydicom-data."""
    path = Path(image)
    grey = read_image(path if path.exists() else find_image(image))
    chosen = modality or grey.modality or "generic"
    models = ModelStore()
    cores = processors()
    rows, columns = grey.stored.shape
    machine = describe()
    click.echo(
        f"{image}: {rows} x {columns} pixels ({grey.stored.size / 1e6:.1f} Mpx), {chosen}, "
        f"{grey.bits_stored} bits; ratio {ratio:g}; medians of {runs} runs\n"
        f"{machine['cpu']}, {cores} cores; threads: OpenVINO {machine['openvino']} its own choice, "
        f"entropy coder 1 to encode, {min(cores, MOST)} to decode, OpenJPEG {cores}"
    )
    have = depths or models.depths(SERVED_BY.get(chosen, chosen))
    for plan in [Plan(d) for d in have] + [Plan(d, 1.0) for d in have if d > 1]:
        name = f"d={plan.depth}{'' if plan.ratio is None else '+1'}"
        encoding, decoding, size, psnr = own_timings(grey, chosen, plan, ratio, runs, models)
        click.echo(
            f"{name}: {size} bytes, ratio {grey.uncompressed_bytes / size:.1f}, {psnr:.2f} dB"
        )
        if not math.isfinite(psnr):
            raise click.ClickException("no loss at this ratio: give a higher --ratio")
        peer_encode, peer_decode, peer_size, peer_psnr = openjpeg_timings(
            grey.stored, psnr, cores, runs
        )
        _print_stages("encode", name, encoding, peer_encode)
        _print_stages("decode", name, decoding, peer_decode)
        share = decoding[1].seconds / decoding[0].seconds
        click.echo(
            f"  entropy decoding takes {100 * share:.1f} % of the networks' decoding time; "
            f"OpenJPEG: {peer_size} bytes, {peer_psnr:.2f} dB"
        )


if __name__ == "__main__":
    main()
