"""Targets of a compression, and the search for the quality level that meets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from radcodec.errors import UsageError
from radcodec.quantising.levels import LEVELS

#: How far a reached ratio or rate may lie from what was asked.
TOLERANCE = 0.03

TargetKind = Literal["quality", "ratio", "bpp", "psnr", "level"]


@dataclass(frozen=True)
class Target:
    """What a compression is to reach.

    Attributes
    ----------
    kind : str
        "quality" (1 to 100), "ratio" (uncompressed pixel bytes over file bytes), "bpp"
        (file bits a pixel), "psnr" (dB) or "level" (0, finest, to 255).
    value : float
    """

    kind: TargetKind
    value: float

    def __post_init__(self) -> None:
        top = {"quality": 100.0, "level": LEVELS - 1.0, "psnr": 200.0}.get(self.kind, 1e9)
        low = {"quality": 1.0, "level": 0.0}.get(self.kind, 0.0)
        if not low <= self.value <= top or (low == 0 and self.kind != "level" and not self.value):
            raise UsageError(
                f"{self.kind} {self.value:g} is out of range; give "
                f"{'a value above' if low == 0 and self.kind != 'level' else 'from'} {low:g}"
                f"{'' if top >= 1e9 else f' to {top:g}'}"
            )


def level_of_quality(quality: float) -> int:
    """Quality level of a quality 100 (level 0) to 1 (level 255)."""
    return round((100 - quality) * (LEVELS - 1) / 99)


def closest_level(size_at: Callable[[int], float], wanted: float) -> int:
    """Level whose file size is nearest to `wanted`, sizes falling with the level.

    Parameters
    ----------
    size_at : callable
        Size of the file at a level; asked at about nine levels.
    wanted : float
        Size to come close to.
    """
    low, high = 0, LEVELS - 1
    while high - low > 1:
        middle = (low + high) // 2
        if size_at(middle) > wanted:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda level: abs(size_at(level) - wanted))


def coarsest_level(psnr_at: Callable[[int], float], wanted: float) -> int | None:
    """Coarsest level that reaches a PSNR; None where the finest does not."""
    if psnr_at(0) < wanted:
        return None
    low, high = 0, LEVELS
    while high - low > 1:
        middle = (low + high) // 2
        if psnr_at(middle) >= wanted:
            low = middle
        else:
            high = middle
    return low
