"""Which networks code an image: a depth, and whether a shallower one refines it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

from radcodec.errors import ModelMismatchError
from radcodec.quantising.levels import LEVELS, level_of_step, nominal_step
from radcodec.rate import QUALITIES

#: Depth of the networks that refine others.
REFINING_DEPTH = 1
#: Nominal steps at `radcodec.rate.QUALITIES` where no rule says better.
USUAL_STEPS = (1.0, 0.3, 0.1, 0.03, 1 / 512)
#: File of the rules, in the models folder.
RULES = "rules.json"
#: How much time may be taken: 1 lowers latents by tables alone, 2 with foresight of what the
#: coder will pay, and 3 tries on the image the plans, too, that the rules take at rates near by.
EFFORTS = (1, 2, 3)
#: Least efforts for foresight, and for more than one plan.
FORESEEING, COMPARING = 2, 3


@dataclass(frozen=True)
class Plan:
    """How an image is coded.

    Attributes
    ----------
    depth : int
        Of the first layer, 1 to 4; 0 for no networks at all.
    ratio : float or None
        Nominal quantiser step of the refinement over that of the first layer; None where
        there is no refinement.
    wide : bool
        Whether the first layer is of networks with so many latents that nothing is left to refine.
    served : str or None
        Modality whose compressors code the image; None for those of its own.  Decompressors
        are the same for all, so that a file does not tell.
    """

    depth: int
    ratio: float | None = None
    wide: bool = False
    served: str | None = None

    def __post_init__(self) -> None:
        """Refuse a plan that no file can follow."""
        if not 0 <= self.depth <= 4:
            raise ValueError(f"there is no depth {self.depth}")
        if self.ratio is not None and not (self.depth > REFINING_DEPTH and 0 < self.ratio < 100):
            raise ValueError(f"depth {self.depth} cannot be refined at the ratio {self.ratio}")
        if self.wide and (self.depth == 0 or self.ratio is not None):
            raise ValueError("what is wide has a depth, and no refinement")

    def levels(self, level: int) -> tuple[int, int | None]:
        """Levels of the first layer and of the refinement.

        Parameters
        ----------
        level : int
            0 to 255 on the scale of the last layer, which sets the quality.
        """
        if self.ratio is None:
            return level, None
        step = nominal_step(level, REFINING_DEPTH) / self.ratio
        base = round(level_of_step(step, self.depth))
        return min(max(base, 0), LEVELS - 1), level

    @property
    def base(self) -> Plan:
        """The first layer alone."""
        return replace(self, ratio=None)

    @property
    def last_depth(self) -> int:
        """Depth of the layer that sets the quality."""
        return self.depth if self.ratio is None else REFINING_DEPTH

    def step_of_level(self, level: int) -> float:
        """Nominal step of the last layer at a level."""
        return nominal_step(level, self.last_depth)

    def level_of_step(self, step: float) -> int:
        """Level whose last layer has a nominal step."""
        depth = self.last_depth
        return min(max(round(level_of_step(step, depth)), 0), LEVELS - 1)


#: Without networks.
PIXELS = Plan(0)


@dataclass(frozen=True)
class Rules:
    """What was found on training images to be the best choice.

    Attributes
    ----------
    plans : dict
        Modality to (largest bits per pixel, plan), ascending, the last without bound.
    quality : dict
        Modality to nominal steps at `radcodec.rate.QUALITIES`, falling.
    """

    plans: dict[str, list[tuple[float, Plan]]]
    quality: dict[str, list[float]]

    def of(self, modality: str) -> list[tuple[float, Plan]]:
        """Plans of a modality; empty where there is no rule."""
        return self.plans.get(modality, [])

    def quality_of(self, modality: str) -> list[float]:
        """Nominal steps of a modality at `QUALITIES`, those of XR where it has none."""
        return self.quality.get(modality) or self.quality.get("xr") or list(USUAL_STEPS)


def _ratio(value: float | None) -> float | None:
    return None if value is None else float(value)


def _name(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{value} is no modality")
    return value


def _steps(values: list[float]) -> list[float]:
    steps = [float(value) for value in values]
    if len(steps) != len(QUALITIES) or min(steps) <= 0:
        raise ValueError(f"qualities need {len(QUALITIES)} steps above 0")
    return steps


def load_rules(folder: Path) -> Rules:
    """Read the rules of a models folder; empty rules where it has none.

    Raises
    ------
    ModelMismatchError
        If the file is no such file.
    """
    path = folder / RULES
    if not path.exists():
        return Rules({}, {})
    try:
        data = json.loads(path.read_text())
        plans = {
            modality: [
                (
                    math.inf if entry["up_to_bpp"] is None else float(entry["up_to_bpp"]),
                    Plan(
                        int(entry["depth"]),
                        _ratio(entry["refinement_step_ratio"]),
                        bool(entry.get("wide", False)),
                        _name(entry.get("compressor")),
                    ),
                )
                for entry in entries
            ]
            for modality, entries in data["plans"].items()
        }
        return Rules(plans, {m: _steps(q) for m, q in data["quality"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelMismatchError(
            f"{path} cannot be read as rules ({error}); reinstall radcodec"
        ) from error
