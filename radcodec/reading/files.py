"""Whether a file is still the one that was opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from radcodec.errors import InputError


@dataclass(frozen=True)
class FileState:
    """What tells that a file has changed: its times, size and identity when it was opened."""

    path: Path
    stamp: tuple[int, int, int]

    @classmethod
    def of(cls, stream: BinaryIO, path: Path) -> FileState:
        """Return the state of an open file."""
        return cls(path, _stamp(os.fstat(stream.fileno())))

    def check(self, name: str) -> None:
        """Raise `InputError` where the path no longer leads to the file as it was."""
        try:
            same = _stamp(os.stat(self.path)) == self.stamp
        except OSError:
            same = False
        if not same:
            raise InputError(f"{name}: changed while it was read; compress it again")


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
