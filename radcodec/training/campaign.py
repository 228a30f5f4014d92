"""Everything from nothing, or from where it stopped: all depths, all compressors, all bundles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radcodec.training import stages
from radcodec.training.data import load, read_index

CONFIGS = Path(__file__).parent / "configs"
#: Depths in the order of their training: what refines others comes after them.
DEPTHS = (4, 3, 2, 1)
#: Share of the whole budget for phase 1 of each depth, and for phase 2 of all modalities.
JOINT_SHARE = {4: 0.18, 3: 0.18, 2: 0.16, 1: 0.24}
TUNE_SHARE = {4: 0.05, 3: 0.05, 2: 0.05, 1: 0.09}


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

    def joint(self, depth: int) -> Path:
        """Folder of phase 1 of a depth."""
        return self.runs / f"d{depth}"

    def tuned(self, depth: int) -> Path:
        """Folder of phase 2 of a depth."""
        return self.runs / f"d{depth}-tuned"

    def bases(self, depth: int) -> list[Path]:
        """What a depth refines."""
        return [self.joint(deeper) for deeper in DEPTHS if deeper > depth] if depth == 1 else []

    def start(self, depth: int, fresh: bool) -> Path | None:
        """Where phase 1 of a depth begins; None for the warm start."""
        small = self.models / "checkpoints" / f"d{depth}-joint.safetensors"
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
    """Train all depths and write all bundles within a budget.

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
    configs = {depth: stages.read_config(CONFIGS / f"d{depth}.json") for depth in DEPTHS}
    for depth in DEPTHS:
        machine.log(f"depth {depth}, phase 1")
        stages.joint(
            configs[depth],
            samples,
            campaign.joint(depth),
            minutes * JOINT_SHARE[depth],
            start=campaign.start(depth, fresh),
            bases=campaign.bases(depth),
            machine=machine,
        )
    for depth in DEPTHS:
        machine.log(f"depth {depth}, phase 2")
        stages.tune(
            configs[depth],
            samples,
            campaign.tuned(depth),
            minutes * TUNE_SHARE[depth] / len(stages.TUNED),
            start=campaign.joint(depth),
            bases=campaign.bases(depth),
            machine=machine,
        )
    for depth in DEPTHS:
        machine.log(f"depth {depth}, export")
        stages.export(
            campaign.joint(depth),
            campaign.tuned(depth),
            data,
            campaign.models,
            bases=campaign.bases(depth),
            note=f"campaign of {minutes:g} minutes on {machine.device}",
            log=machine.log,
        )
