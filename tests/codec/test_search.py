"""Targets are met, by the plan that suits them, or the range is named."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from radcodec.codec import Compressed, Plan, Rules, compress, load_rules, prepare
from radcodec.codec.choosing import plans_for
from radcodec.codec.encoder import Encoder
from radcodec.codec.headers import header_of
from radcodec.codec.plans import EFFORTS
from radcodec.codec.search import Search
from radcodec.container.rcz import fixed_bytes
from radcodec.errors import UsageError
from radcodec.network.store import ModelStore
from radcodec.rate import TOLERANCE, USUAL_RATIO_OF, Target, TargetKind
from radcodec.reading.image import GreyImage
from tests.codec.samples import grey


@pytest.fixture(scope="module")
def search(models: ModelStore, bare: GreyImage) -> Search:
    """The search that `compress` makes."""
    rules = load_rules(models.root)
    return Search(prepare(bare), "ct", plans_for("ct", None, None, rules, models), rules, models)


def _compress(image: GreyImage, models: ModelStore, kind: TargetKind, value: float) -> Compressed:
    return compress(image, target=Target(kind, value), models=models)


@pytest.mark.parametrize("share", [0.03, 0.35, 0.65, 0.995])
def test_ratios_and_rates_are_met(
    models: ModelStore, bare: GreyImage, search: Search, share: float
) -> None:
    low, high = search.reach()
    size = low * (high / low) ** share
    ratio, bpp = bare.uncompressed_bytes / size, 8 * size / bare.stored.size
    exact = compress(bare, target=Target("usual", 0), max_error=0, models=models)
    for packed in (_compress(bare, models, "ratio", ratio), _compress(bare, models, "bpp", bpp)):
        if exact.size <= size:
            # Nobody is to lose anything for more bytes than nothing lost takes.
            assert packed.psnr == math.inf and packed.size == exact.size
        else:
            assert packed.ratio == pytest.approx(ratio, rel=TOLERANCE)
            assert packed.bpp == pytest.approx(bpp, rel=TOLERANCE)
    assert (exact.size <= size) == (share > 0.9)


def test_psnr_is_reached_and_not_far_exceeded(
    models: ModelStore, bare: GreyImage, search: Search
) -> None:
    encoders = [search.encoder(plan) for _, plan in search.plans]
    low = min(encoder.psnr(255) for encoder in encoders)
    high = max(encoder.psnr(0) for encoder in encoders)
    for share in (0.3, 0.6, 0.8):
        wanted = low + share * (high - low)
        packed = _compress(bare, models, "psnr", wanted)
        assert packed.psnr is not None
        assert wanted <= packed.psnr < wanted + 1


@pytest.mark.parametrize("depth", [None, 2])
def test_levels_are_taken_as_they_are(
    models: ModelStore, bare: GreyImage, depth: int | None
) -> None:
    for level in (0, 131, 255):
        packed = compress(bare, depth=depth, target=Target("level", level), models=models)
        assert packed.level == level


def test_more_quality_never_makes_a_smaller_file(models: ModelStore, bare: GreyImage) -> None:
    packed = [
        _compress(bare, models, "quality", quality) for quality in (1, 12, 25, 50, 75, 88, 100)
    ]
    sizes = [len(each.data) for each in packed]
    assert sizes[-1] > 3 * sizes[0]
    for before, after in itertools.pairwise(sizes):
        assert after > 0.98 * before
    decibels = [each.psnr for each in packed if each.psnr is not None]
    for less, more in itertools.pairwise(decibels):
        assert more > less - 0.3


def test_the_usual_ratio_is_that_of_the_modality(models: ModelStore, scan: GreyImage) -> None:
    assert scan.modality == "ct"
    # The data set takes no room from the pixels.
    fixed = fixed_bytes(header_of(scan, "ct")) + prepare(scan).dataset_size
    for modality in ("ct", "xr"):
        packed = compress(scan, modality=modality, target=Target("usual", 0), models=models)
        ratio = scan.uncompressed_bytes / (len(packed.data) - fixed)
        assert ratio == pytest.approx(USUAL_RATIO_OF[modality], rel=TOLERANCE)
        assert packed.modality == modality


def test_a_large_data_set_makes_the_image_no_worse(models: ModelStore, bare: GreyImage) -> None:
    laden = replace(bare, dataset=np.random.default_rng(2).bytes(50_000))
    decibels = [_compress(image, models, "usual", 0).psnr for image in (bare, laden)]
    assert decibels[0] == decibels[1]


def test_a_tiny_image_gets_its_usual_ratio_of_pixels(models: ModelStore, bare: GreyImage) -> None:
    tiny = replace(bare, stored=bare.stored[50:66, 50:66].copy())
    packed = _compress(tiny, models, "usual", 0)
    wanted = tiny.uncompressed_bytes / USUAL_RATIO_OF["ct"] + fixed_bytes(header_of(tiny, "ct"))
    assert len(packed.data) <= wanted * (1 + TOLERANCE)


def test_the_usual_ratio_of_a_plain_image_gives_way_to_the_best_file(models: ModelStore) -> None:
    plain = np.full((200, 200), 500)
    plain[:, 100:] = 501
    packed = compress(grey(plain), target=Target("usual", 0), models=models)
    assert packed.ratio > USUAL_RATIO_OF["generic"]
    assert packed.psnr == math.inf


@pytest.mark.parametrize(("kind", "value"), [("ratio", 0.2), ("bpp", 90)])
def test_more_bytes_than_the_best_file_takes_get_the_best_file(
    models: ModelStore, bare: GreyImage, kind: TargetKind, value: float
) -> None:
    best = _compress(bare, models, kind, value)
    assert best.psnr is not None
    for level in (0, 60, 120):
        other = _compress(bare, models, "level", level)
        assert other.psnr is not None and other.psnr <= best.psnr + 1e-9


@pytest.mark.parametrize(("kind", "value"), [("ratio", 1e5), ("bpp", 1e-5)])
def test_sizes_out_of_reach_name_the_range(
    models: ModelStore, bare: GreyImage, kind: TargetKind, value: float
) -> None:
    with pytest.raises(UsageError, match="out of reach") as raised:
        _compress(bare, models, kind, value)
    found = re.search(r"ratios ([\d.]+) to ([\d.]+) \(([\d.]+) to ([\d.]+) bits", str(raised.value))
    assert found is not None
    lowest, highest, least, most = map(float, found.groups())
    assert lowest < highest and least < most
    asked = (lowest, highest) if kind == "ratio" else (least, most)
    assert not asked[0] <= value <= asked[1]
    # What is named can be had.
    for end in asked:
        _compress(bare, models, kind, end)


def test_a_psnr_out_of_reach_of_networks_names_the_best(
    models: ModelStore, bare: GreyImage, deepest: int
) -> None:
    """Networks alone are used where a depth is asked for."""

    def compressed(decibels: float) -> Compressed:
        target = Target("psnr", decibels)
        return compress(bare, depth=deepest, target=target, models=models)

    with pytest.raises(UsageError, match="150 dB is out of reach") as raised:
        compressed(150)
    found = re.search(r"reach ([\d.]+) dB", str(raised.value))
    assert found is not None
    best = float(found[1])
    packed = compressed(best - 0.2)
    assert packed.coding == "networks"
    assert packed.psnr is not None and packed.psnr >= best - 0.2


def test_a_psnr_that_no_network_reaches_is_reached_without_them(
    models: ModelStore, bare: GreyImage
) -> None:
    packed = _compress(bare, models, "psnr", 150)
    assert packed.coding == "pixels"
    assert (packed.psnr, packed.max_error) == (math.inf, 0)


@pytest.mark.parametrize("bpp", [1.0, 2.0, 3.0])
def test_files_without_networks_take_the_place_of_worse_ones(
    models: ModelStore, bare: GreyImage, bpp: float
) -> None:
    rules = load_rules(models.root)
    plans = plans_for("ct", None, None, rules, models)
    wanted = bpp * bare.stored.size / 8
    found = {}
    for pixels in (False, True):
        search = Search(prepare(bare), "ct", plans, rules, models, pixels=pixels)
        best = search.by_size(wanted)
        assert best is not None
        encoder, level = best
        found[pixels] = encoder.size(level), encoder.psnr(level), encoder.plane(level).coding
    assert found[False][2] == "networks"
    assert found[True][1] >= found[False][1]
    assert found[True][0] <= max(found[False][0], wanted)


def test_sizes_go_to_the_plan_of_their_rate(
    models: ModelStore, bare: GreyImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radcodec.codec.search.NEAR", 1.0)
    have = models.depths("ct")
    if len(have) < 2:
        pytest.skip("there is one depth only")
    shallow, deep = Plan(have[0]), Plan(have[-1])
    prepared, none = prepare(bare), Rules({}, {})
    both = Search(prepared, "ct", [(0.0, deep), (math.inf, shallow)], none, models, pixels=False)
    ranges = [
        (both.encoder(plan).size(255), both.encoder(plan).size(0)) for plan in (deep, shallow)
    ]
    # Two sizes that both plans reach, and a limit between them.
    low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
    less, more = (low * (high / low) ** share for share in (0.2, 0.8))
    limit = 8 * math.sqrt(less * more) / bare.stored.size
    search = Search(
        prepared, "ct", [(limit, deep), (math.inf, shallow)], none, models, pixels=False
    )
    natural: list[bool] = []
    for size, plan in ((less, deep), (more, shallow)):
        found = search.by_size(size)
        assert found is not None
        own = search.encoder(plan)
        reached = abs(own.size(own.closest(size)) / size - 1) <= TOLERANCE
        # Else the other plan is taken where it is better than blocks settled for the size.
        assert found[0].plan == plan or not reached
        natural.append(reached)
        encoder, level = found
        assert encoder.size(level) == pytest.approx(size, rel=TOLERANCE)
        assert search.by_level(255 if plan is deep else 0)[0].plan == plan
        assert search.by_step(2.0 if plan is deep else 0.002)[0].plan == plan
    assert any(natural)


class Curve:
    """An encoder whose files are known beforehand: PSNR in dB over octaves of bytes."""

    def __init__(self, slope: float, quality: float, size: float, ratio: float | None) -> None:
        self.plan = Plan(2, ratio)
        self.slope, self.quality, self.bytes = slope, quality, size

    def size(self, level: int, *, plain: bool = False) -> float:
        return float(self.bytes * 2.0 ** ((100 - level) / 32))

    def psnr(self, level: int) -> float:
        return self.quality + self.slope * (100 - level) / 32

    def point(self, level: int) -> tuple[float, float]:
        return self.size(level) / 1000, self.psnr(level)


@pytest.mark.parametrize(("slope", "best"), [(1.0, 1), (3.0, 0)])
def test_bytes_are_worth_what_the_image_gains_from_them(
    models: ModelStore, bare: GreyImage, slope: float, best: int
) -> None:
    search = Search(prepare(bare), "ct", [(math.inf, Plan(2))], Rules({}, {}), models, pixels=False)
    # Four per cent more bytes, which are 0.057 octaves, for 0.1 dB.
    rivals = [Curve(slope, 40.0, 1000, None), Curve(slope, 40.1, 1040, 0.7)]
    found = [(cast(Encoder, curve), 100) for curve in rivals]
    assert search._best(found, 1000) is found[best]
    assert search._octave_worth(*found[0]) == pytest.approx(slope)
    assert search._octave_worth(found[0][0], 250) == pytest.approx(slope)


def test_what_bytes_are_worth_is_bounded(models: ModelStore, bare: GreyImage) -> None:
    search = Search(prepare(bare), "ct", [(math.inf, Plan(2))], Rules({}, {}), models, pixels=False)
    for slope, worth in ((0.1, 0.5), (50.0, 12.0), (math.inf, 4.0)):
        assert search._octave_worth(cast(Encoder, Curve(slope, 40, 1000, None)), 100) == worth


def test_a_psnr_is_reached_by_the_plan_with_the_smallest_file(
    models: ModelStore, bare: GreyImage
) -> None:
    none = Rules({}, {})
    plans = [(math.inf, Plan(depth)) for depth in models.depths("ct")]
    search = Search(prepare(bare), "ct", plans, none, models)
    wanted = search.encoder(plans[-1][1]).psnr(200)
    encoder, level = search.by_psnr(wanted)
    assert encoder.psnr(level) >= wanted
    sizes = []
    for plan in plans:
        try:
            other, found = Search(prepare(bare), "ct", [plan], none, models).by_psnr(wanted)
        except UsageError:
            continue
        sizes.append(other.size(found))
    assert encoder.size(level) == min(sizes)
    assert len(set(sizes)) == len(sizes) > 1 or len(plans) == 1


def test_lent_compressors_code_both_layers(models: ModelStore, bare: GreyImage) -> None:
    if not {1, 2} <= {*models.depths("ct")} & {*models.depths("mr")}:
        pytest.skip("there is nothing to lend")
    prepared, none = prepare(bare), Rules({}, {})
    own, lent = Plan(2, 0.7), Plan(2, 0.7, served="mr")
    search = Search(prepared, "ct", [(0.0, own), (math.inf, lent)], none, models, pixels=False)
    other = Search(prepared, "mr", [(math.inf, own)], none, models, pixels=False)
    planes = [
        search.encoder(own).plane(120),
        search.encoder(lent).plane(120),
        other.encoder(own).plane(120),
    ]
    assert search.encoder(lent).base.header.modality == "ct"
    assert planes[1].tiles == planes[2].tiles != planes[0].tiles
    refinements = [plane.refinement for plane in planes]
    assert refinements[1] == refinements[2] != refinements[0]


def test_near_the_border_of_two_plans_the_better_one_is_taken(
    models: ModelStore, bare: GreyImage, search: Search
) -> None:
    border = search.plans[1][0]
    size = border * bare.stored.size / 8
    near = [plan for n, (_, plan) in enumerate(search.plans) if search._is_near(n, border)]
    assert len(near) > 1
    best = max(
        encoder.psnr(level)
        for encoder, level in ((one, one.closest(size)) for one in map(search.encoder, near))
        if abs(encoder.size(level) / size - 1) <= TOLERANCE
    )
    found = search.by_size(size)
    assert found is not None and found[0].psnr(found[1]) >= best - 0.2
    # By the first of these plans alone it would be worse, or as good.
    alone = Search(
        prepare(bare), "ct", [(math.inf, near[0])], Rules({}, {}), models, pixels=False
    ).by_size(size)
    assert alone is None or found[0].psnr(found[1]) >= alone[0].psnr(alone[1]) - 0.2


def test_less_effort_tries_fewer_plans_and_looks_less_ahead(
    models: ModelStore, bare: GreyImage
) -> None:
    rules = load_rules(models.root)
    plans = plans_for("ct", None, None, rules, models)
    size = math.sqrt(plans[2][0] * plans[3][0]) * bare.stored.size / 8
    tried, found = [], []
    for effort in EFFORTS:
        search = Search(prepare(bare), "ct", plans, rules, models, pixels=False, effort=effort)
        one = search.by_size(size)
        assert one is not None and isinstance(one[0], Encoder)
        assert one[0].size(one[1]) == pytest.approx(size, rel=TOLERANCE)
        assert one[0].base.foresight == (effort > 1)
        tried.append(len(search._encoders))
        found.append(one)
    assert tried[0] == tried[1] == 1 < tried[2]
    # In as many bytes, but for `TOLERANCE`, the image is better for it.
    assert found[1][0].psnr(found[1][1]) > found[0][0].psnr(found[0][1])


def test_a_psnr_takes_few_plans(models: ModelStore, bare: GreyImage) -> None:
    rules = load_rules(models.root)
    plans = plans_for("ct", None, None, rules, models)
    for effort, most in ((1, 4), (3, len(plans) - 1)):
        search = Search(prepare(bare), "ct", plans, rules, models, pixels=False, effort=effort)
        encoder, level = search.by_psnr(40.0)
        assert encoder.psnr(level) >= 40.0 > encoder.psnr(level + 1)
        assert len(search._encoders) <= most


def test_a_size_less_than_a_filter_takes_has_a_level(search: Search) -> None:
    encoder = search.encoder(search.plans[0][1])
    assert encoder.closest(1.0) == 255
