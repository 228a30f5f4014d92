"""Where results go: their names, folders, and who of several has a place."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from radcodec.cli.sources import Source
from radcodec.cli.storing import (
    digest_of,
    make_folders,
    open_back,
    open_output,
    output_errors,
    refuse_existing,
    write_file,
)
from radcodec.errors import OutputError, UsageError

__all__ = [
    "Destination",
    "Place",
    "check_stdout",
    "compressed_name",
    "open_output",
    "restored_name",
    "write_file",
]

#: Endings that say what a source is and so are replaced; any other ending is part of the
#: name, as in "1.2.840.10008.5".
SOURCE_ENDINGS = frozenset({".dcm", ".dicom", ".dic", ".ima", ".png"})
RCZ_ENDING = ".rcz"


def compressed_name(source: Path) -> str:
    """File name of the compressed form of a source: ``scan.dcm`` becomes ``scan.rcz``."""
    known = source.suffix.lower() in SOURCE_ENDINGS
    return (source.stem if known else source.name) + RCZ_ENDING


def restored_name(source: Path, ending: str) -> str:
    """File name of the restored form: ``scan.rcz`` becomes ``scan.dcm`` for ``.dcm``."""
    known = source.suffix.lower() == RCZ_ENDING
    return (source.stem if known else source.name) + ending


def check_stdout(files: list[Path]) -> None:
    """Raise `UsageError` where the results of `files` cannot go to standard output."""
    if len(files) > 1:
        raise UsageError("-c takes one file: results that follow each other cannot be told apart")
    # Python has None for a stream that was closed before it started.
    if sys.stdout is None:
        raise OutputError("-c: standard output is closed; redirect it to a file")
    if sys.stdout.isatty():
        raise UsageError("-c would write binary data to the terminal; redirect it to a file")


@dataclass(frozen=True)
class Place:
    """Where one result goes; it can be handed to another process.

    Attributes
    ----------
    path : Path
        The file.
    force : bool
        A file that is there may be replaced.
    folders : bool
        Folders that are missing are made; otherwise they must exist.
    """

    path: Path
    force: bool = False
    folders: bool = False

    @contextlib.contextmanager
    def open(self, source: Source) -> Iterator[BinaryIO]:
        """Open the file as `open_output` does; nothing is written if `source` has changed.

        Raises
        ------
        OutputError
            As `open_output`.
        InputError
            The source is not what it was before it was read.
        """
        if self.folders:
            with output_errors(self.path):
                make_folders(self.path.parent)
        with open_output(self.path, force=self.force) as file:
            yield file
            source.check()

    def numbered(self, number: int) -> Place:
        """The place of one of several results: ``scan.png`` becomes ``scan.0003.png``."""
        name = f"{self.path.stem}.{number:04d}{self.path.suffix}"
        return replace(self, path=self.path.with_name(name))

    @contextlib.contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """Open the file as it is on disk.

        Raises
        ------
        OutputError
            It cannot be read.
        """
        try:
            file = open_back(self.path)
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be read back: {error.strerror or error}; the source is kept"
            ) from error
        with file:
            yield file

    def read_back(self, digest: bytes) -> None:
        """Compare what the file holds on disk with the SHA-256 of what was written.

        Raises
        ------
        OutputError
            It is something else, or cannot be read.
        """
        with self.reading() as file:
            if digest_of(file) != digest:
                raise OutputError(
                    f"{self.path}: does not read back as it was written; the source is kept"
                )


class Destination:
    """Where the result of each source goes; no two results of one run share a place.

    Parameters
    ----------
    output : Path or None
        The -o option: the file itself for a single source, or an existing folder.
    mirror : Path or None
        The --output-dir-mirror option.
    sources : iterable of Path
        All sources of the run, none of which may be written over.
    several : bool
        True where more than one file may come, so that `output` must be a folder.
    force : bool
        Existing files may be replaced.
    """

    def __init__(
        self,
        output: Path | None,
        mirror: Path | None,
        *,
        sources: Iterable[Path] = (),
        several: bool,
        force: bool,
    ) -> None:
        if output is not None and several and not output.is_dir():
            raise UsageError(
                f"-o {output} is not an existing folder, and there are several files to write; "
                "make the folder first, or use --output-dir-mirror"
            )
        self._output, self._mirror, self._force = output, mirror, force
        self._sources = {_real(path) for path in sources}
        self._claimed: dict[Path, Path] = {}

    def place(self, source: Path, name: str, numbers: Sequence[int] = ()) -> Place:
        """Return the place for the result of `source`, whose default name is `name`.

        Parameters
        ----------
        source : Path
            The source.
        name : str
            What to call the result where nothing else is said.
        numbers : sequence of int
            Where several files come of it, the number of each, see `Place.numbered`.

        Raises
        ------
        OutputError
            The path exists and may not be replaced, or another source of this run has it.
        UsageError
            The path is a source, or the source's path cannot be mirrored.
        """
        if self._mirror is not None:
            path = self._mirror / _below_root(source).parent / name
        elif self._output is None:
            path = source.parent / name
        elif self._output.is_dir():
            path = self._output / name
        else:
            path = self._output
        place = Place(path, self._force, self._mirror is not None)
        for written in [place.numbered(number).path for number in numbers] or [path]:
            self._claim(written, source)
        return place

    def _claim(self, path: Path, source: Path) -> None:
        with contextlib.suppress(OSError):
            if path.samefile(source):
                raise UsageError(f"{path} is the source itself; give another output")
        real = _real(path)
        if real in self._sources:
            raise UsageError(f"{path} is a source of this run too; give another output")
        other = self._claimed.setdefault(real, source)
        if other != source:
            raise OutputError(
                f"{path} is also the output of {other}; rename one of them, "
                "or use --output-dir-mirror"
            )
        refuse_existing(path, self._force)


def _real(path: Path) -> Path:
    """The one path of a name in a folder, however the folder is reached."""
    return Path(os.path.realpath(path.parent)) / path.name


def _below_root(source: Path) -> Path:
    if ".." in source.parts:
        raise UsageError(
            f"{source}: --output-dir-mirror takes no path with '..' in it; give one without"
        )
    return source.relative_to(source.anchor) if source.is_absolute() else source
