"""Writing a file so that it is there as a whole, and on disk, or not at all.

What is written has no name until it is complete and flushed: on Linux the temporary file is
nameless (O_TMPFILE), so that not even a killed process leaves anything behind.  Two moments
remain in which a kill leaves a file named `.radcodec-*.tmp`, always beside the target and
never in place of it: while a target that exists is replaced (the complete file needs a name
to be renamed from), and throughout the writing on systems without nameless files.  Such a
file may be deleted whenever no radcodec runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from radcodec.errors import OutputError

#: What links give on file systems that have none.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
#: What flushing a folder gives where only files can be flushed.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EISDIR}
_DESCRIPTORS = Path("/proc/self/fd")
#: Windows would change line ends otherwise.
_BINARY = getattr(os, "O_BINARY", 0)


def refuse_existing(path: Path, force: bool) -> None:
    """Raise `OutputError` early, before work is done for a file that may not be written."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if not os.path.lexists(path):
        return
    if not force:
        raise _exists(path)
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is no ordinary file; use -c to write to a device or pipe")


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path}: exists already; add -f to overwrite it, or give another output")


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn what the system says of a file to be written into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}; "
            "check the folder, its permissions and its free space"
        ) from error


@contextlib.contextmanager
def open_output(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Open a file for writing (and reading back, and seeking) that appears only when whole.

    When the block ends well, the bytes are flushed to disk, the file takes its name in one
    step, and the name is flushed to disk.  When it raises anything, nothing is left; but a
    disk that fails at the very last, to flush the name, leaves the whole file.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    force : bool
        Replace a file of that name.  Otherwise a name that is taken, even if only since a
        moment ago, is an error; of two writers one wins.

    Raises
    ------
    OutputError
        The file exists and `force` is False, or the system refuses.
    """
    refuse_existing(path, force)
    with output_errors(path), _temporary(path.parent) as (file, name):
        yield file
        file.flush()
        os.fsync(file.fileno())
        if name is None:
            _name_nameless(file.fileno(), path, force)
        elif force:
            os.replace(name, path)
        else:
            _rename_new(name, path)
        sync_folder(path.parent)


def write_file(path: Path, data: bytes, *, force: bool) -> None:
    """Write the bytes of a file as `open_output` does."""
    with open_output(path, force=force) as file:
        file.write(data)


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[tuple[BinaryIO, Path | None]]:
    """Open a temporary file in a folder: a nameless one, else one with the name returned."""
    descriptor = _open_nameless(folder)
    if descriptor is not None:
        with cast(BinaryIO, open(descriptor, "w+b")) as file:
            yield file, None
        return
    name = _spare_name(folder)
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        with cast(BinaryIO, open(descriptor, "w+b")) as file:
            yield file, name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _spare_name(folder: Path) -> Path:
    return folder / f".radcodec-{secrets.token_hex(8)}.tmp"


def _open_nameless(folder: Path) -> int | None:
    """Open a file without a name, or return None where the system or file system has none."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None or not _DESCRIPTORS.is_dir():
        return None
    try:
        return os.open(folder, flag | os.O_RDWR, 0o666)
    except OSError:
        # Whatever the reason is, the attempt with a name will tell it.
        return None


def _name_nameless(descriptor: int, path: Path, force: bool) -> None:
    """Give a nameless file a name, in one step."""
    try:
        _link_nameless(descriptor, path)
        return
    except FileExistsError as error:
        if not force:
            raise _exists(path) from error
    # A link cannot replace a file, so the new one takes a spare name for a moment.
    spare = _spare_name(path.parent)
    try:
        _link_nameless(descriptor, spare)
        os.replace(spare, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(spare)


def _link_nameless(descriptor: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_PATH)
    try:
        # Python follows the link in /proc only when it is given a folder's descriptor too.
        os.link(_DESCRIPTORS / str(descriptor), path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


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
        if not _rename_without_replacing(temporary, path):
            _reserve_and_replace(temporary, path)


def _rename_without_replacing(temporary: Path, path: Path) -> bool:
    """Rename where there are no links, such as on a memory card; False where Linux cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, no_replace = -100, 1  # AT_FDCWD and RENAME_NOREPLACE.
    if rename(here, os.fsencode(temporary), here, os.fsencode(path), no_replace) == 0:
        return True
    if ctypes.get_errno() == errno.EEXIST:
        raise _exists(path)
    return False


def _reserve_and_replace(temporary: Path, path: Path) -> None:
    """Take the name with an empty file first: a kill between the two steps leaves that."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError as error:
        raise _exists(path) from error
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(path)
        raise


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, where the system lets folders be flushed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def make_folders(folder: Path) -> None:
    """Make a folder and those above it that are missing, and flush their names to disk."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def open_back(path: Path) -> BinaryIO:
    """Open a file that was just written, to be read from the disk where the system can be told."""
    file = cast(BinaryIO, path.open("rb"))
    if hasattr(os, "posix_fadvise"):
        # Flushed pages are dropped from the cache, so that the disk must answer.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return file


def digest_of(file: BinaryIO) -> bytes:
    """SHA-256 of all bytes of an open file."""
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(2**20):
        digest.update(piece)
    return digest.digest()
