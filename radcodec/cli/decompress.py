"""`radcodec decompress`: .rcz files to DICOM or PNG images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radcodec.cli.batch import collect, is_rcz, read_file, run_batch
from radcodec.cli.options import (
    check_output_options,
    loudness_options,
    note,
    output_options,
    paths_argument,
    progress_option,
)
from radcodec.cli.outputs import Destination, check_stdout, remove_source, restored_name, write_file
from radcodec.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from radcodec.codec import Restored

_ENDINGS = {"dcm": ".dcm", "png": ".png"}


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
    no_progress: bool,
) -> None:
    """Restore images from .rcz files.

    The pixels are compared with the hash that was recorded at compression.  A DICOM file
    comes back with its original data set, marked as lossy.  A PNG from a DICOM source
    shows the display window; one from a PNG source, or with --raw, holds stored values.
    """
    check_output_options(output, to_stdout, mirror, remove)
    if raw and form == "dcm":
        raise UsageError("--raw goes with --to png; a DICOM file always holds stored values")
    if raw:
        form = "png"
    files = collect(paths, recursive=recursive, wanted=is_rcz)
    several = len(files) > 1 or (recursive and any(path.is_dir() for path in paths))
    if to_stdout:
        check_stdout(files)
    destination = Destination(output, mirror, several=several, force=force)

    def work(path: Path) -> None:
        from radcodec.codec import check
        from radcodec.container.rcz import read_rcz

        data = read_file(path)
        place = None
        if not to_stdout:
            # The header alone says the ending, so that a file in the way is found early.
            source = read_rcz(data).header.source
            kind = form or _default_form(source)
            if remove and kind == "png" and source == "dicom":
                raise UsageError(
                    f"{path}: --rm would lose the DICOM data set, which a PNG cannot hold; "
                    "leave --rm out or restore to DICOM"
                )
            place = destination.place(path, restored_name(path, _ENDINGS[kind]))
        restored = check(data)
        if remove and restored.quality is None:
            raise VerificationError(
                f"{path}: holds no record to verify the pixels against; leave --rm out"
            )
        result = encode(restored, form, raw=raw)
        if place is None:
            sys.stdout.buffer.write(result)
        else:
            destination.prepare(place)
            write_file(place, result, force=force)
        header = restored.header
        size = f"{header.columns} x {header.rows}, {len(result)} bytes"
        note(f"{path} -> {place or 'standard output'}: {size}")
        if remove and place is not None:
            remove_source(path, place, result)

    run_batch(files, work, action="restoring", progress=not no_progress)


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
