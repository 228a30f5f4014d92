"""Runs over many files: what is taken, going on past failures, and the exit code."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from radcodec.cli import describe
from radcodec.cli.options import note, verbosity
from radcodec.cli.outputs import RCZ_ENDING, SOURCE_ENDINGS
from radcodec.cli.progress import FileProgress
from radcodec.errors import InputError, RadcodecError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RCZ_SIGNATURE = b"\x89RCZ\r\n\x1a\n"
#: Exit code where some or all of several files failed.
SOME_FAILED = 1


@dataclass(frozen=True)
class Failure:
    """A file that failed: its path, one line about it, and its own exit code."""

    path: Path
    message: str
    exit_code: int


def _start_of(path: Path) -> bytes:
    """First bytes of a file, none where it cannot be read or is no ordinary file."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(132)
    except OSError:
        return b""


def is_image(path: Path) -> bool:
    """True for a file that looks like a DICOM or PNG image, by its name or its content."""
    if path.name.upper() == "DICOMDIR" or path.suffix.lower() == RCZ_ENDING:
        return False
    if path.suffix.lower() in SOURCE_ENDINGS and path.is_file():
        return True
    start = _start_of(path)
    return start.startswith(_PNG_SIGNATURE) or start[128:132] == b"DICM"


def is_rcz(path: Path) -> bool:
    """True for a file that looks like an .rcz file, by its name or its content."""
    if path.suffix.lower() == RCZ_ENDING and path.is_file():
        return True
    return _start_of(path).startswith(_RCZ_SIGNATURE)


def collect(
    paths: Iterable[Path], *, recursive: bool, wanted: Callable[[Path], bool]
) -> list[Path]:
    """Return the files to work on, each once, in the order given and sorted in folders.

    A file that is named outright is always taken.  In folders only what `wanted` accepts
    is; links to folders are not followed.  A folder stays in the list as it is without
    `recursive`, and fails later as one of the batch.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if recursive and path.is_dir():
            found.update(dict.fromkeys(file for file in _walk(path) if wanted(file)))
        else:
            found[path] = None
    return list(found)


def _walk(folder: Path) -> Iterator[Path]:
    for here, subfolders, files in os.walk(folder):
        subfolders.sort()
        for name in sorted(files):
            yield Path(here) / name


def read_file(path: Path) -> bytes:
    """Return the bytes of a file; `InputError` where it cannot be read."""
    refuse_folder(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}; check the path"
        ) from error


def refuse_folder(path: Path) -> None:
    """Raise `InputError` for a folder."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; add -r to take the files in it")


def _named(path: Path, message: str) -> str:
    """The message, with the file's name in front unless it is there already."""
    return message if str(path) in message else f"{path}: {message}"


def run_batch(
    files: list[Path],
    work: Callable[[Path], None],
    *,
    action: str,
    progress: bool = True,
) -> None:
    """Do `work` on each file, go on past failures, list them, and exit with their code.

    Parameters
    ----------
    files : list of Path
        From `collect`.
    work : callable
        Takes a path; raises for a file that fails.
    action : str
        For the progress bar, such as "compressing".
    progress : bool
        False for --no-progress.

    Raises
    ------
    InputError
        There is no file at all.
    click.exceptions.Exit
        Something failed.  A single file exits with its own code, several with 1.
    """
    if not files:
        raise InputError("there is no file to work on in the folders given")
    failures: list[Failure] = []
    with FileProgress(len(files), action, enabled=progress) as bar:
        for path in files:
            bar.start(path.name)
            try:
                work(path)
            except BrokenPipeError:
                raise
            except Exception as error:  # noqa: BLE001 - one bad file must not stop the batch
                failure = _failure(path, error)
                failures.append(failure)
                if verbosity() > 0:
                    note(traceback.format_exc().rstrip())
                if len(files) > 1:
                    note(failure.message, level=-1)
            bar.done()
    if not failures:
        return
    if len(files) == 1:
        note(f"radcodec: {failures[0].message}", level=-1)
        raise click.exceptions.Exit(failures[0].exit_code)
    note(f"radcodec: {len(failures)} of {len(files)} files failed:", level=-1)
    for failure in failures:
        note(f"  {failure.path} (exit code {failure.exit_code})", level=-1)
    raise click.exceptions.Exit(SOME_FAILED)


def _failure(path: Path, error: Exception) -> Failure:
    code = error.exit_code if isinstance(error, RadcodecError) else SOME_FAILED
    return Failure(path, _named(path, describe(error)), code)
