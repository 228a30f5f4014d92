"""`radcodec decompress`: .rcz files to DICOM or PNG images."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from radcodec.cli.batch import collect, is_rcz, run_tasks
from radcodec.cli.options import (
    check_output_options,
    jobs_option,
    limits_of,
    loudness_options,
    memory_option,
    output_options,
    paths_argument,
    progress_option,
)
from radcodec.cli.outputs import SOURCE_ENDINGS, Destination, Place, check_stdout, restored_name
from radcodec.cli.restoring import FrameNumbers, RegionType, Selection, write_dicom_file, write_png
from radcodec.cli.sources import Source, open_file
from radcodec.cli.storing import digest_of
from radcodec.cli.tasks import Message
from radcodec.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from radcodec.codec import Area, Decoder

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
    selection : Selection
        What of it.
    transfer_syntax : str
        Of a DICOM file, as in `DicomOptions`.
    keep_uid : bool
        Keep SOPInstanceUID.
    remove : bool
        The .rcz file is deleted in the end.
    memory : int
        Bytes that may be taken.
    """

    form: str | None
    raw: bool
    selection: Selection
    transfer_syntax: str
    keep_uid: bool
    remove: bool
    memory: int


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
            As `radcodec.codec.Decoder`; or the file has changed meanwhile, the result cannot
            be written, or is not what it should be on disk.
        """
        from radcodec.codec import Decoder

        settings = self.settings
        source = Source(self.path)
        with open_file(self.path, settings.memory) as file:
            whole = settings.selection == Selection()
            decoder = Decoder(file, limits=limits_of(settings.memory), check=whole)
            if settings.remove and decoder.reader.quality is None:
                raise VerificationError(
                    f"{self.path}: holds no record to verify the pixels against; leave --rm out"
                )
            form = settings.form or _default_form(decoder.header.source)
            write = self._write_dicom if form == "dcm" else self._write_pngs
            yield from write(decoder, source)

    def _write_dicom(self, decoder: Decoder, source: Source) -> Iterator[Message]:
        settings = self.settings
        if self.place is None:
            buffer = io.BytesIO()
            self._fill(decoder, buffer)
            source.check()
            yield Message(buffer.getvalue())
            yield self._said(decoder, len(buffer.getvalue()), None)
            return
        with self.place.open(source) as out:
            self._fill(decoder, out)
            size = out.seek(0, io.SEEK_END)
            digest = digest_of(out)
        yield self._said(decoder, size, self.place)
        if settings.remove:
            self.place.read_back(digest)
            source.remove(self.place.path)

    def _fill(self, decoder: Decoder, out: BinaryIO) -> None:
        settings = self.settings
        syntax: Any = settings.transfer_syntax
        write_dicom_file(
            decoder, out, settings.selection, transfer_syntax=syntax, keep_uid=settings.keep_uid
        )

    def _write_pngs(self, decoder: Decoder, source: Source) -> Iterator[Message]:
        settings = self.settings
        frames = settings.selection.frames_of(decoder.header)
        if self.place is None and len(frames) > 1:
            raise UsageError(
                f"{self.path}: has {len(frames)} frames, and standard output takes one PNG; "
                "choose one with --frames, or leave -c out"
            )
        for index, data in write_png(decoder, settings.selection, raw=settings.raw):
            if self.place is None:
                source.check()
                yield Message(data)
                yield self._said(decoder, len(data), None)
                continue
            place = self.place if len(frames) == 1 else self.place.numbered(index + 1)
            with place.open(source) as out:
                out.write(data)
            yield self._said(decoder, len(data), place)
            if settings.remove:
                place.read_back(hashlib.sha256(data).digest())
        if settings.remove and self.place is not None:
            source.remove(self.place.path)

    def _said(self, decoder: Decoder, size: int, place: Place | None) -> Message:
        header = decoder.header
        rows, columns = self.settings.selection.view.shape(header.rows, header.columns)
        frames = len(self.settings.selection.frames_of(header))
        many = (
            f" x {frames} frames" if frames > 1 and (place is None or place is self.place) else ""
        )
        where = "standard output" if place is None else place.path
        return Message(f"{self.path} -> {where}: {columns} x {rows}{many}, {size} bytes")


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
@click.option(
    "--frames",
    type=FrameNumbers(),
    metavar="LIST",
    help="Only these frames, such as 3,7-9, counted from 1; only they are decoded.",
)
@click.option(
    "--region",
    type=RegionType(),
    metavar="X0,Y0,X1,Y1",
    help="Only this rectangle of pixels, X1 and Y1 not included, as PNG.",
)
@click.option(
    "--reduce",
    type=click.Choice(["2", "4", "8"]),
    help="A smaller image for a first glance, as PNG: without refinement and guarantee.",
)
@click.option(
    "--transfer-syntax",
    type=click.Choice(["explicit", "jpeg2000-lossless", "jpegls-lossless", "rle"]),
    default="explicit",
    show_default=True,
    help="Of the DICOM file: Explicit VR Little Endian, or compressed without further loss.",
)
@click.option("--keep-uid", is_flag=True, help="Keep SOPInstanceUID though pixels have changed.")
@output_options
@jobs_option
@memory_option
@loudness_options
@progress_option
def decompress(
    paths: tuple[Path, ...],
    form: str | None,
    raw: bool,
    frames: tuple[tuple[int, int], ...] | None,
    region: Area | None,
    reduce: str | None,
    transfer_syntax: str,
    keep_uid: bool,
    output: Path | None,
    to_stdout: bool,
    recursive: bool,
    mirror: Path | None,
    force: bool,
    remove: bool,
    jobs: int,
    memory: int,
    no_progress: bool,
) -> None:
    """Restore images from .rcz files.

    The pixels are compared with the hash that was recorded at compression.  A DICOM file
    comes back with its original data set, marked as lossy where pixels have changed.  A PNG
    from a DICOM source shows the display window; one from a PNG source, or with --raw, holds
    stored values.  Several frames become as many PNG files, scan.0001.png and so on.
    """
    check_output_options(output, to_stdout, mirror, remove, jobs)
    given = {"--raw": raw, "--region": region is not None, "--reduce": reduce is not None}
    png_option = next((option for option, there in given.items() if there), None)
    if form == "dcm" and png_option is not None:
        raise UsageError(
            f"{png_option} goes with --to png: a DICOM file holds the stored values of whole frames, "
            "whose geometry its data set describes"
        )
    if png_option is not None:
        form = "png"
    form = _form_of(output, form, png_option or "--to")
    selection = Selection(frames, region, int(reduce or 1))
    if remove and selection != Selection():
        raise UsageError("--rm would lose what --frames, --region or --reduce leave out")
    files = collect(paths, recursive=recursive, wanted=is_rcz)
    several = len(files) > 1 or (recursive and any(path.is_dir() for path in paths))
    if to_stdout:
        check_stdout(files)
    destination = Destination(output, mirror, sources=files, several=several, force=force)
    settings = Settings(form, raw, selection, transfer_syntax, keep_uid, remove, memory)

    def plan(path: Path) -> DecompressTask:
        if to_stdout:
            return DecompressTask(path, None, settings)
        ending, numbers = _results(path, settings)
        place = destination.place(path, restored_name(path, ending), numbers)
        return DecompressTask(path, place, settings)

    run_tasks(files, plan, action="restoring", jobs=jobs, progress=not no_progress)


def _form_of(output: Path | None, form: str | None, option: str) -> str | None:
    """What to write, where the name of the output has an ending that says so.

    Parameters
    ----------
    output : Path or None
        File or folder.
    form : str or None
        As asked for.
    option : str
        Name of the option that asks for it, where one does.
    """
    if output is None or output.is_dir():
        return form
    ending = output.suffix.lower()
    named = "png" if ending == ".png" else "dcm" if ending in SOURCE_ENDINGS else None
    if named is not None and form not in (None, named):
        raise UsageError(
            f"-o {output} has the ending of another kind of file than {option} writes; "
            f"give it {_ENDINGS[str(form)]}"
        )
    return named or form


def _results(path: Path, settings: Settings) -> tuple[str, list[int]]:
    """Ending of the files that `path` is restored to, and their numbers if there are several."""
    from radcodec.container.rcz import RczReader

    with open_file(path, settings.memory) as file:
        header = RczReader(file, limits_of(settings.memory), check=False).header
    form = settings.form or _default_form(header.source)
    if settings.remove and form == "png" and header.source == "dicom":
        raise UsageError(
            f"{path}: --rm would lose the DICOM data set, which a PNG cannot hold; "
            "leave --rm out or restore to DICOM"
        )
    frames = settings.selection.frames_of(header) if form == "png" else ()
    return _ENDINGS[form], [index + 1 for index in frames] if len(frames) > 1 else []


def _default_form(source: str) -> str:
    return "dcm" if source == "dicom" else "png"
