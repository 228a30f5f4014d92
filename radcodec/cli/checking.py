"""`radcodec test`: checksums and a full decode, with nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from radcodec.cli.batch import collect, is_rcz, read_file, run_tasks
from radcodec.cli.options import (
    jobs_option,
    loudness_options,
    paths_argument,
    progress_option,
    recursive_option,
)
from radcodec.cli.tasks import Message


@dataclass(frozen=True)
class CheckTask:
    """Decode one file and compare its pixels with the hash recorded."""

    path: Path

    def __call__(self) -> Iterator[Message]:
        """Do it; raises as `radcodec.codec.check`."""
        from radcodec.codec import check

        restored = check(read_file(self.path))
        if restored.quality is None:
            text = f"{self.path}: decodes; no hash was recorded to compare with"
        else:
            text = f"{self.path}: ok"
        yield Message(text, answer=True)


@click.command()
@paths_argument
@recursive_option
@jobs_option
@loudness_options
@progress_option
def test(paths: tuple[Path, ...], recursive: bool, jobs: int, no_progress: bool) -> None:
    """Test .rcz files: checksums, a full decode, and the recorded hash of the pixels."""
    files = collect(paths, recursive=recursive, wanted=is_rcz)
    run_tasks(files, CheckTask, action="testing", jobs=jobs, progress=not no_progress)
