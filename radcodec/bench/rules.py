"""Which depth, refined or not, suits which rate: found on training images, kept as rules.json."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.images import choose, find_sources
from radcodec.codec import BaseEncoder, Encoder, Plan, Rules, network_of, peak_of, prepare
from radcodec.codec.plans import RULES, load_rules
from radcodec.codec.search import Search
from radcodec.errors import ModelMismatchError
from radcodec.metrics.quality import ms_ssim
from radcodec.network.store import ModelStore
from radcodec.rate import QUALITIES
from radcodec.reading.image import GreyImage
from radcodec.training.data import middle_of

#: Ratios of the refinement's step to the first layer's that are tried.
RATIOS = (0.12, 0.25, 0.5, 0.8, 1.2)
#: Modality whose compressors may serve another one (docs/experiments.md).
LENDER = "mr"
#: Levels that make a curve.
LEVELS = (0, 40, 80, 115, 150, 190, 235)
#: Rates in bits per pixel at which plans are compared.
GRID: NDArray[np.float64] = np.geomspace(0.01, 4.0, 40)
#: What a plan is taken to lose, in dB, at a rate that it does not reach.
UNREACHED = 6.0
#: What an image without any loss counts as, in dB.
LOSSLESS = 120.0
#: A change of plans must gain this much, in dB, so that rules stay short.
WORTHWHILE = 0.05
#: MS-SSIM in dB, -10 log10(1 - MS-SSIM), that each of `radcodec.rate.QUALITIES` stands for.
QUALITY_DECIBELS = (8.0, 13.0, 18.0, 24.0, 34.0)
#: Images of a smaller range stand for deeper ones: each value becomes `FINER` others.
SHALLOW, FINER = 1024, 16
#: Images are cut to this side in pixels, which keeps the largest from taking all the time.
SIDE = 1024

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def candidates(depths: list[int], wide: Sequence[int] = (), lent: Sequence[int] = ()) -> list[Plan]:
    """Plans worth trying with the depths at hand: depth 4 leaves too much to refine.

    Of depths `lent` there are compressors of another modality too.
    """
    plans = [Plan(depth) for depth in depths] + [Plan(depth, wide=True) for depth in wide]
    if 1 in depths:
        plans += [Plan(depth, ratio) for depth in depths if 1 < depth < 4 for ratio in RATIOS]
        # Those of other depths gained nothing.
        plans += [
            Plan(2, ratio, served=LENDER) for ratio in (None, *RATIOS) if 2 in lent and 2 in depths
        ]
    return plans


def curves_of(
    image: GreyImage, modality: str, plans: list[Plan], models: ModelStore
) -> dict[Plan, Curve]:
    """Rate in bits per pixel (ascending) and PSNR in dB of each plan on an image."""
    prepared = prepare(image)
    bases: dict[Plan, BaseEncoder] = {}
    out = {}
    for plan in plans:
        base = plan.base
        if base not in bases:
            bases[base] = BaseEncoder(
                prepared, modality, plan.depth, models, wide=plan.wide, served=plan.served
            )
        encoder = Encoder(bases[base], plan)
        levels = [level for level in reversed(LEVELS) if not _mostly_pixels(encoder, level)]
        if len(levels) < 2:
            continue
        rate, quality = np.array([encoder.point(level) for level in levels]).T
        out[plan] = (rate, quality)
    return out


def _mostly_pixels(encoder: Encoder, level: int) -> bool:
    """Whether pixel blocks take most of a file.

    Such a plan's sizes leap between levels, so that what a curve promises between two of its
    points cannot be had.
    """
    blocks = encoder.plane(level).pixels
    return blocks is not None and 2 * sum(map(len, blocks.tiles)) > encoder.size(level)


def regrets(images: list[dict[Plan, Curve]], plans: list[Plan]) -> NDArray[np.float64]:
    """Mean loss in dB against the best plan, shape (plans, rates of `GRID`)."""
    total = np.zeros((len(plans), len(GRID)))
    for curves in images:
        quality = np.full((len(plans), len(GRID)), np.nan)
        for row, plan in enumerate(plans):
            if plan not in curves:
                continue
            rate, psnr = curves[plan][0], np.minimum(curves[plan][1], LOSSLESS)
            inside = (rate[0] <= GRID) & (rate[-1] >= GRID)
            quality[row, inside] = np.interp(np.log(GRID[inside]), np.log(rate), psnr)
        reached = np.isfinite(quality).any(axis=0)
        best = np.where(reached, np.nanmax(np.where(reached, quality, 0.0), axis=0), 0.0)
        lost = np.where(np.isfinite(quality), best - quality, UNREACHED)
        total += np.where(reached, np.minimum(lost, UNREACHED), 0.0)
    return total / len(images)


def segments(lost: NDArray[np.float64], plans: list[Plan]) -> list[tuple[float, Plan]]:
    """Split the rates among plans, so that little is lost with few changes.

    Returns
    -------
    list of (float, Plan)
        Largest rate in bits per pixel and plan, ascending, the last rate infinite.
    """
    count, points = lost.shape
    # Dynamic programming over the rates: staying costs what is lost, changing a fee besides.
    fee = WORTHWHILE * points / 4
    cost = lost[:, 0].copy()
    before = np.zeros((points, count), dtype=int)
    for point in range(1, points):
        cheapest = int(cost.argmin())
        change = cost[cheapest] + fee < cost
        before[point] = np.where(change, cheapest, np.arange(count))
        cost = np.where(change, cost[cheapest] + fee, cost) + lost[:, point]
    row = int(cost.argmin())
    path = [row]
    for point in range(points - 1, 0, -1):
        row = int(before[point, row])
        path.append(row)
    path.reverse()
    out = []
    for point in range(points - 1):
        if path[point] != path[point + 1]:
            middle = math.sqrt(GRID[point] * GRID[point + 1])
            out.append((round(middle, 4), plans[path[point]]))
    return [*out, (math.inf, plans[path[-1]])]


def _as_json(rule: list[tuple[float, Plan]]) -> list[dict[str, Any]]:
    return [
        {
            "up_to_bpp": None if math.isinf(top) else top,
            "depth": plan.depth,
            "refinement_step_ratio": plan.ratio,
            **({"wide": True} if plan.wide else {}),
            **({"compressor": plan.served} if plan.served else {}),
        }
        for top, plan in rule
    ]


def quality_steps(
    images: list[GreyImage], modality: str, rule: list[tuple[float, Plan]], models: ModelStore
) -> list[float]:
    """Nominal steps that give `QUALITY_DECIBELS` of MS-SSIM on average, for each quality.

    Parameters
    ----------
    images : list of GreyImage
        Of the modality.
    modality : str
        Whose compressors.
    rule : list of (float, Plan)
        As of `segments`.
    models : ModelStore
        Where the networks are.
    """
    steps = np.geomspace(1 / 1024, 1.5, 10)
    reached = np.zeros(len(steps))
    for image in images:
        search = Search(prepare(image), modality, rule, Rules({}, {}), models)
        peak = peak_of(image.stored)
        for number, step in enumerate(steps):
            encoder, level = search.by_step(float(step))
            alike = ms_ssim(image.stored, encoder.decoded(level), peak)
            reached[number] += -10 * math.log10(max(1 - alike, 1e-7)) / len(images)
    # Interpolation wants rising values, whatever noise the last steps hold.
    falling = np.minimum.accumulate(reached)
    return [
        round(float(np.exp(np.interp(-wanted, -falling, np.log(steps)))), 5)
        for wanted in QUALITY_DECIBELS
    ]


def write_rules(
    data: Path,
    models: Path,
    log: Callable[[str], None] = print,
    *,
    limit: int = 6,
    modalities: Sequence[str] = (),
    keep_plans: bool = False,
) -> None:
    """Measure plans on training images and write ``rules.json`` into the models folder.

    Parameters
    ----------
    data : Path
        Indexed folder; only its training split is used.
    models : Path
        Folder of bundles.
    log : callable
        Takes lines of progress.
    limit : int
        Images of each modality.
    modalities : sequence of str
        Find the rules of these and keep those of all others; none for all.
    keep_plans : bool
        Find only the steps of qualities, for the plans that ``rules.json`` holds.

    Raises
    ------
    ModelMismatchError
        If plans are to be kept and there are none of a modality, or none can be read.
    """
    store = ModelStore(models)
    known = load_rules(models) if keep_plans else Rules({}, {})
    sources = choose(find_sources(data, "train", warn=log), modalities, limit)
    out: dict[str, dict[str, Any]] = {"plans": {}, "quality": {}}
    if (modalities or keep_plans) and (models / RULES).exists():
        out = json.loads((models / RULES).read_text())
    for modality in sorted({source.modality for source in sources}):
        images = [_middle(source.read()) for source in sources if source.modality == modality]
        if keep_plans:
            rule = known.of(modality)
            if not rule:
                raise ModelMismatchError(
                    f"{models / RULES} has no plans of {modality}; find them first"
                )
        else:
            rule = _best_plans(images, modality, store)
            out["plans"][modality] = _as_json(rule)
            for entry in out["plans"][modality]:
                log(f"{modality}: {json.dumps(entry)}")
        out["quality"][modality] = quality_steps(images, modality, rule, store)
        log(f"{modality}: steps at the qualities {QUALITIES}: {out['quality'][modality]}")
    (models / RULES).write_text(json.dumps(out, indent=1) + "\n")


def _best_plans(
    images: list[GreyImage], modality: str, store: ModelStore
) -> list[tuple[float, Plan]]:
    """Measure the plans of a modality on images, and split the rates among them."""
    network = network_of(modality, store.compressors()[0].depth, store)
    lent = [] if network == LENDER else store.depths(LENDER)
    plans = candidates(store.depths(network), store.depths(network, wide=True), lent)
    curves = [curves_of(image, modality, plans, store) for image in images]
    return segments(regrets(curves, plans), plans)


def _middle(image: GreyImage) -> GreyImage:
    """Cut the middle out of a large image, and give a shallow one more bits.

    The radiographs and mammograms to learn from are 8-bit exports.  At high rates pixel blocks
    would find their few values again, which those of a detector do not have.
    """
    stored = middle_of(image.stored, SIDE).copy()
    if peak_of(stored) >= SHALLOW:
        return replace(image, stored=stored)
    noise = np.random.default_rng(0).integers(0, FINER, stored.shape)
    deep = (stored * FINER + noise).astype(np.int32)
    return replace(image, stored=deep, bits_allocated=16, bits_stored=16)
