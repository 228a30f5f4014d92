"""Which plan suits which rate: curves to regrets, regrets to rules, rules to a file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("imagecodecs")

from radcodec.bench import rules
from radcodec.bench.rules import (
    GRID,
    LENDER,
    UNREACHED,
    WORTHWHILE,
    Curve,
    candidates,
    curves_of,
    quality_steps,
    regrets,
    segments,
    write_rules,
)
from radcodec.codec import Plan, compress, load_rules
from radcodec.codec.plans import RULES
from radcodec.errors import ModelMismatchError
from radcodec.network.store import ModelStore, default_root
from radcodec.rate import QUALITIES, Target
from radcodec.reading.image import GreyImage
from tests.bench.samples import stored_values
from tests.codec.samples import grey

DEEP, MIDDLE, SHALLOW = Plan(4), Plan(3, 0.7), Plan(2)
PLANS = [DEEP, MIDDLE, SHALLOW]
PLACE: NDArray[np.float64] = np.arange(len(GRID), dtype=np.float64)


def test_candidates_are_what_the_depths_allow() -> None:
    plans = candidates([1, 2, 3, 4])
    assert len(plans) == len(set(plans))
    assert {plan for plan in plans if plan.ratio is None} == {Plan(d) for d in (1, 2, 3, 4)}
    assert {plan.depth for plan in plans if plan.ratio is not None} == {2, 3}
    # Without depth 1 nothing is refined.
    assert candidates([2, 3]) == [Plan(2), Plan(3)]
    lent = [plan for plan in candidates([1, 2, 3], lent=[1, 2, 3]) if plan.served]
    assert {plan.ratio for plan in lent} == {None, *rules.RATIOS}
    assert {(plan.depth, plan.served) for plan in lent} == {(2, LENDER)}
    assert candidates([2, 3], lent=[1, 2, 3]) == candidates([2, 3])


@pytest.mark.parametrize("best", range(3))
def test_one_plan_that_is_best_everywhere_is_the_only_rule(best: int) -> None:
    lost = np.ones((3, len(GRID)))
    lost[best] = 0
    assert segments(lost, PLANS) == [(math.inf, PLANS[best])]


@pytest.mark.parametrize("crossing", [8, 20, 31])
def test_plans_change_near_their_crossing(crossing: int) -> None:
    slope = 0.1 * (PLACE - crossing)
    lost = np.stack([np.maximum(slope, 0), np.full(len(GRID), 5.0), np.maximum(-slope, 0)])
    (top, first), (end, last) = segments(lost, PLANS)
    assert (first, last, end) == (DEEP, SHALLOW, math.inf)
    assert GRID[crossing - 3] < top < GRID[crossing + 3]


def test_three_regimes_give_three_rules_in_order() -> None:
    lost = np.full((3, len(GRID)), 2.0)
    for row, part in enumerate((slice(0, 12), slice(12, 30), slice(30, None))):
        lost[row, part] = 0
    found = segments(lost, PLANS)
    assert [plan for _, plan in found] == PLANS
    tops = [top for top, _ in found]
    assert tops == sorted(tops) and tops[-1] == math.inf
    assert tops[:2] == pytest.approx(
        [math.sqrt(GRID[11] * GRID[12]), math.sqrt(GRID[29] * GRID[30])], abs=1e-4
    )


def test_slivers_are_not_worth_a_change() -> None:
    lost = np.zeros((3, len(GRID)))
    lost[1:] = 1
    lost[0, 18:21], lost[1, 18:21] = WORTHWHILE, 0
    assert segments(lost, PLANS) == [(math.inf, DEEP)]
    # More is.
    lost[0, 18:21] = 3
    assert [plan for _, plan in segments(lost, PLANS)] == [DEEP, MIDDLE, DEEP]


def _curve(gain: float, low: float = 0.005, high: float = 5.0) -> Curve:
    rate = np.geomspace(low, high, 9)
    return rate, 40 + 6 * np.log2(rate) + gain


def test_regret_is_the_loss_against_the_best() -> None:
    images = [
        {DEEP: _curve(2), SHALLOW: _curve(0)},
        {DEEP: _curve(0), SHALLOW: _curve(1)},
    ]
    lost = regrets(images, [DEEP, SHALLOW])
    assert lost.shape == (2, len(GRID))
    np.testing.assert_allclose(lost[0], 0.5, atol=1e-6)
    np.testing.assert_allclose(lost[1], 1.0, atol=1e-6)


def test_rates_that_a_plan_does_not_reach_are_held_against_it() -> None:
    images = [{DEEP: _curve(1, high=0.5), SHALLOW: _curve(0, low=0.1)}]
    deep, shallow = regrets(images, [DEEP, SHALLOW])
    assert (deep[GRID > 0.5] == UNREACHED).all() and (shallow[GRID < 0.1] == UNREACHED).all()
    np.testing.assert_allclose(deep[GRID < 0.5], 0, atol=1e-6)
    np.testing.assert_allclose(shallow[(GRID > 0.1) & (GRID < 0.5)], 1, atol=1e-6)
    np.testing.assert_allclose(shallow[GRID > 0.5], 0, atol=1e-6)


def test_rates_that_no_plan_reaches_count_for_nothing() -> None:
    lost = regrets([{DEEP: _curve(1, high=0.5), SHALLOW: _curve(0, high=0.4)}], [DEEP, SHALLOW])
    assert not lost[:, GRID > 0.5].any()
    assert np.isfinite(lost).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_loss_at_all_is_best() -> None:
    rate, quality = _curve(0)
    lost = regrets([{DEEP: (rate, quality + math.inf), SHALLOW: (rate, quality)}], [DEEP, SHALLOW])
    assert (lost[0] < lost[1]).all()


@pytest.fixture(scope="module")
def models() -> ModelStore:
    if not list(default_root().glob("d?/*/manifest.json")):
        pytest.skip("there are no models")
    return ModelStore()


@pytest.fixture(scope="module")
def part() -> GreyImage:
    return grey(stored_values("CT_small.dcm")[30:110, 20:92], signed=True, modality="ct")


def test_curves_of_a_real_image(
    models: ModelStore, part: GreyImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "LEVELS", (100, 180, 250))
    plans = candidates(models.depths("ct"))
    curves = curves_of(part, "ct", plans, models)
    assert set(curves) <= set(plans) and len(curves) > 1
    for rate, quality in curves.values():
        assert rate.shape == quality.shape and len(rate) in (2, 3)
        assert (np.diff(rate) > 0).all() and rate[0] > 0
        assert quality[-1] > quality[0]


def test_plans_that_are_mostly_pixel_blocks_have_no_curve(
    models: ModelStore, part: GreyImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "LEVELS", (100, 180, 250))
    monkeypatch.setattr(rules, "_mostly_pixels", lambda _, level: level < 200)
    plan = Plan(models.depths("ct")[-1])
    assert curves_of(part, "ct", [plan], models) == {}
    lost = regrets([{}], [plan])
    assert lost.shape == (1, len(GRID)) and not lost.any()


def test_finer_steps_for_more_quality(models: ModelStore, part: GreyImage) -> None:
    plain = [(math.inf, Plan(models.depths("ct")[0]))]
    steps = quality_steps([part], "ct", plain, models)
    assert len(steps) == len(QUALITIES)
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > 3 * steps[-1] > 0


def _copy(models: ModelStore, folder: Path) -> Path:
    """The same models in a folder of their own, without their rules."""
    for place in models.root.glob("d?"):
        (folder / place.name).symlink_to(place.resolve())
    return folder


def test_rules_are_written_and_read(
    models: ModelStore, part: GreyImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    monkeypatch.setattr(rules, "LEVELS", (60, 150, 240))
    monkeypatch.setattr(rules, "RATIOS", (0.7,))
    data, folder = tmp_path / "data", tmp_path / "models"
    data.mkdir()
    folder.mkdir()
    _copy(models, folder)
    lines = ["file,split,modality,offset,source,licence"]
    for number, (modality, split) in enumerate(
        (("CT", "train"), ("CT", "train"), ("XR", "train"), ("MR", "val"))
    ):
        pixels = (np.roll(part.stored, number, axis=1) + 2000).astype(np.uint16)
        (data / f"{number}.jxl").write_bytes(imagecodecs.jpegxl_encode(pixels, lossless=True))
        lines.append(f"{number}.jxl,{split},{modality},-2000,here,CC0")
    (data / "index.csv").write_text("\n".join(lines))
    said: list[str] = []
    write_rules(data, folder, said.append, limit=1)
    read = load_rules(folder)
    # Images that are kept for measuring have no say.
    assert set(read.plans) == set(read.quality) == {"ct", "xr"}
    # JSON has no infinity, though Python would write one.
    written = json.loads((folder / RULES).read_text(), parse_constant=pytest.fail)
    for modality, found in read.plans.items():
        tops = [top for top, _ in found]
        assert tops == sorted(tops) and tops[-1] == math.inf
        assert len(found) == len(written["plans"][modality])
        lent = models.depths(LENDER)
        assert {plan for _, plan in found} <= set(candidates(models.depths(modality), lent=lent))
        steps = read.quality_of(modality)
        assert len(steps) == len(QUALITIES) and steps == sorted(steps, reverse=True)
    assert said
    # Plans may be changed by hand, and steps found anew for them.
    deep = [{"up_to_bpp": None, "depth": 4, "refinement_step_ratio": None}]
    changed = {
        "plans": dict.fromkeys(read.plans, deep),
        "quality": {modality: [5, 4, 3, 2, 1] for modality in read.quality},
    }
    (folder / RULES).write_text(json.dumps(changed))
    write_rules(data, folder, said.append, limit=1, keep_plans=True)
    kept = load_rules(folder)
    assert all(found == [(math.inf, Plan(4))] for found in kept.plans.values())
    assert all(0 < max(steps) <= 1.5 for steps in kept.quality.values())
    (folder / RULES).write_text(json.dumps({"plans": {}, "quality": {}}))
    with pytest.raises(ModelMismatchError, match="no plans of ct"):
        write_rules(data, folder, said.append, limit=1, keep_plans=True)
    (folder / RULES).write_text(json.dumps(written))
    # The codec follows them.
    packed = compress(part, target=Target("quality", 60), models=ModelStore(folder))
    assert packed.depth in {plan.depth for _, plan in read.of("ct")}
    assert packed.refined in {plan.ratio is not None for _, plan in read.of("ct")}
