"""The stages of training, each resumable: joint, tune, export."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from radcodec.training.checkpoints import load_codec, save_small
from radcodec.training.data import Sample, licences, read_index
from radcodec.training.grow import grown
from radcodec.training.loop import CHECKPOINT, Codec, Config, train
from radcodec.training.patches import PatchSource
from radcodec.training.plots import plot_log

#: Modalities that get a compressor of their own, and what each is tuned on.
TUNED: dict[str, dict[str, float]] = {
    "xr": {"xr": 1.0},
    # There are few mammograms: chest radiographs keep their compressor from learning them
    # by heart.
    "mg": {"mg": 0.6, "xr": 0.4},
    "ct": {"ct": 1.0},
    "mr": {"mr": 1.0},
}

#: Share of 1 - MS-SSIM in what compressors lose in phase 2, but for those that refine others.
SIMILARITY = 0.25

#: Patches that a wide codec's latents are made of.
GROWING_PATCHES = 64

Log = Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """Where a stage runs.

    Attributes
    ----------
    device : str
        "cpu" or "cuda".
    log : callable
        Takes lines of progress.
    """

    device: str = "cpu"
    log: Log = print


def read_config(path: Path) -> Config:
    """Read a training configuration.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return Config(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no training configuration: {error}") from error


def load_bases(paths: Sequence[Path]) -> list[Codec]:
    """Load the deeper codecs that a refining one learns on."""
    return [load_codec(path) for path in paths]


def _wide_start(config: Config, samples: list[Sample], narrow: Path) -> Codec:
    """A wide codec that does what a trained one of a depth less does; see `grow`."""
    source = PatchSource(samples, config.patch, config.weights, config.seed)
    images, _, _ = source.batch(GROWING_PATCHES)
    return grown(load_codec(narrow).eval(), images, config.seed)


def joint(
    config: Config,
    samples: list[Sample],
    run: Path,
    minutes: float,
    *,
    start: Path | None = None,
    narrow: Path | None = None,
    bases: Sequence[Path] = (),
    machine: Machine | None = None,
) -> None:
    """Phase 1: compressor and decompressor together; see `loop.train`.

    Parameters
    ----------
    config : Config
        The run.
    samples : list of Sample
        Training images.
    run : Path
        Folder of the run.
    minutes : float
        Of training in all.
    start : Path, optional
        Codec to begin from, in place of the warm start.
    narrow : Path, optional
        Codec of a depth less that a wide one grows from, where there is no `start`.
    bases : sequence of Path
        Deeper codecs that this one refines.
    machine : Machine, optional
        Where to train.

    Raises
    ------
    ValueError
        If what it begins from has another architecture than the configuration, or a wide run
        has nothing to begin from.
    """
    machine = machine or Machine()
    torch.manual_seed(config.seed)
    if (run / CHECKPOINT).exists():
        codec = load_codec(run)
    elif start is not None:
        codec = load_codec(start)
    elif narrow is not None:
        codec = _wide_start(config, samples, narrow)
    elif config.architecture.wide:
        raise ValueError("a wide network grows from a trained one of a depth less; name it")
    else:
        codec = Codec(config.architecture, config.seed)
    if codec.architecture != config.architecture:
        raise ValueError(
            f"the start is {codec.architecture}, the configuration {config.architecture}"
        )
    train(
        codec,
        config,
        samples,
        run,
        minutes,
        bases=load_bases(bases),
        device=machine.device,
        log=machine.log,
    )
    if (run / "log.jsonl").exists():
        plot_log(run / "log.jsonl", run / "log.svg")


def tune(
    config: Config,
    samples: list[Sample],
    run: Path,
    minutes: float,
    *,
    start: Path,
    bases: Sequence[Path] = (),
    modalities: Sequence[str] = tuple(TUNED),
    machine: Machine | None = None,
) -> None:
    """Phase 2: one compressor a modality, the decompressor frozen; `minutes` for each."""
    machine = machine or Machine()
    for modality in modalities:
        weights = TUNED[modality]
        own = [sample for sample in samples if sample.modality in weights]
        if not own:
            machine.log(f"no images for {modality}: no compressor tuned")
            continue
        train(
            load_codec(start),
            replace(
                config,
                weights=weights,
                learning_rate=config.learning_rate / 2,
                similarity=0.0 if bases else SIMILARITY,
            ),
            own,
            run / modality,
            minutes,
            freeze_decompressor=True,
            bases=load_bases(bases),
            device=machine.device,
            log=machine.log,
        )


def export(
    joint_run: Path,
    tuned_run: Path | None,
    data: Path,
    models: Path,
    *,
    bases: Sequence[Path] = (),
    note: str = "",
    log: Log = print,
) -> None:
    """Write the bundles of one depth, and small checkpoints to go on from.

    Parameters
    ----------
    joint_run : Path
        Run folder or small checkpoint of phase 1.
    tuned_run : Path or None
        Folder of phase 2, with a run folder or a small checkpoint for each modality; where
        one is missing, phase 1's compressor serves.
    data : Path
        Indexed folder; its training split gives entropy tables and rounding their statistics.
    models : Path
        Gets a folder of the architecture's name and ``checkpoints/``.
    bases : sequence of Path
        Deeper codecs that this one refines.
    note : str
        Minutes and machine, for the manifests.
    """
    # Bundles need OpenVINO and ONNX, which a machine that only trains may lack.
    from radcodec.training.bundles import write_bundles

    images = read_index(data, "train")
    codec = load_codec(joint_run).eval()
    name = codec.architecture.name
    tuned = {}
    for modality in TUNED:
        found = None if tuned_run is None else _tuned(tuned_run, name, modality)
        tuned[modality] = codec if found is None else load_codec(found).eval()
    training = {
        "note": note,
        "python": platform.python_version(),
        "images": len(images),
        "licences": licences(data, "train"),
    }
    for bundle in write_bundles(models, codec, tuned, images, training, load_bases(bases)):
        log(f"{bundle.path}: {bundle.id}")
    whole = models / "checkpoints" / f"{name}-joint.safetensors"
    save_small(codec, whole)
    for modality, each in tuned.items():
        save_small(each, whole.with_name(f"{name}-{modality}.safetensors"), rest=whole)


def _tuned(folder: Path, name: str, modality: str) -> Path | None:
    for path in (folder / modality, folder / f"{name}-{modality}.safetensors"):
        if path.exists():
            return path
    return None
