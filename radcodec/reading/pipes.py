"""Files that come through a pipe, which has neither an end to look at first nor a way back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from radcodec.errors import LimitError


def seekable(stream: BinaryIO, path: Path, memory: int) -> BinaryIO:
    """The stream itself, or where it is a pipe, all that comes through it, held in memory.

    Parameters
    ----------
    stream : BinaryIO
        Opened for reading; closed if something else is returned, or raised.
    path : Path
        What to call it.
    memory : int
        Bytes that the work on it may take; a part of them may come through the pipe.

    Raises
    ------
    LimitError
        More comes through the pipe.
    """
    if stream.seekable():
        return stream
    most = memory // 4
    with stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise LimitError(
            f"{path}: more than {most} bytes come through a pipe; give a file, or a higher "
            "--memory-limit"
        )
    return io.BytesIO(data)
