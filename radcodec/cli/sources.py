"""Source files: watched for changes, and deleted only when that is safe."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from radcodec.errors import InputError, OutputError


def refuse_folder(path: Path) -> None:
    """Raise `InputError` for a folder."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; add -r to take the files in it")


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be read: {error.strerror or error}; check the path")


@contextlib.contextmanager
def open_file(path: Path, memory: int) -> Iterator[BinaryIO]:
    """Open a file for reading.

    Raises
    ------
    InputError
        It cannot be read.
    LimitError
        It is a pipe, and more comes through it than may be held of so many bytes of `memory`.
    """
    from radcodec.reading.pipes import seekable

    refuse_folder(path)
    try:
        file = seekable(path.open("rb"), path, memory)
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        yield file


class Source:
    """A file as it was before it was read.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        It is a folder, or is not there.
    """

    def __init__(self, path: Path) -> None:
        refuse_folder(path)
        self.path = path
        try:
            self._stamp = _stamp(path)
        except OSError as error:
            raise _unreadable(path, error) from error

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._stamp[0]

    def _unchanged(self) -> bool:
        try:
            return _stamp(self.path) == self._stamp
        except OSError:
            return False

    def check(self) -> None:
        """Raise `InputError` where the file has changed, for what was read may be a mixture."""
        if not self._unchanged():
            raise InputError(
                f"{self.path}: changed while it was read; nothing was written, run it again"
            )

    def remove(self, written: Path) -> None:
        """Delete the file, whose result is safe in `written`.

        Raises
        ------
        OutputError
            The file has changed since it was read, or cannot be deleted; it is kept.
        """
        if not self._unchanged():
            raise OutputError(
                f"{self.path}: changed after it was read, so {written} is not its result; "
                "both are kept, run it again with -f"
            )
        if not self.path.is_file():
            raise OutputError(f"{self.path}: is no ordinary file, so it is kept; leave --rm out")
        try:
            self.path.unlink()
        except OSError as error:
            raise OutputError(
                f"{self.path}: written to {written}, but the source cannot be deleted: "
                f"{error.strerror or error}; delete it by hand"
            ) from error


def _stamp(path: Path) -> tuple[int, int, int, int]:
    facts = os.stat(path)
    if not stat.S_ISREG(facts.st_mode):
        # Of a pipe, times and size change as it is read.
        return 0, 0, facts.st_ino, facts.st_dev
    return facts.st_size, facts.st_mtime_ns, facts.st_ino, facts.st_dev
