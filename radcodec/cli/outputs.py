"""Where results go, and how they get there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from radcodec.errors import OutputError, UsageError

#: Endings that say what a source is and so are replaced; any other ending is part of the
#: name, as in "1.2.840.10008.5".
SOURCE_ENDINGS = frozenset({".dcm", ".dicom", ".dic", ".ima", ".png"})
RCZ_ENDING = ".rcz"
#: What links give on file systems that have none.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


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
    if sys.stdout.isatty():
        raise UsageError("-c would write binary data to the terminal; redirect it to a file")


class Destination:
    """Where the result of each source goes; no two results of one run share a place.

    Parameters
    ----------
    output : Path or None
        The -o option: the file itself for a single source, or an existing folder.
    mirror : Path or None
        The --output-dir-mirror option.
    several : bool
        True where more than one file may come, so that `output` must be a folder.
    force : bool
        Existing files may be replaced.
    """

    def __init__(
        self, output: Path | None, mirror: Path | None, *, several: bool, force: bool
    ) -> None:
        if output is not None and several and not output.is_dir():
            raise UsageError(
                f"-o {output} is not an existing folder, and there are several files to write; "
                "make the folder first, or use --output-dir-mirror"
            )
        self._output, self._mirror, self._force = output, mirror, force
        self._claimed: dict[Path, Path] = {}

    def place(self, source: Path, name: str) -> Path:
        """Return the path for the result of `source`, whose default name is `name`.

        Raises
        ------
        OutputError
            The path exists and may not be replaced, or another source of this run has it.
        UsageError
            The path is the source itself, or the source's path cannot be mirrored.
        """
        if self._mirror is not None:
            path = self._mirror / _below_root(source).parent / name
        elif self._output is None:
            path = source.parent / name
        elif self._output.is_dir():
            path = self._output / name
        else:
            path = self._output
        with contextlib.suppress(OSError):
            if path.samefile(source):
                raise UsageError(f"{path} is the source itself; give another output")
        refuse_existing(path, self._force)
        other = self._claimed.setdefault(path.absolute(), source)
        if other != source:
            raise OutputError(
                f"{path} is also the output of {other}; rename one of them, "
                "or use --output-dir-mirror"
            )
        return path

    def prepare(self, path: Path) -> None:
        """Make the folders of a mirrored path; those of other paths must exist."""
        if self._mirror is None:
            return
        with _output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)


def _below_root(source: Path) -> Path:
    if ".." in source.parts:
        raise UsageError(f"{source}: --output-dir-mirror takes no path with '..' in it")
    return source.relative_to(source.anchor) if source.is_absolute() else source


def refuse_existing(path: Path, force: bool) -> None:
    """Raise `OutputError` early, before work is done for a file that may not be written."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if not force and os.path.lexists(path):
        raise _exists(path)


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path}: exists already; add -f to overwrite it, or give another output")


@contextlib.contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}; "
            "check the folder, its permissions and its free space"
        ) from error


def write_file(path: Path, data: bytes, *, force: bool) -> None:
    """Write a file so that it is there as a whole, and on disk, or not at all.

    The bytes go to a temporary name in the same folder, are flushed to disk, and take
    their name in one step.  Without `force` that step fails where the name is taken, even
    if it was taken a moment ago.

    Raises
    ------
    OutputError
        The file exists and `force` is False, or the system refuses.
    """
    temporary = path.parent / f".radcodec-{secrets.token_hex(8)}.tmp"
    with _output_errors(path):
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if force:
                os.replace(temporary, path)
            else:
                _rename_new(temporary, path)
            _sync_folder(path.parent)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _rename_new(temporary: Path, path: Path) -> None:
    """Give `temporary` the name `path`, which must be free; atomic as to other writers."""
    try:
        # Unlike a rename, a link never replaces what has the name.
        os.link(temporary, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _reserve_and_replace(temporary, path)


def _reserve_and_replace(temporary: Path, path: Path) -> None:
    """Take the name with an empty file first, where the file system has no links."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError as error:
        raise _exists(path) from error
    try:
        os.replace(temporary, path)
    except OSError:
        os.unlink(path)
        raise


def _sync_folder(folder: Path) -> None:
    """Flush the new name itself to disk, where the system lets folders be flushed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_source(source: Path, written: Path, data: bytes) -> None:
    """Delete a source after reading its result back from the file.

    Raises
    ------
    OutputError
        The result is not `data`, or the source cannot be deleted; the source is kept.
    """
    try:
        same = written.read_bytes() == data
        if same:
            source.unlink()
    except OSError as error:
        raise OutputError(
            f"{source}: written to {written}, but the source cannot be deleted: "
            f"{error.strerror or error}; delete it by hand"
        ) from error
    if not same:
        raise OutputError(f"{written} does not read back as it was written; {source} is kept")
