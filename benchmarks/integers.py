"""What whole numbers in the decompressor cost, by BD-rate in PSNR against the trained float32 one.

``python benchmarks/integers.py --data FOLDER`` with an ``index.csv`` in FOLDER.  Images of the
split `val` are compressed at several levels of each plan, once with the shipped decompressors and
once with those of the checkpoints that they were made from, run in float32 by PyTorch; the rest
of the encoder is the same, and refines and filters what its own decompressor gives.  Positive is
larger with whole numbers.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.options import only_modalities
from radcodec.bench.bdrate import bd_rate
from radcodec.bench.images import choose, find_sources
from radcodec.codec import BaseEncoder, Encoder, Plan, Prepared, prepare
from radcodec.errors import RadcodecError
from radcodec.network.bundle import Bundle
from radcodec.network.decompressor import HALO, TILE, Decompressor
from radcodec.network.store import ModelStore
from radcodec.network.windows import run_windowed
from radcodec.training.checkpoints import load_small
from radcodec.training.networks import Architecture
from radcodec.training.tables import steps_table

PLANS = (Plan(4), Plan(3), Plan(2), Plan(1), Plan(3, 0.5), Plan(2, 1.2), Plan(2, 0.25))
LEVELS = (80, 115, 150, 185)
#: Binary places to which the float32 image is rounded, as fine as float32 itself is at 1.
FRACTION_BITS = 23


class FloatDecompressor(Decompressor):
    """A decompressor as it was trained, in place of the bundle that was made of it.

    Parameters
    ----------
    bundle : Bundle
        Its tables code the latents.
    checkpoint : Path
        Small checkpoint that holds the network.
    """

    def __init__(self, bundle: Bundle, checkpoint: Path) -> None:
        super().__init__(bundle)
        codec = load_small(checkpoint)
        self._network = codec.decompressor.eval()
        self._steps = steps_table(codec, decode=True)
        self.fraction_bits = FRACTION_BITS

    def fixed_image(
        self, quantised: NDArray[np.int32], level: int, tile: int = TILE
    ) -> NDArray[np.int32]:
        """Decode a quantised latent, as `Decompressor.fixed_image` does, in floating point."""
        scaled = (quantised * self._steps[level][:, None, None]).astype(np.float32)
        block = self.bundle.block
        image = run_windowed(self._decode, scaled, max(tile // block, 1), HALO, up=block)[0]
        # Far beyond what is clamped later, and within 32 bits.
        exact = np.clip(image, -64.0, 64.0).astype(np.float64) * 2.0**FRACTION_BITS
        fixed: NDArray[np.int32] = np.rint(exact).astype(np.int32)
        return fixed

    def _decode(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            image: NDArray[np.float32] = self._network(torch.from_numpy(scaled)).numpy()
        return image


class FloatStore(ModelStore):
    """The shipped models, but for decompressors, which are those of the checkpoints."""

    def load_decompressor(self, bundle: Bundle) -> Decompressor:
        """See `ModelStore.load_decompressor`."""
        name = Architecture(bundle.depth, int(bundle.manifest["width"]), bundle.latents).name
        return FloatDecompressor(bundle, self.root / "checkpoints" / f"{name}-joint.safetensors")


def curve(
    prepared: Prepared, modality: str, plan: Plan, models: ModelStore
) -> list[tuple[float, float]]:
    """Bits of the file for each pixel, and PSNR in dB, at `LEVELS`."""
    encoder = Encoder(BaseEncoder(prepared, modality, plan.depth, models), plan)
    return [encoder.point(level) for level in LEVELS]


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True
)
@click.option("--limit", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--max-pixels", type=click.IntRange(min=1), help="Leave out larger images.")
@only_modalities
def main(data: Path, limit: int, max_pixels: int | None, modalities: tuple[str, ...]) -> None:
    """Print what whole numbers cost, for each modality and plan."""
    try:
        whole = ModelStore()
        trained = FloatStore(whole.root)
        sources = choose(find_sources(data, "val", warn=click.echo), modalities, limit)
        found: dict[tuple[str, Plan], list[tuple[float, float, float]]] = {}
        for source in sources:
            image = source.read()
            if max_pixels is not None and image.stored.size > max_pixels:
                continue
            prepared = prepare(image)
            for plan in PLANS:
                anchor = curve(prepared, source.modality, plan, trained)
                points = curve(prepared, source.modality, plan, whole)
                cost = bd_rate(anchor, points)
                if cost is not None:
                    rates = [rate for rate, _ in points]
                    found.setdefault((source.modality, plan), []).append(
                        (100 * cost, min(rates), max(rates))
                    )
    except RadcodecError as error:
        raise click.ClickException(str(error)) from error
    click.echo("| modality | plan | images | bits per pixel | bytes | worst image |")
    click.echo("|---|---|---|---|---|---|")
    for (modality, plan), values in found.items():
        costs, lowest, highest = zip(*values, strict=True)
        name = f"{plan.depth}" if plan.ratio is None else f"{plan.depth}+1 at {plan.ratio:g}"
        click.echo(
            f"| {modality.upper()} | {name} | {len(values)} | {min(lowest):.2f} to "
            f"{max(highest):.2f} | {np.mean(costs):+.2f} % | {max(costs):+.2f} % |"
        )


if __name__ == "__main__":
    main()
