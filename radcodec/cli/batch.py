"""Runs over many files: what is taken, going on past failures, and the exit code."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import click

from radcodec.cli.jobs import run_jobs
from radcodec.cli.options import note
from radcodec.cli.outputs import RCZ_ENDING, SOURCE_ENDINGS
from radcodec.cli.progress import FileProgress
from radcodec.cli.sources import refuse_folder
from radcodec.cli.stopping import terminable
from radcodec.cli.tasks import SOME_FAILED, Failure, Message, Task, attempt
from radcodec.errors import InputError

__all__ = [
    "SOME_FAILED",
    "collect",
    "is_image",
    "is_rcz",
    "refuse_folder",
    "run_batch",
    "run_tasks",
]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RCZ_SIGNATURE = b"\x89RCZ\r\n\x1a\n"


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


def run_batch(
    files: list[Path],
    work: Callable[[Path], None],
    *,
    action: str,
    progress: bool = True,
) -> None:
    """As `run_tasks`, for work that is done in this process and prints for itself."""

    def plan(path: Path) -> Task:
        def task() -> tuple[Message, ...]:
            work(path)
            return ()

        return task

    run_tasks(files, plan, action=action, progress=progress)


def run_tasks(
    files: list[Path],
    plan: Callable[[Path], Task],
    *,
    action: str,
    jobs: int = 1,
    progress: bool = True,
) -> None:
    """Do a task on each file, go on past failures, list them, and exit with their code.

    Parameters
    ----------
    files : list of Path
        From `collect`.
    plan : callable
        Takes a path and returns its task.  It is called here, file after file, and so may
        decide what concerns several files; it raises for a file that fails at once.
    action : str
        For the progress bar, such as "compressing".
    jobs : int
        Number of processes.  With more than one, and more than one file, tasks must be
        picklable; what they say is shown in the order of `files` all the same.
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
    jobs = min(jobs, len(files))
    with FileProgress(len(files), action, enabled=progress) as bar, terminable():
        outcomes = _in_turn(files, plan, bar) if jobs == 1 else run_jobs(files, plan, jobs)
        with contextlib.closing(outcomes):
            for failure in outcomes:
                bar.done()
                if failure is None:
                    continue
                failures.append(failure)
                if failure.trace:
                    note(failure.trace, level=1)
                if len(files) > 1:
                    note(failure.message, level=-1)
    if not failures:
        return
    if len(files) == 1:
        note(f"radcodec: {failures[0].message}", level=-1)
        raise click.exceptions.Exit(failures[0].exit_code)
    note(f"radcodec: {len(failures)} of {len(files)} files failed:", level=-1)
    for failure in failures:
        note(f"  {failure.path} (exit code {failure.exit_code})", level=-1)
    raise click.exceptions.Exit(SOME_FAILED)


def _in_turn(
    files: list[Path], plan: Callable[[Path], Task], bar: FileProgress
) -> Generator[Failure | None, None, None]:
    """Do the tasks here, one after the other; yield what each failed with, or None."""
    for path in files:
        bar.start(path.name)

        def task(path: Path = path) -> Iterable[Message]:
            return plan(path)()

        yield attempt(path, task, Message.show)
