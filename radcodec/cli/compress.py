"""`radcodec compress`: DICOM and PNG images to .rcz files."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radcodec.cli.batch import collect, is_image, refuse_folder, run_tasks
from radcodec.cli.options import (
    PositiveFloat,
    check_output_options,
    jobs_option,
    limits_of,
    loudness_options,
    memory_option,
    output_options,
    paths_argument,
    progress_option,
)
from radcodec.cli.outputs import (
    Destination,
    Place,
    check_stdout,
    compressed_name,
)
from radcodec.cli.sources import Source
from radcodec.cli.tasks import Message
from radcodec.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from typing import BinaryIO

    from radcodec.codec import Summary
    from radcodec.rate import Target
    from radcodec.reading import ImageSource


#: Largest bound on the error that can be asked for: steps of residuals take 16 bits.
LARGEST_BOUND = 2**15 - 1


@dataclass(frozen=True)
class Settings:
    """How each file of a run is compressed; as the arguments of `radcodec.codec.compress_source`.

    `remove` says whether the source is deleted in the end, `memory` how much may be taken.
    """

    modality: str | None
    depth: int | None
    refine: bool | None
    target: Target
    max_error: int | None
    effort: int
    verify: bool
    remove: bool
    memory: int


@dataclass(frozen=True)
class CompressTask:
    """Compress one file to a place, or to standard output where there is none."""

    path: Path
    place: Place | None
    settings: Settings

    def __call__(self) -> Iterator[Message]:
        """Do it.

        Raises
        ------
        RadcodecError
            As `radcodec.reading.read_image` and `radcodec.codec.compress`; or the source
            has changed meanwhile, the result cannot be written, or is not what it should
            be on disk.
        """
        from radcodec.reading import open_image

        settings = self.settings
        source = Source(self.path)
        begin = time.perf_counter()
        with open_image(self.path, limits_of(settings.memory)) as image:
            palette = image.layout.photometric == "PALETTE COLOR"
            if self.place is None:
                buffer = io.BytesIO()
                result = self._compress(image, buffer)
                source.check()
                yield Message(buffer.getvalue())
            else:
                with self.place.open(source) as file:
                    result = self._compress(image, file)
        seconds = time.perf_counter() - begin
        yield Message(_line(self.path, self.place, result, seconds))
        larger = 0 < source.size < result.size
        if larger:
            advice = "the source is kept" if settings.remove else "keep the source"
            if settings.max_error is None:
                advice += ", or ask for a higher --ratio"
            yield Message(f"{self.path}: the result is larger than its source; {advice}")
        if palette and settings.max_error is None and settings.target.kind != "usual":
            yield Message(
                f"{self.path}: indices of a palette are kept exactly, whatever is asked for"
            )
        if settings.remove and self.place is not None and not larger:
            _verify(self.place, settings)
            source.remove(self.place.path)

    def _compress(self, image: ImageSource, out: BinaryIO) -> Summary:
        from radcodec.codec import compress_source

        settings = self.settings
        return compress_source(
            image,
            out,
            modality=settings.modality,
            depth=settings.depth,
            refine=settings.refine,
            target=settings.target,
            max_error=settings.max_error,
            effort=settings.effort,
            verify=settings.verify,
            limits=limits_of(settings.memory),
        )


def _verify(place: Place, settings: Settings) -> None:
    """Decode what is on disk, and compare it with the pixels recorded at compression."""
    from radcodec.codec import Decoder

    with place.reading() as file:
        decoder = Decoder(file, limits=limits_of(settings.memory))
        for _ in decoder.frames():
            pass
        if decoder.reader.quality is None:
            raise VerificationError(
                f"{place.path}: holds no record to verify the pixels against; the source is kept"
            )


@click.command()
@paths_argument
@click.option(
    "--modality",
    type=click.Choice(["auto", "xr", "mg", "ct", "mr"]),
    default="auto",
    show_default=True,
    help="Whose networks to use; auto takes the DICOM tag, and for a PNG the generic choice.",
)
@click.option(
    "--depth",
    type=click.Choice(["auto", "1", "2", "3", "4"]),
    default="auto",
    show_default=True,
    help="Depth of the networks; more depth suits higher ratios.",
)
@click.option(
    "--refine/--no-refine",
    default=None,
    help="Whether a second, shallow layer refines the first.  [default: as suits the rate]",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    help="From 1, smallest, to 100, best: equal loss to the eye over all modalities.",
)
@click.option(
    "--ratio",
    type=PositiveFloat(),
    metavar="R",
    help="Uncompressed pixel bytes over the bytes of the whole .rcz file.",
)
@click.option(
    "--bpp", type=PositiveFloat(), metavar="B", help="Bits of the whole file for each pixel."
)
@click.option(
    "--psnr",
    type=PositiveFloat(),
    metavar="DB",
    help="At least this PSNR in dB over stored values, in the smallest file.",
)
@click.option(
    "--density",
    type=click.Choice(["low", "high"]),
    help="Preset: few coarse latents for high ratios, or many fine ones.",
)
@click.option(
    "--max-error",
    type=click.IntRange(0, LARGEST_BOUND),
    metavar="E",
    help="Guarantee that no stored value is off by more than E; 0 for no loss at all.",
)
@click.option(
    "--effort",
    type=click.IntRange(1, 3),
    default=3,
    show_default=True,
    help="More of it takes longer, for smaller files or better images; of no effect with --max-error.",
)
@output_options
@click.option(
    "--no-verify", is_flag=True, help="Do not decode the result to measure and verify it."
)
@jobs_option
@memory_option
@loudness_options
@progress_option
def compress(
    paths: tuple[Path, ...],
    modality: str,
    depth: str,
    refine: bool | None,
    quality: int | None,
    ratio: float | None,
    bpp: float | None,
    psnr: float | None,
    density: str | None,
    max_error: int | None,
    effort: int,
    output: Path | None,
    to_stdout: bool,
    recursive: bool,
    mirror: Path | None,
    force: bool,
    remove: bool,
    no_verify: bool,
    jobs: int,
    memory: int,
    no_progress: bool,
) -> None:
    """Compress DICOM and PNG images.

    The compression is lossy, unless --max-error 0 is given or the exact image is no larger
    than what was asked for; indices of a palette are always exact.  The result is written beside each PATH, scan.dcm to
    scan.rcz, and is decoded once more and measured before it is let go.  Without a target
    the ratio is one that radiologists have accepted for the modality: XR 10, MG 15, CT 5,
    MR 7 (German consensus of 2009); it is for you to judge whether it suits yours.
    """
    check_output_options(output, to_stdout, mirror, remove, jobs)
    if remove and no_verify:
        raise UsageError("--rm needs the verification that --no-verify leaves out")
    given = {"quality": quality, "ratio": ratio, "bpp": bpp, "psnr": psnr, "density": density}
    target = _target({**given, "max-error": max_error})
    chosen_depth = None if depth == "auto" else int(depth)
    if density is not None:
        from radcodec.rate import DENSITIES

        if chosen_depth is not None or refine is not None:
            raise UsageError("--density sets depth and refinement: leave out --depth and --refine")
        preset = DENSITIES[density]
        chosen_depth, refine = preset.depth, preset.refine
    files = collect(paths, recursive=recursive, wanted=is_image)
    several = len(files) > 1 or (recursive and any(path.is_dir() for path in paths))
    if to_stdout:
        check_stdout(files)
    destination = Destination(output, mirror, sources=files, several=several, force=force)

    settings = Settings(
        modality=None if modality == "auto" else modality,
        depth=chosen_depth,
        refine=refine,
        target=target,
        max_error=max_error,
        effort=effort,
        verify=not no_verify,
        remove=remove,
        memory=memory,
    )

    def plan(path: Path) -> CompressTask:
        refuse_folder(path)
        place = None if to_stdout else destination.place(path, compressed_name(path))
        return CompressTask(path, place, settings)

    run_tasks(files, plan, action="compressing", jobs=jobs, progress=not no_progress)


def _target(given: dict[str, float | int | str | None]) -> Target:
    from radcodec.rate import DENSITIES, Target

    named = {kind: value for kind, value in given.items() if value is not None}
    if len(named) > 1:
        options = " and ".join(f"--{kind}" for kind in named)
        raise UsageError(f"{options} exclude each other; give one of them")
    if "density" in named:
        return Target("step", DENSITIES[str(named["density"])].step)
    if "ratio" in named:
        return Target("ratio", float(named["ratio"]))
    if "bpp" in named:
        return Target("bpp", float(named["bpp"]))
    if "psnr" in named:
        return Target("psnr", float(named["psnr"]))
    if "quality" in named:
        return Target("quality", float(named["quality"]))
    return Target("usual", 0)


def _line(path: Path, place: Place | None, result: Summary, seconds: float) -> str:
    """What is said of a file that was compressed."""
    kind = "refined " if result.refined else "wide " if result.wide else ""
    how = f"depth {result.depth} {kind}level {result.level}"
    if result.coding != "networks":
        how = {"pixels": "predicted", "jpegls": "JPEG-LS"}[result.coding]
    parts = [
        f"{result.size} bytes",
        f"ratio {result.ratio:.2f}",
        f"{result.bpp:.3f} bpp",
        f"{result.modality} {how}",
    ]
    if result.psnr is not None:
        exact = math.isinf(result.psnr)
        parts.append("no loss" if exact else f"PSNR {result.psnr:.2f} dB")
        parts.append(f"max error {result.max_error}")
    else:
        parts.append("not verified")
    where = "standard output" if place is None else place.path
    return f"{path} -> {where}: {', '.join(parts)}, {seconds:.2f} s"
