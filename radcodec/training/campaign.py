"""Everything from nothing, or from where it stopped: all networks, and all bundles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radcodec.training import stages
from radcodec.training.data import load, read_index

CONFIGS = Path(__file__).parent / "configs"
#: Networks in the order of their training: what refines others, or grows from one, comes after.
NETWORKS = ("d4", "d3", "d2", "d1", "d2-64")
#: What each refines, and what each grows from.
REFINES = {"d1": ("d4", "d3", "d2")}
GROWS_FROM = {"d2-64": "d1"}
#: Share of the whole budget for phase 1 of each, and for phase 2 of all modalities.
JOINT_SHARE = {"d4": 0.12, "d3": 0.14, "d2": 0.13, "d1": 0.19, "d2-64": 0.19}
TUNE_SHARE = {"d4": 0.03, "d3": 0.04, "d2": 0.04, "d1": 0.06, "d2-64": 0.06}


@dataclass(frozen=True)
class Campaign:
    """A campaign's folders.

    Attributes
    ----------
    runs : Path
        Checkpoints and logs, a folder a stage.
    models : Path
        Gets the bundles, and holds the small checkpoints of an earlier campaign.
    """

    runs: Path
    models: Path

    def joint(self, name: str) -> Path:
        """Folder of phase 1 of a network."""
        return self.runs / name

    def tuned(self, name: str) -> Path:
        """Folder of phase 2 of a network."""
        return self.runs / f"{name}-tuned"

    def bases(self, name: str) -> list[Path]:
        """What a network refines."""
        return [self.joint(deeper) for deeper in REFINES.get(name, ())]

    def narrow(self, name: str) -> Path | None:
        """What a wide network grows from."""
        return self.joint(GROWS_FROM[name]) if name in GROWS_FROM else None

    def start(self, name: str, fresh: bool) -> Path | None:
        """Where phase 1 of a network begins; None for the warm start, or growth."""
        small = self.models / "checkpoints" / f"{name}-joint.safetensors"
        return None if fresh or not small.exists() else small


def run(
    campaign: Campaign,
    data: Path,
    minutes: float,
    *,
    fresh: bool = False,
    default_modality: str | None = None,
    machine: stages.Machine | None = None,
) -> None:
    """Train all networks and write all bundles within a budget.

    Stopped and started again with the same arguments, it goes on where it was: a stage whose
    minutes are spent only loads.

    Parameters
    ----------
    campaign : Campaign
        Folders.
    data : Path
        Indexed folder of images.
    minutes : float
        Of training in all; exporting comes on top.
    fresh : bool
        Begin from the warm start though there are checkpoints of an earlier campaign.
    default_modality : str or None
        For files that do not name theirs.
    machine : Machine, optional
        Where to train.

    Raises
    ------
    FileNotFoundError
        Where the folder has no ``index.csv``.
    """
    machine = machine or stages.Machine()
    read_index(data, "train")  # Exporting needs the index: better to fail now than at the end.
    samples = load(data, "train", default_modality)
    configs = {name: stages.read_config(CONFIGS / f"{name}.json") for name in NETWORKS}
    for name in NETWORKS:
        machine.log(f"{name}, phase 1")
        stages.joint(
            configs[name],
            samples,
            campaign.joint(name),
            minutes * JOINT_SHARE[name],
            start=campaign.start(name, fresh),
            narrow=campaign.narrow(name),
            bases=campaign.bases(name),
            machine=machine,
        )
    for name in NETWORKS:
        machine.log(f"{name}, phase 2")
        stages.tune(
            configs[name],
            samples,
            campaign.tuned(name),
            minutes * TUNE_SHARE[name] / len(stages.TUNED),
            start=campaign.joint(name),
            bases=campaign.bases(name),
            machine=machine,
        )
    for name in NETWORKS:
        machine.log(f"{name}, export")
        stages.export(
            campaign.joint(name),
            campaign.tuned(name),
            data,
            campaign.models,
            bases=campaign.bases(name),
            note=f"campaign of {minutes:g} minutes on {machine.device}",
            log=machine.log,
        )
