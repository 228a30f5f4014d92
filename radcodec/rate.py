"""Targets of a compression, and the search for the quality level that meets them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from radcodec.errors import UsageError
from radcodec.quantising.levels import LEVELS

#: How far a reached ratio or rate may lie from what was asked.
TOLERANCE = 0.03
#: Smallest ratio, rate, PSNR or step that can be asked for.
SMALLEST = 1e-6
#: Logarithmic distance from the wanted size that ends a search.
CLOSE = 0.016
#: How fast the logarithm of the size falls with the level, where nothing is known yet.
USUAL_SLOPE = 0.028
#: Level that most images take for 1 bit per pixel, and how much higher it is for a rate e times
#: lower: fitted to docs/results/val.jsonl, from which single files are off by some 20 levels.
USUAL_LEVEL, USUAL_RISE = 100.0, 27.0
#: Least slope that a step of the search trusts.
FLATTEST_SLOPE = 0.002
#: How far PSNR falls with each level in most images, in dB, and how much of it is believed at most.
USUAL_FALL, FARTHEST = 0.15, 20.0
#: Steps by slope before the search goes on by halving.
PATIENCE = 6

#: Compression ratios that a consensus of radiologists accepts for diagnosis, the lowest
#: named for each: Loose, Braunschweig, Kotter et al., "Kompression digitaler Bilddaten in
#: der Radiologie: Ergebnisse einer Konsensuskonferenz", RoeFo 181 (2009) 32-37: CR and DX
#: 10, mammography 15, CT 5 to 8 by region, MR 7.
USUAL_RATIO_OF = {"xr": 10.0, "mg": 15.0, "ct": 5.0, "mr": 7.0, "generic": 10.0}
#: Quality for images on which the usual ratio says nothing.
USUAL_QUALITY = 75.0
#: Qualities at which the models' rules give nominal steps.
QUALITIES = (1.0, 25.0, 50.0, 75.0, 100.0)

TargetKind = Literal["usual", "quality", "ratio", "bpp", "psnr", "level", "step"]


@dataclass(frozen=True)
class Density:
    """A preset: one set of networks at one quantiser step.

    Attributes
    ----------
    depth : int
        Of the first layer.
    refine : bool
        Whether a second layer refines it.
    step : float
        Nominal quantiser step of the last layer.
    """

    depth: int
    refine: bool
    step: float


#: Presets by name: few latents for each pixel, quantised coarsely, or many, quantised finely.
DENSITIES = {"low": Density(3, False, 1 / 16), "high": Density(2, True, 1 / 64)}


@dataclass(frozen=True)
class Target:
    """What a compression is to reach.

    Attributes
    ----------
    kind : str
        "usual" (the ratio of `USUAL_RATIO_OF`, the value not used), "quality" (1 to
        100), "step" (nominal quantiser step of the last layer), "ratio" (uncompressed pixel bytes over file bytes), "bpp"
        (file bits a pixel), "psnr" (dB) or "level" (0, finest, to 255).
    value : float
    """

    kind: TargetKind
    value: float

    def __post_init__(self) -> None:
        top = {"quality": 100.0, "level": LEVELS - 1.0, "psnr": 200.0}.get(self.kind, 1e9)
        if self.kind == "usual":
            return
        low = {"quality": 1.0, "level": 0.0}.get(self.kind, SMALLEST)
        if not low <= self.value <= top:
            raise UsageError(
                f"{self.kind} {self.value:g} is out of range; give a value from {low:g} to {top:g}"
            )


def step_of_quality(quality: float, steps: Sequence[float]) -> float:
    """Nominal step of a quality, geometric between the steps at `QUALITIES`."""
    return math.exp(float(np.interp(quality, QUALITIES, np.log(steps))))


def usual_level(bpp: float) -> int:
    """Level that gives a rate in bits per pixel for most images, where a search may start."""
    level = USUAL_LEVEL - USUAL_RISE * math.log(max(bpp, SMALLEST))
    return round(min(max(level, 0.0), LEVELS - 1.0))


def closest_level(size_at: Callable[[int], float], wanted: float, start: int = LEVELS // 2) -> int:
    """Level whose file size is nearest to `wanted`, sizes falling with the level.

    Parameters
    ----------
    size_at : callable
        Size of the file at a level; asked at about four levels, fewer with a good start.
    wanted : float
        Size to come close to.
    start : int
        Level that is tried first, 0 to 255.
    """
    known: dict[int, float] = {}
    low, high = -1, LEVELS
    guess, slope = start, USUAL_SLOPE
    while low < guess < high:
        known[guess] = error = math.log(size_at(guess) / wanted)
        if abs(error) <= CLOSE:
            break
        if error > 0:
            low = guess
        else:
            high = guess
        if len(known) > PATIENCE:
            guess = (low + high) // 2
            continue
        others = [level for level in known if level != guess]
        if others:
            nearest = min(others, key=lambda level: abs(level - guess))
            slope = max((known[nearest] - error) / (guess - nearest), FLATTEST_SLOPE)
        step = round(error / slope) or (1 if error > 0 else -1)
        # At the ends of the scale the last level itself is still to be tried.
        guess = min(max(guess + step, low + 1), high - 1)
    return min(known, key=lambda level: abs(known[level]))


def usual_bytes(uncompressed: float, modality: str, fixed: float) -> float:
    """Size of a whole file at the usual ratio.

    What radiologists have accepted is a ratio of pixels: a large data set must not take the room
    of the image.

    Parameters
    ----------
    uncompressed : float
        Bytes of the pixels.
    modality : str
        Key of `USUAL_RATIO_OF`.
    fixed : float
        Bytes of data set and headers.
    """
    return uncompressed / USUAL_RATIO_OF[modality] + fixed


def last_that(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The last of low to high - 1 for which something holds that holds up to some number.

    It is taken to hold for low without being asked.
    """
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def coarsest_level(
    psnr_at: Callable[[int], float], wanted: float, start: int = LEVELS // 2
) -> int | None:
    """Coarsest level that reaches a PSNR; None where the finest does not.

    Parameters
    ----------
    psnr_at : callable
        PSNR in dB of a level, falling with it; asked at about five levels.
    wanted : float
        PSNR in dB.
    start : int
        Level that is tried first, 0 to 255.
    """
    low, high = -1, LEVELS
    known: dict[int, float] = {}
    guess, last = start, 0.0
    while high - low > 1:
        # Without loss it has no bound.
        error = min(max(psnr_at(guess) - wanted, -FARTHEST), FARTHEST)
        known[guess] = error
        # An end that stays counts for less each time, or a bent curve would hold it for long.
        stays = high if error >= 0 else low
        if stays in known and (error >= 0) == (last >= 0):
            known[stays] /= 2
        last = error
        if error >= 0:
            low = guess
        else:
            high = guess
        if len(known) > PATIENCE:
            guess = (low + high) // 2
        elif low in known and high in known:
            share = known[low] / (known[low] - known[high])
            guess = low + max(int(share * (high - low)), 1)
        else:
            # To the level that just reaches it, or its neighbour that just does not.
            step = math.floor(error / USUAL_FALL)
            guess += max(step, 1) if error >= 0 else step
        guess = min(max(guess, low + 1), high - 1)
    return None if low < 0 else low
