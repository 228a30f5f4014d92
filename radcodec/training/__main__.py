"""Training from the command line: ``python -m radcodec.training --help``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from radcodec.training.data import Sample
    from radcodec.training.loop import Config
    from radcodec.training.stages import Machine

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = click.Path(path_type=Path, file_okay=False)
_EXISTING = click.Path(path_type=Path, exists=True)
_data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder of images: with an index.csv, or any DICOM and PNG files.",
)
_data_or_pack = click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Folder of images: with an index.csv, or any DICOM and PNG files; or a pack of images.",
)
_models = click.option("--models", type=_FOLDER, default=Path("models"), show_default=True)
_bases = click.option(
    "--base",
    "bases",
    type=_EXISTING,
    multiple=True,
    help="Deeper codec that this one is to refine: run folder or small checkpoint; repeatable.",
)
_threads = click.option(
    "--threads", type=click.IntRange(min=1), help="CPU threads; torch's choice by default."
)
_default_modality = click.option(
    "--default-modality",
    type=click.Choice(["xr", "mg", "ct", "mr"]),
    help="For files without an index that do not name theirs.",
)


def _training_options(function: F) -> F:
    """Options of every stage that trains, but for where images are."""
    for option in reversed(
        (
            click.option(
                "--minutes",
                type=click.FloatRange(min=0.01),
                required=True,
                help="Budget of the whole run.",
            ),
            click.option(
                "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True
            ),
            _threads,
            _default_modality,
        )
    ):
        function = option(function)
    return function


_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="JSON file with the fields of Config; see radcodec/training/configs.",
)


@click.group()
def main() -> None:
    """Train the networks, and make the bundles that radcodec ships.

    \b
    campaign   all of the stages below for all depths, within one budget; resumable
    1. joint   compressor and decompressor together, over all modalities
    2. tune    one compressor a modality, the decompressor frozen
    3. export  decompressor to integers, tables, ONNX, OpenVINO IR, bundles
    4. rules   which depth suits which rate, from training images
    pack       parts of images in one file, for phases 1 and 2 on another machine

    benchmarks/evaluate.py measures the result on held-out images.
    """


def _read_config(path: Path) -> Config:
    from radcodec.training.stages import read_config

    try:
        return read_config(path)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _samples(data: Path, default_modality: str | None) -> list[Sample]:
    from radcodec.training.data import load

    try:
        return load(data, "train", default_modality)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _machine(device: str, threads: int | None) -> Machine:
    import torch

    from radcodec.training.memory import keep_freed_memory
    from radcodec.training.stages import Machine

    keep_freed_memory()
    if device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("torch finds no CUDA device here; leave out --device cuda")
    if threads is not None:
        torch.set_num_threads(threads)
    return Machine(device, click.echo)


@main.command()
@_config
@click.option("--run", type=_FOLDER, required=True, help="Folder of checkpoint and log.")
@click.option(
    "--start",
    type=_EXISTING,
    help="Begin from this run folder or small checkpoint, not from the warm start.",
)
@click.option(
    "--narrow",
    type=_EXISTING,
    help="Grow a wide network from this one of a depth less: run folder or small checkpoint.",
)
@_bases
@_data_or_pack
@_training_options
def joint(
    config: Path,
    run: Path,
    start: Path | None,
    narrow: Path | None,
    bases: tuple[Path, ...],
    data: Path,
    minutes: float,
    device: str,
    threads: int | None,
    default_modality: str | None,
) -> None:
    """Phase 1: train compressor and decompressor together; resumes RUN where it stopped."""
    from radcodec.training import stages

    settings, machine = _read_config(config), _machine(device, threads)
    samples = _samples(data, default_modality)
    try:
        stages.joint(
            settings,
            samples,
            run,
            minutes,
            start=start,
            narrow=narrow,
            bases=bases,
            machine=machine,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@_config
@click.option("--run", type=_FOLDER, required=True, help="Gets one folder a modality.")
@click.option(
    "--start", type=_EXISTING, required=True, help="Run folder or small checkpoint of phase 1."
)
@click.option(
    "--modality",
    "modalities",
    multiple=True,
    type=click.Choice(["xr", "mg", "ct", "mr"]),
    help="Only these; may be repeated.",
)
@_bases
@_data_or_pack
@_training_options
def tune(
    config: Path,
    run: Path,
    start: Path,
    modalities: tuple[str, ...],
    bases: tuple[Path, ...],
    data: Path,
    minutes: float,
    device: str,
    threads: int | None,
    default_modality: str | None,
) -> None:
    """Phase 2: a compressor for each modality, the decompressor frozen; MINUTES for each."""
    from radcodec.training import stages

    settings, machine = _read_config(config), _machine(device, threads)
    stages.tune(
        settings,
        _samples(data, default_modality),
        run,
        minutes,
        start=start,
        bases=bases,
        modalities=modalities or tuple(stages.TUNED),
        machine=machine,
    )


@main.command()
@click.option(
    "--joint",
    "joint_path",
    type=_EXISTING,
    required=True,
    help="Run folder or small checkpoint of phase 1.",
)
@click.option(
    "--tuned",
    "tuned_path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of phase 2, or of small checkpoints; without it, phase 1's compressor serves all.",
)
@_bases
@_data
@_models
@click.option("--note", default="", help="Minutes and machine, for the manifest.")
@_threads
def export(
    joint_path: Path,
    tuned_path: Path | None,
    bases: tuple[Path, ...],
    data: Path,
    models: Path,
    note: str,
    threads: int | None,
) -> None:
    """Write the bundles of one depth, and small checkpoints to go on from."""
    from radcodec.training import stages

    machine = _machine("cpu", threads)
    stages.export(joint_path, tuned_path, data, models, bases=bases, note=note, log=machine.log)


@main.command()
@click.option("--runs", type=_FOLDER, default=Path("runs"), show_default=True)
@_models
@click.option(
    "--fresh", is_flag=True, help="Begin from the warm start, not from the kept checkpoints."
)
@_data
@_training_options
def campaign(
    runs: Path,
    models: Path,
    fresh: bool,
    data: Path,
    minutes: float,
    device: str,
    threads: int | None,
    default_modality: str | None,
) -> None:
    """Train every network and write every bundle; resumes RUNS where it stopped."""
    from radcodec.bench.rules import write_rules
    from radcodec.training import campaign as whole

    machine = _machine(device, threads)
    if not (data / "index.csv").exists():
        raise click.ClickException(f"{data} has no index.csv, which exporting needs")
    whole.run(
        whole.Campaign(runs, models),
        data,
        minutes,
        fresh=fresh,
        default_modality=default_modality,
        machine=machine,
    )
    write_rules(data, models, machine.log)


@main.command()
@_data
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The pack."
)
@click.option(
    "--mib",
    type=click.FloatRange(min=0.01),
    default=48.0,
    show_default=True,
    help="Its size at most, in MiB.",
)
@_default_modality
def pack(data: Path, out: Path, mib: float, default_modality: str | None) -> None:
    """Write parts of the training images into one file, which joint and tune take as --data."""
    from radcodec.training.loop import Config
    from radcodec.training.pack import write_pack

    samples = _samples(data, default_modality)
    try:
        counts = write_pack(samples, out, int(mib * 2**20), Config(depth=1).weights)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    parts = ", ".join(f"{count} of {modality}" for modality, count in counts.items())
    click.echo(f"{out}: {out.stat().st_size / 2**20:.1f} MiB, tiles: {parts}")


@main.command()
@_data
@_models
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=6,
    show_default=True,
    help="Training images of each modality.",
)
@click.option(
    "--modality",
    "modalities",
    multiple=True,
    type=click.Choice(["xr", "mg", "ct", "mr"]),
    help="Only these, all other rules stay; may be repeated.",
)
@click.option("--keep-plans", is_flag=True, help="Find only the quantiser steps of --quality anew.")
def rules(
    data: Path, models: Path, limit: int, modalities: tuple[str, ...], keep_plans: bool
) -> None:
    """Find which depth suits which rate on training images, and write rules.json."""
    from radcodec.bench.rules import write_rules
    from radcodec.errors import RadcodecError

    try:
        write_rules(
            data, models, click.echo, limit=limit, modalities=modalities, keep_plans=keep_plans
        )
    except RadcodecError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
