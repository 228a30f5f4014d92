"""A demonstration on real scans: `python -m radcodec.demo`, or `make run`.

Takes CT, MR and X-ray images that were never compressed lossily from the packages pydicom
and pydicom-data, compresses and restores each at several ratios, and writes the .rcz files,
the restored DICOM files, and PNGs of original, restored image and difference.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radcodec import codec
from radcodec.cli.outputs import write_file
from radcodec.cli.restoring import Selection, write_dicom_file
from radcodec.errors import InputError, RadcodecError, VerificationError
from radcodec.metrics.quality import max_error, psnr, ssim
from radcodec.rate import Target
from radcodec.reading import read_image
from radcodec.reading.image import GreyImage
from radcodec.writing.png import display_png, png_bytes

if TYPE_CHECKING:
    from rich.table import Table

#: CT, two MR, and two CR images: single grey frames, never compressed lossily.
FILES = (
    "693_UNCR.dcm",
    "MR2_UNCR.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",
    "RG1_UNCR.dcm",
    "RG3_UNCR.dcm",
)
RATIOS = (20.0, 50.0)
#: Share of the image's range at which a difference is drawn quite black or quite white.
DIFFERENCE_RANGE = 0.02


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    file : str
        Name of the source.
    modality : str
        Whose networks were used.
    depth : int
        Depth of the first layer's networks.
    refined : bool
        Whether a second layer of depth 1 refines it.
    wide : bool
        Whether its networks have many latents.
    original_bytes, rcz_bytes : int
        Uncompressed pixels; the whole compressed file, data set included.
    ratio : float
        Quotient of the two.
    psnr : float or None
        dB, the peak being the image's own range of stored values; None for no loss.
    ssim : float
        With the same range.
    max_error : int
        Stored-value steps.
    compress_seconds, restore_seconds : float
        From pixels to bytes, the verifying decode included; and from bytes to pixels.
    """

    file: str
    modality: str
    depth: int
    refined: bool
    wide: bool
    original_bytes: int
    rcz_bytes: int
    ratio: float
    psnr: float | None
    ssim: float
    max_error: int
    compress_seconds: float
    restore_seconds: float


def _as_dicom(data: bytes) -> bytes:
    """What `radcodec decompress` makes of the bytes of an .rcz file."""
    out = io.BytesIO()
    decoder = codec.Decoder(io.BytesIO(data))
    write_dicom_file(decoder, out, Selection(), transfer_syntax="explicit", keep_uid=False)
    return out.getvalue()


def find_image(name: str) -> Path:
    """Return the path of a file of pydicom or pydicom-data; nothing is downloaded.

    Raises
    ------
    InputError
        There is no such file.
    """
    from pydicom.data import get_testdata_file

    found = get_testdata_file(name, download=False)
    if not isinstance(found, str):
        raise InputError(f"{name} is not installed; run: pip install 'radcodec[bench]'")
    return Path(found)


def difference_png(original: NDArray[np.int32], restored: NDArray[np.int32]) -> bytes:
    """Encode restored minus original around mid-grey; see `DIFFERENCE_RANGE`."""
    scale = 127.0 / (DIFFERENCE_RANGE * codec.peak_of(original))
    grey = 128.0 + np.rint((restored - original) * scale)
    return png_bytes(np.clip(grey, 0, 255).astype(np.uint8))


def show(name: str, image: GreyImage, ratio: float, output: Path) -> Row:
    """Compress and restore one image at one ratio, and write what came of it.

    Parameters
    ----------
    name : str
        Source file, for the names of the results.
    image : GreyImage
        The image.
    ratio : float
        Uncompressed pixel bytes over file bytes.
    output : Path
        Existing folder.

    Raises
    ------
    RadcodecError
        As `radcodec.codec.compress` and `radcodec.codec.check`; `VerificationError` where
        the restored pixels are not those that were measured at compression.
    """
    stored = image.stored
    begin = time.perf_counter()
    result = codec.compress(image, target=Target("ratio", ratio))
    middle = time.perf_counter()
    restored = codec.check(result.data)
    end = time.perf_counter()
    error = int(max_error(stored, restored.stored))
    if restored.quality is None or error != restored.quality.max_error:
        raise VerificationError(f"{name}: the error is not the one recorded; please report it")
    peak = codec.peak_of(stored)
    decibels = psnr(stored, restored.stored, peak)
    stem = f"{Path(name).stem}-ratio-{ratio:g}"
    dataset, inverted = image.dataset, image.inverted
    for ending, data in (
        (".rcz", result.data),
        (".dcm", _as_dicom(result.data)),
        ("-original.png", display_png(stored, dataset, inverted)),
        ("-restored.png", display_png(restored.stored, dataset, inverted)),
        ("-difference.png", difference_png(stored, restored.stored)),
    ):
        write_file(output / f"{stem}{ending}", data, force=True)
    return Row(
        file=name,
        modality=result.modality,
        depth=result.depth,
        refined=result.refined,
        wide=result.wide,
        original_bytes=image.uncompressed_bytes,
        rcz_bytes=len(result.data),
        ratio=image.uncompressed_bytes / len(result.data),
        psnr=None if math.isinf(decibels) else decibels,
        ssim=ssim(stored, restored.stored, peak),
        max_error=error,
        compress_seconds=middle - begin,
        restore_seconds=end - middle,
    )


def _networks(row: Row) -> str:
    """What coded an image: `3`, `3+1` refined, `2w` wide, or `pixels`."""
    if not row.depth:
        return "pixels"
    return f"{row.depth}{'+1' if row.refined else 'w' if row.wide else ''}"


def as_table(rows: list[Row]) -> Table:
    """Lay the rows out for a terminal."""
    from rich.table import Table

    table = Table(title="Compressed and restored")
    for heading in ("file", "modality"):
        table.add_column(heading, overflow="fold")
    for heading in (
        "depth",
        "original\nbytes",
        ".rcz\nbytes",
        "ratio",
        "PSNR\ndB",
        "SSIM",
        "max\nerror",
        "seconds\nin",
        "seconds\nout",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.file,
            row.modality,
            _networks(row),
            str(row.original_bytes),
            str(row.rcz_bytes),
            f"{row.ratio:.2f}",
            "no loss" if row.psnr is None else f"{row.psnr:.2f}",
            f"{row.ssim:.4f}",
            str(row.max_error),
            f"{row.compress_seconds:.2f}",
            f"{row.restore_seconds:.2f}",
        )
    return table


def run(names: list[str], ratios: list[float], output: Path) -> tuple[list[Row], list[str]]:
    """Show every file at every ratio, going on past failures.

    Returns
    -------
    rows : list of Row
    failures : list of str
        One line each.
    """
    rows: list[Row] = []
    failures: list[str] = []
    output.mkdir(parents=True, exist_ok=True)
    warmed: set[str | None] = set()
    for name in names:
        for ratio in ratios:
            try:
                image = read_image(find_image(name))
                if image.modality not in warmed:
                    # Loading networks and compiled loops is not what the seconds are about.
                    codec.compress(image, target=Target("ratio", ratio))
                    warmed.add(image.modality)
                rows.append(show(name, image, ratio, output))
            except RadcodecError as error:
                failures.append(f"{name} at ratio {ratio:g}: {error}")
    return rows, failures


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; the exit code is 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m radcodec.demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("run"), metavar="DIR")
    parser.add_argument("--ratio", type=float, action="append", metavar="R", dest="ratios")
    parser.add_argument("files", nargs="*", help="names of other files of pydicom or pydicom-data")
    options = parser.parse_args(arguments)
    from rich.console import Console

    rows, failures = run(
        options.files or list(FILES), options.ratios or list(RATIOS), options.output
    )
    results = json.dumps([asdict(row) for row in rows], indent=2) + "\n"
    write_file(options.output / "table.json", results.encode(), force=True)
    # In a pipe there is no width to keep to, and a folded table cannot be read.
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(as_table(rows))
    console.print(
        "Ratio: uncompressed pixel bytes over the whole .rcz file. Peak of PSNR and SSIM: the "
        "image's own range. Seconds in: with the search for the ratio and the verifying decode; "
        "the networks are loaded beforehand."
    )
    console.print(
        f"Files are in {options.output}/. In a difference image mid-grey is no error, and black "
        f"and white are {DIFFERENCE_RANGE:.0%} of the image's range."
    )
    for failure in failures:
        print(f"radcodec: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
