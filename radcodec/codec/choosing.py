"""Which plans an image's modality, the models at hand and what was asked for leave to choose from."""

from __future__ import annotations

import math

from radcodec.codec.base import SERVED_BY
from radcodec.codec.plans import REFINING_DEPTH, Plan, Rules
from radcodec.errors import ModelNotFoundError, UsageError
from radcodec.network.store import ModelStore

#: Step of a refinement over that of the first layer, where a depth is asked for and no rule
#: says better.
USUAL_STEP_RATIO = 0.8
#: Rate in bits per pixel up to which an asked-for depth goes without refinement, where no rule
#: says better.
LOWEST_RATE = 0.03


def plans_for(
    modality: str, depth: int | None, refine: bool | None, rules: Rules, models: ModelStore
) -> list[tuple[float, Plan]]:
    """Plans to choose from, each with the largest rate in bits per pixel that it suits.

    Raises
    ------
    UsageError
        If there is no such model, or nothing to refine with.
    ModelNotFoundError
        If there is no compressor at all that serves the modality.
    """
    served = SERVED_BY.get(modality, modality)
    have = sorted({*models.depths(modality), *models.depths(served)})
    if not have:
        raise ModelNotFoundError(
            f"there is no compressor for {modality} in {models.root}; reinstall radcodec"
        )
    if depth is not None and depth not in have:
        listed = ", ".join(map(str, have))
        raise UsageError(f"there is no {modality} model of depth {depth}; there are: {listed}")
    if refine and depth == REFINING_DEPTH:
        raise UsageError(
            f"depth {depth} cannot be refined, as nothing is shallower; leave out --refine, or "
            "choose another --depth"
        )
    if refine and have[0] != REFINING_DEPTH:
        raise UsageError(
            f"refinements need a model of depth {REFINING_DEPTH} for {modality}, and there is "
            "none; leave out --refine"
        )
    known = rules.of(modality) or rules.of(served)
    wide = {*models.depths(modality, wide=True), *models.depths(served, wide=True)}
    usable = [
        (top, plan)
        for top, plan in known
        if plan.depth in (wide if plan.wide else have)
        and (plan.ratio is None or REFINING_DEPTH in have)
        and _lent(plan, models)
    ]
    if depth is not None:
        usable = [(top, plan) for top, plan in usable if plan.depth == depth]
    if refine is not None:
        usable = [(top, plan) for top, plan in usable if (plan.ratio is not None) == refine]
    if depth is None and usable:
        return usable
    # Rules are about what is best; who asks for a depth gets all that it can reach.
    chosen = have[-1] if depth is None else depth
    kinds = {plan.ratio is not None for _, plan in usable}
    if not refine and False not in kinds:
        usable.insert(0, (LOWEST_RATE, Plan(chosen)))
    if refine is not False and True not in kinds and chosen > REFINING_DEPTH in have:
        usable.append((math.inf, Plan(chosen, USUAL_STEP_RATIO)))
    return usable


def _lent(plan: Plan, models: ModelStore) -> bool:
    """Whether the compressors that a plan takes from another modality are there."""
    if plan.served is None:
        return True
    refined = plan.ratio is None or REFINING_DEPTH in models.depths(plan.served)
    return refined and plan.depth in models.depths(plan.served, wide=plan.wide)
