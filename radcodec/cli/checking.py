"""`radcodec test`: checksums and a full decode, with nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from radcodec.cli.batch import collect, is_rcz, run_tasks
from radcodec.cli.options import (
    jobs_option,
    limits_of,
    loudness_options,
    memory_option,
    paths_argument,
    progress_option,
    recursive_option,
)
from radcodec.cli.sources import open_file
from radcodec.cli.tasks import Message


@dataclass(frozen=True)
class CheckTask:
    """Decode one file and compare its pixels with the hash recorded."""

    path: Path
    memory: int

    def __call__(self) -> Iterator[Message]:
        """Do it; raises as `radcodec.codec.Decoder`."""
        from radcodec.codec import Decoder

        with open_file(self.path, self.memory) as file:
            decoder = Decoder(file, limits=limits_of(self.memory))
            for _ in decoder.frames():
                pass
            # The data set is no part of the pixels, but lost with them all the same.
            _ = decoder.reader.dataset
            if decoder.reader.quality is None:
                text = f"{self.path}: decodes; no hash was recorded to compare with"
            else:
                text = f"{self.path}: ok"
        yield Message(text, answer=True)


@click.command()
@paths_argument
@recursive_option
@jobs_option
@memory_option
@loudness_options
@progress_option
def test(
    paths: tuple[Path, ...], recursive: bool, jobs: int, memory: int, no_progress: bool
) -> None:
    """Test .rcz files: checksums, a full decode, and the recorded hash of the pixels."""
    files = collect(paths, recursive=recursive, wanted=is_rcz)

    def plan(path: Path) -> CheckTask:
        return CheckTask(path, memory)

    run_tasks(files, plan, action="testing", jobs=jobs, progress=not no_progress)
