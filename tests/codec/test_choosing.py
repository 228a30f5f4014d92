"""Plans to choose from."""

from __future__ import annotations

import math
from typing import cast

import pytest

from radcodec.codec import Plan, Rules
from radcodec.codec.choosing import plans_for
from radcodec.errors import UsageError
from radcodec.network.store import ModelStore


class Have(ModelStore):
    """A store that says it has compressors of some depths."""

    def __init__(self, **depths: list[int]) -> None:
        self.have = depths

    def depths(self, modality: str, *, wide: bool = False) -> list[int]:
        return self.have.get(f"{modality}_wide" if wide else modality, [])


def _plans(
    depth: int | None, refine: bool | None, rules: Rules | None = None, modality: str = "ct"
) -> list[tuple[float, Plan]]:
    store = Have(ct=[1, 2, 3], xr=[1, 2, 3], mr=[2, 3])
    return plans_for(modality, depth, refine, rules or Rules({}, {}), cast(ModelStore, store))


RULES = Rules(
    {
        "ct": [(0.1, Plan(4)), (0.3, Plan(3)), (0.9, Plan(3, 0.7)), (math.inf, Plan(2, 0.35))],
        "xr": [(math.inf, Plan(2))],
        "mr": [(0.3, Plan(3)), (math.inf, Plan(3, 0.7))],
    },
    {},
)


def test_rules_are_followed_as_far_as_there_are_models() -> None:
    assert _plans(None, None, RULES) == RULES.of("ct")[1:]
    # What refines is missing for MR.
    assert _plans(None, None, RULES, "mr") == RULES.of("mr")[:1]
    assert _plans(None, None, RULES, "generic") == _plans(None, None, RULES, "mg") == RULES.of("xr")


def test_wide_networks_are_planned_where_there_are_any() -> None:
    wide = Plan(2, wide=True)
    rules = Rules({"ct": [(0.1, Plan(3)), (math.inf, wide)]}, {})
    assert _plans(None, None, rules) == rules.of("ct")[:1]
    store = cast(ModelStore, Have(ct=[1, 2, 3], ct_wide=[2]))
    assert plans_for("ct", None, None, rules, store) == rules.of("ct")
    assert (math.inf, wide) in plans_for("ct", 2, None, rules, store)
    assert plans_for("ct", 2, False, rules, store) == rules.of("ct")[1:]
    assert all(plan.ratio is not None for _, plan in plans_for("ct", 2, True, rules, store))


def test_compressors_are_lent_where_there_are_any() -> None:
    lent = Plan(2, 1.2, served="mr")
    rules = Rules({"xr": [(0.1, Plan(3)), (math.inf, lent)]}, {})
    store = cast(ModelStore, Have(xr=[1, 2, 3], mr=[1, 2]))
    assert plans_for("xr", None, None, rules, store) == rules.of("xr")
    assert plans_for("generic", None, None, rules, store) == rules.of("xr")
    # What refines, or what is refined, is missing.
    for have in ([2], [1], []):
        store = cast(ModelStore, Have(xr=[1, 2, 3], mr=have))
        assert plans_for("xr", None, None, rules, store) == rules.of("xr")[:1]


def test_rules_are_narrowed_to_what_is_asked() -> None:
    assert _plans(3, None, RULES) == RULES.of("ct")[1:3]
    assert _plans(None, True, RULES) == RULES.of("ct")[2:]
    assert _plans(None, False, RULES) == RULES.of("ct")[1:2]
    assert _plans(3, True, RULES) == RULES.of("ct")[2:3]


@pytest.mark.parametrize("rules", [None, RULES])
@pytest.mark.parametrize(
    ("depth", "refine"),
    [
        (None, None),
        (None, True),
        (None, False),
        (1, None),
        (1, False),
        (2, None),
        (2, True),
        (2, False),
        (3, True),
        (3, False),
    ],
)
def test_what_is_asked_for_is_planned(
    depth: int | None, refine: bool | None, rules: Rules | None
) -> None:
    plans = _plans(depth, refine, rules)
    assert plans
    assert [top for top, _ in plans] == sorted(top for top, _ in plans)
    for _, plan in plans:
        assert depth is None or plan.depth == depth
        assert refine is None or (plan.ratio is not None) == refine
        assert plan.depth > 1 or plan.ratio is None


def test_a_depth_without_a_model_is_told() -> None:
    with pytest.raises(UsageError, match=r"no ct model of depth 4; there are: 1, 2, 3"):
        _plans(4, None)


@pytest.mark.parametrize(("depth", "modality"), [(1, "ct"), (2, "mr"), (None, "mr")])
def test_a_refinement_that_cannot_be_is_refused(depth: int | None, modality: str) -> None:
    # Nothing is shallower than depth 1, and MR has no network to refine with.
    with pytest.raises(UsageError):
        _plans(depth, True, modality=modality)
