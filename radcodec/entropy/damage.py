"""What is said of tiles of latents that are damaged."""

from __future__ import annotations

from radcodec.entropy.rangecoder import IMPOSSIBLE_START
from radcodec.errors import CorruptError


def damaged(problem: str) -> CorruptError:
    """Return the error that tells of a problem with a tile."""
    return CorruptError(f"latent tile: {problem}; the file is damaged, get a new copy")


def check_decisions(stream: bytes) -> None:
    """Refuse a stream of the range coder that starts or ends as none does.

    Raises
    ------
    CorruptError
        If it does.
    """
    if stream.endswith(b"\0"):
        raise damaged("its decisions end in zero")
    if stream.startswith(IMPOSSIBLE_START):
        raise damaged("its decisions are not valid")
