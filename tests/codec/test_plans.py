"""Plans and the rules that choose among them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from radcodec.codec.plans import REFINING_DEPTH, RULES, Plan, load_rules
from radcodec.errors import ModelMismatchError
from radcodec.quantising.levels import LEVELS, SCALES, nominal_step


@pytest.mark.parametrize("depth", sorted(SCALES))
def test_without_a_refinement_the_level_is_that_of_the_only_layer(depth: int) -> None:
    plan = Plan(depth)
    for level in (0, 77, 255):
        assert plan.levels(level) == (level, None)
        assert plan.level_of_step(nominal_step(level, depth)) == level
    assert plan.level_of_step(1e-9) == 0
    assert plan.level_of_step(1e9) == LEVELS - 1


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("ratio", [0.35, 1.0])
def test_steps_of_the_layers_keep_their_ratio(depth: int, ratio: float) -> None:
    plan = Plan(depth, ratio)
    bases = []
    for level in range(LEVELS):
        base, refining = plan.levels(level)
        assert refining == level
        assert 0 <= base < LEVELS
        bases.append(base)
        if 0 < base < LEVELS - 1:
            got = nominal_step(level, REFINING_DEPTH) / nominal_step(base, depth)
            # A base level is a whole number.
            assert got == pytest.approx(ratio, rel=0.02)
    assert bases == sorted(bases) and bases[0] < 40 and bases[-1] > 150
    assert plan.level_of_step(nominal_step(50, REFINING_DEPTH)) == 50


def _entry(top: float | None, depth: int, ratio: float | None) -> dict[str, Any]:
    return {"up_to_bpp": top, "depth": depth, "refinement_step_ratio": ratio}


def test_rules_are_read(tmp_path: Path) -> None:
    rules = {
        "plans": {"ct": [_entry(0.25, 4, None), _entry(None, 2, 0.5)]},
        "quality": {"ct": [5, 4, 3, 2, 1], "xr": [10, 8, 6, 4, 2]},
    }
    (tmp_path / RULES).write_text(json.dumps(rules))
    read = load_rules(tmp_path)
    assert read.of("ct") == [(0.25, Plan(4)), (math.inf, Plan(2, 0.5))]
    assert read.of("mr") == []
    assert read.quality_of("ct") == [5, 4, 3, 2, 1]
    assert read.quality_of("mr") == read.quality_of("xr") == [10, 8, 6, 4, 2]


def test_rules_may_name_wide_networks(tmp_path: Path) -> None:
    wide = {**_entry(None, 2, None), "wide": True}
    rules = {"plans": {"ct": [_entry(0.1, 3, None), wide]}, "quality": {}}
    (tmp_path / RULES).write_text(json.dumps(rules))
    read = load_rules(tmp_path)
    assert read.of("ct") == [(0.1, Plan(3)), (math.inf, Plan(2, wide=True))]
    assert read.of("ct")[1][1] != Plan(2)
    rules["plans"]["ct"] = [{**wide, "refinement_step_ratio": 0.5}]
    (tmp_path / RULES).write_text(json.dumps(rules))
    with pytest.raises(ModelMismatchError, match="no refinement"):
        load_rules(tmp_path)


def test_rules_may_lend_compressors(tmp_path: Path) -> None:
    lent = {**_entry(None, 2, 1.2), "compressor": "mr"}
    rules = {"plans": {"xr": [_entry(0.1, 3, None), lent]}, "quality": {}}
    (tmp_path / RULES).write_text(json.dumps(rules))
    read = load_rules(tmp_path)
    assert read.of("xr") == [(0.1, Plan(3)), (math.inf, Plan(2, 1.2, served="mr"))]
    assert read.of("xr")[1][1].base == Plan(2, served="mr") != Plan(2)
    rules["plans"]["xr"] = [{**lent, "compressor": 2}]
    (tmp_path / RULES).write_text(json.dumps(rules))
    with pytest.raises(ModelMismatchError, match="no modality"):
        load_rules(tmp_path)


def test_the_base_of_a_plan_is_its_first_layer() -> None:
    assert Plan(3, 0.5).base == Plan(3).base == Plan(3)
    assert Plan(2, wide=True).base == Plan(2, wide=True) != Plan(2)


def test_a_folder_without_rules_has_none(tmp_path: Path) -> None:
    rules = load_rules(tmp_path)
    assert rules.of("ct") == []
    steps = rules.quality_of("ct")
    assert len(steps) == 5 and steps == sorted(steps, reverse=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"plans": {}}',
        '{"plans": {"ct": [{}]}, "quality": {}}',
        (
            '{"plans": {"ct": [{"up_to_bpp": "much", "depth": 2, "refinement_step_ratio": null}]},'
            ' "quality": {}}'
        ),
        '{"plans": {"ct": 3}, "quality": {}}',
        '{"plans": {}, "quality": {"ct": ["fine"]}}',
        '{"plans": {}, "quality": {"ct": 1}}',
    ],
)
def test_broken_rules_are_told(tmp_path: Path, text: str) -> None:
    (tmp_path / RULES).write_text(text)
    with pytest.raises(ModelMismatchError, match=r"rules\.json"):
        load_rules(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        '{"plans": [], "quality": {}}',
        '{"plans": {}, "quality": []}',
        (
            '{"plans": {"ct": [{"up_to_bpp": null, "depth": 2, "refinement_step_ratio": "half"}]},'
            ' "quality": {}}'
        ),
        (
            '{"plans": {"ct": [{"up_to_bpp": null, "depth": 2, "refinement_step_ratio": -1}]},'
            ' "quality": {}}'
        ),
        (
            '{"plans": {"ct": [{"up_to_bpp": null, "depth": 1, "refinement_step_ratio": 0.5}]},'
            ' "quality": {}}'
        ),
        '{"plans": {}, "quality": {"ct": [0.5, 0.1]}}',
        '{"plans": {}, "quality": {"ct": [0, 0, 0, 0, 0]}}',
    ],
)
def test_rules_that_cannot_be_followed_are_told(tmp_path: Path, text: str) -> None:
    (tmp_path / RULES).write_text(text)
    with pytest.raises(ModelMismatchError, match=r"rules\.json"):
        load_rules(tmp_path)
