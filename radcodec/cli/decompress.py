"""`radcodec decompress`: .rcz files to DICOM or PNG images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radcodec.cli.batch import collect, is_rcz, read_file, run_tasks
from radcodec.cli.options import (
    check_output_options,
    jobs_option,
    loudness_options,
    output_options,
    paths_argument,
    progress_option,
)
from radcodec.cli.outputs import Destination, Place, check_stdout, restored_name
from radcodec.cli.sources import Source
from radcodec.cli.tasks import Message
from radcodec.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from radcodec.codec import Restored

_ENDINGS = {"dcm": ".dcm", "png": ".png"}


@dataclass(frozen=True)
class Settings:
    """How each file of a run is restored.

    Attributes
    ----------
    form : str or None
        "dcm" or "png"; None for the form of the source.
    raw : bool
        Stored values in a PNG.
    remove : bool
        The .rcz file is deleted in the end.
    """

    form: str | None
    raw: bool
    remove: bool


@dataclass(frozen=True)
class DecompressTask:
    """Restore one file to a place, or to standard output where there is none."""

    path: Path
    place: Place | None
    settings: Settings

    def __call__(self) -> Iterator[Message]:
        """Do it.

        Raises
        ------
        RadcodecError
            As `radcodec.codec.check`; or the file has changed meanwhile, the result cannot
            be written, or is not what it should be on disk.
        """
        from radcodec.codec import check

        source = Source(self.path)
        restored = check(read_file(self.path))
        if self.settings.remove and restored.quality is None:
            raise VerificationError(
                f"{self.path}: holds no record to verify the pixels against; leave --rm out"
            )
        result = encode(restored, self.settings.form, raw=self.settings.raw)
        if self.place is None:
            source.check()
            yield Message(result)
        else:
            with self.place.open(source) as file:
                file.write(result)
        header = restored.header
        size = f"{header.columns} x {header.rows}, {len(result)} bytes"
        where = "standard output" if self.place is None else self.place.path
        yield Message(f"{self.path} -> {where}: {size}")
        if self.settings.remove and self.place is not None:
            self.place.read_back(result)
            source.remove(self.place.path)


@click.command()
@paths_argument
@click.option(
    "--to",
    "form",
    type=click.Choice(["dcm", "png"]),
    help="What to write.  [default: dcm where the source was DICOM, else png]",
)
@click.option(
    "--raw",
    is_flag=True,
    help="Stored values in the PNG, shifted to start at 0 where they are signed, instead of "
    "what a viewer would show.",
)
@output_options
@jobs_option
@loudness_options
@progress_option
def decompress(
    paths: tuple[Path, ...],
    form: str | None,
    raw: bool,
    output: Path | None,
    to_stdout: bool,
    recursive: bool,
    mirror: Path | None,
    force: bool,
    remove: bool,
    jobs: int,
    no_progress: bool,
) -> None:
    """Restore images from .rcz files.

    The pixels are compared with the hash that was recorded at compression.  A DICOM file
    comes back with its original data set, marked as lossy.  A PNG from a DICOM source
    shows the display window; one from a PNG source, or with --raw, holds stored values.
    """
    check_output_options(output, to_stdout, mirror, remove, jobs)
    if raw and form == "dcm":
        raise UsageError("--raw goes with --to png; a DICOM file always holds stored values")
    if raw:
        form = "png"
    files = collect(paths, recursive=recursive, wanted=is_rcz)
    several = len(files) > 1 or (recursive and any(path.is_dir() for path in paths))
    if to_stdout:
        check_stdout(files)
    destination = Destination(output, mirror, sources=files, several=several, force=force)

    settings = Settings(form, raw, remove)

    def plan(path: Path) -> DecompressTask:
        if to_stdout:
            return DecompressTask(path, None, settings)
        ending = _ending(path, settings)
        return DecompressTask(path, destination.place(path, restored_name(path, ending)), settings)

    run_tasks(files, plan, action="restoring", jobs=jobs, progress=not no_progress)


def _ending(path: Path, settings: Settings) -> str:
    """Ending of the file that `path` is restored to, by what its header says."""
    from radcodec.container.rcz import read_rcz

    source = read_rcz(read_file(path)).header.source
    form = settings.form or _default_form(source)
    if settings.remove and form == "png" and source == "dicom":
        raise UsageError(
            f"{path}: --rm would lose the DICOM data set, which a PNG cannot hold; "
            "leave --rm out or restore to DICOM"
        )
    return _ENDINGS[form]


def _default_form(source: str) -> str:
    return "dcm" if source == "dicom" else "png"


def encode(restored: Restored, form: str | None, *, raw: bool) -> bytes:
    """Return the bytes of a DICOM ("dcm") or PNG ("png") file; None for the source's form."""
    header = restored.header
    form = form or _default_form(header.source)
    if form == "dcm":
        from radcodec.writing.dicom import LossyRecord, dicom_bytes

        quality = restored.quality
        return dicom_bytes(
            restored.stored,
            bits_allocated=header.bits_allocated,
            bits_stored=header.bits_stored,
            signed=header.signed,
            inverted=header.inverted,
            dataset=restored.dataset,
            quality=LossyRecord(
                ratio=header.uncompressed_bytes / restored.file_bytes,
                max_error=None if quality is None else quality.max_error,
            ),
        )
    from radcodec.writing.png import display_png, raw_png

    if raw or header.source == "png":
        return raw_png(
            restored.stored,
            bits_allocated=header.bits_allocated,
            bits_stored=header.bits_stored,
            signed=header.signed,
        )
    return display_png(restored.stored, restored.dataset, header.inverted)
