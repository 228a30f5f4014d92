"""`radcodec test`: checksums and a full decode, with nothing written."""

from __future__ import annotations

from pathlib import Path

import click

from radcodec.cli.batch import collect, is_rcz, read_file, run_batch
from radcodec.cli.options import (
    loudness_options,
    paths_argument,
    progress_option,
    recursive_option,
    verbosity,
)


@click.command()
@paths_argument
@recursive_option
@loudness_options
@progress_option
def test(paths: tuple[Path, ...], recursive: bool, no_progress: bool) -> None:
    """Test .rcz files: checksums, a full decode, and the recorded hash of the pixels."""
    files = collect(paths, recursive=recursive, wanted=is_rcz)

    def work(path: Path) -> None:
        from radcodec.codec import check

        restored = check(read_file(path))
        if verbosity() < 0:
            return
        if restored.quality is None:
            click.echo(f"{path}: decodes; no hash was recorded to compare with")
        else:
            click.echo(f"{path}: ok")

    run_batch(files, work, action="testing", progress=not no_progress)
