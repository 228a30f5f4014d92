"""Training from the command line: ``python -m radcodec.training --help``."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import click

#: Modalities that get a compressor of their own, and what each is tuned on.
TUNED: dict[str, dict[str, float]] = {
    "xr": {"xr": 0.75, "mg": 0.25},
    "ct": {"ct": 1.0},
    "mr": {"mr": 1.0},
}
_FOLDER = click.Path(path_type=Path, file_okay=False)
_data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder of images: with an index.csv, or any DICOM and PNG files.",
)
_minutes = click.option(
    "--minutes", type=click.FloatRange(min=0.01), required=True, help="Budget of the whole run."
)
_device = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True
)
_threads = click.option(
    "--threads", type=click.IntRange(min=1), help="CPU threads; torch's choice by default."
)
_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="JSON file with the fields of Config; see radcodec/training/configs.",
)
_modality = click.option(
    "--default-modality",
    type=click.Choice(["xr", "mg", "ct", "mr"]),
    help="For files without an index that do not name theirs.",
)


@click.group()
def main() -> None:
    """Train the networks, and make the bundles that radcodec ships.

    \b
    1. joint      compressor and decompressor together, over all modalities
    2. tune       one compressor a modality, the decompressor frozen
    3. export     decompressor to integers, tables, ONNX, OpenVINO IR, bundles

    Then benchmarks/evaluate.py measures real file bytes on held-out images.
    """


def _read_config(path: Path) -> Any:
    from radcodec.training.loop import Config

    try:
        return Config(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise click.ClickException(f"{path} is no training configuration: {error}") from error


def _set_threads(threads: int | None) -> None:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)


@main.command()
@_config
@_data
@click.option("--run", type=_FOLDER, required=True, help="Folder of checkpoint and log.")
@click.option(
    "--start",
    type=click.Path(path_type=Path, exists=True),
    help="Begin from this run folder or small checkpoint, not from the warm start.",
)
@_minutes
@_device
@_threads
@_modality
def joint(
    config: Path,
    data: Path,
    run: Path,
    start: Path | None,
    minutes: float,
    device: str,
    threads: int | None,
    default_modality: str | None,
) -> None:
    """Phase 1: train compressor and decompressor together; resumes RUN where it stopped."""
    import torch

    from radcodec.training.checkpoints import load_codec
    from radcodec.training.data import load
    from radcodec.training.loop import Codec, train
    from radcodec.training.plots import plot_log

    _set_threads(threads)
    settings = _read_config(config)
    torch.manual_seed(settings.seed)
    codec = Codec(settings.architecture, settings.seed) if start is None else load_codec(start)
    samples = load(data, "train", default_modality)
    train(codec, settings, samples, run, minutes, device=device, log=click.echo)
    if (run / "log.jsonl").exists():
        plot_log(run / "log.jsonl", run / "log.svg")


@main.command()
@_config
@_data
@click.option("--run", type=_FOLDER, required=True, help="Gets one folder a modality.")
@click.option(
    "--start",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Run folder or small checkpoint of phase 1.",
)
@_minutes
@_device
@_threads
@_modality
def tune(
    config: Path,
    data: Path,
    run: Path,
    start: Path,
    minutes: float,
    device: str,
    threads: int | None,
    default_modality: str | None,
) -> None:
    """Phase 2: a compressor for each modality, the decompressor frozen; MINUTES for each."""
    from dataclasses import replace

    from radcodec.training.checkpoints import load_codec
    from radcodec.training.data import load
    from radcodec.training.loop import train

    _set_threads(threads)
    settings = _read_config(config)
    samples = load(data, "train", default_modality)
    for modality, weights in TUNED.items():
        own = [sample for sample in samples if sample.modality in weights]
        if not own:
            click.echo(f"no images for {modality}: no compressor tuned")
            continue
        train(
            load_codec(start),
            replace(settings, weights=weights, learning_rate=settings.learning_rate / 2),
            own,
            run / modality,
            minutes,
            freeze_decompressor=True,
            device=device,
            log=click.echo,
        )


@main.command()
@click.option(
    "--joint",
    "joint_path",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Run folder or small checkpoint of phase 1.",
)
@click.option(
    "--tuned",
    "tuned_path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of phase 2; without it, phase 1's compressor serves all modalities.",
)
@_data
@click.option("--models", type=_FOLDER, default=Path("models"), show_default=True)
@click.option("--note", default="", help="Minutes and machine, for the manifest.")
@_threads
def export(
    joint_path: Path,
    tuned_path: Path | None,
    data: Path,
    models: Path,
    note: str,
    threads: int | None,
) -> None:
    """Write the bundles of one depth, and small checkpoints to go on from."""
    from radcodec.training.bundles import write_bundles
    from radcodec.training.checkpoints import load_codec, save_small
    from radcodec.training.data import licences, read_index

    _set_threads(threads)
    images = read_index(data, "train")
    codec = load_codec(joint_path).eval()
    depth = codec.architecture.depth
    tuned = {}
    for modality in TUNED:
        path = None if tuned_path is None else tuned_path / modality
        tuned[modality] = codec if path is None or not path.exists() else load_codec(path).eval()
    training = {
        "note": note,
        "python": platform.python_version(),
        "images": len(images),
        "licences": licences(data, "train"),
    }
    for bundle in write_bundles(models, codec, tuned, images, training):
        click.echo(f"{bundle.path}: {bundle.id}")
    save_small(codec, models / "checkpoints" / f"d{depth}-joint.safetensors")
    for modality, each in tuned.items():
        save_small(each, models / "checkpoints" / f"d{depth}-{modality}.safetensors")


if __name__ == "__main__":
    main()
