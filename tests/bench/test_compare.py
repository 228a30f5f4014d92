"""Comparisons of curves whose difference is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("scipy")

from radcodec.bench.compare import bootstrap, compare, cut, print_table, quality
from radcodec.bench.rows import Row
from tests.bench.samples import row

RATES = tuple(0.005 * 2**k for k in range(12))


def _line(image: str, codec: str, factor: float = 1.0, modality: str = "ct") -> list[Row]:
    """Six decibels a doubling, with `factor` times the bytes."""
    return [row(image, codec, factor * rate, 60 + 6 * math.log2(rate), modality) for rate in RATES]


def test_cut_interpolates_at_both_ends() -> None:
    points = [(rate, 60 + 6 * math.log2(rate)) for rate in RATES]
    inside = cut(points, (0.02, 2.5))
    assert (inside[0][0], inside[-1][0]) == (0.02, 2.5)
    for rate, value in inside:
        assert value == pytest.approx(60 + 6 * math.log2(rate), abs=1e-9)
    assert [rate for rate, _ in inside[:-1]] == [rate for rate in RATES if 0.02 <= rate <= 2.5]


def test_cut_does_not_extrapolate() -> None:
    points = [(0.1, 40.0), (0.2, 45.0), (0.4, 50.0)]
    assert cut(points, (0.02, 2.5)) == points
    assert cut(points[:1], (0.02, 2.5)) == points[:1]
    assert cut([], (0.02, 2.5)) == []
    assert cut([(0.01, 30.0), (4.0, 60.0)], (0.02, 2.5))[0][0] == 0.02


def test_known_differences() -> None:
    rows = _line("a", "jpeg") + _line("a", "radcodec", 0.5)
    rows += _line("b", "jpeg") + _line("b", "radcodec", 0.8)
    (found,) = compare(rows)
    assert (found.modality, found.test, found.anchor, found.images) == ("ct", "radcodec", "jpeg", 2)
    assert found.bd_rates == pytest.approx({"a": -0.5, "b": -0.2})
    assert found.mean == pytest.approx(-0.35)
    assert found.worst == "b"
    assert found.interval is not None
    assert found.interval == pytest.approx((-0.5, -0.2))


def test_only_rates_within_the_window_count() -> None:
    # Equal up to 0.2 bits per pixel, then half the bytes.
    anchor = _line("a", "jpeg")
    test = [r for r in _line("a", "radcodec") if r.bpp < 0.2]
    test += [r for r in _line("a", "radcodec", 0.5) if r.bpp >= 0.2]
    low = compare(anchor + test, rates=(0.005, 0.08))[0].mean
    high = compare(anchor + test, rates=(0.8, 5))[0].mean
    assert low == pytest.approx(0, abs=1e-6)
    assert high == pytest.approx(-0.5, abs=1e-6)


def test_the_cut_does_not_depend_on_where_points_lie() -> None:
    dense = [row("a", "radcodec", r, 60 + 6.6 * math.log2(r)) for r in np.geomspace(0.01, 4, 200)]
    sparse = [row("a", "radcodec", r, 60 + 6.6 * math.log2(r)) for r in np.geomspace(0.01, 4, 7)]
    values = [compare(_line("a", "jpeg") + each)[0].mean for each in (dense, sparse)]
    assert values[0] == pytest.approx(values[1], abs=1e-9)


def test_images_without_overlap_are_counted() -> None:
    rows = _line("a", "jpeg") + _line("a", "radcodec", 0.5)
    rows += [*_line("b", "jpeg"), *(row("b", "radcodec", r, 5 + r) for r in (0.1, 1.0))]
    rows += _line("c", "jpeg")
    (found,) = compare(rows)
    assert (found.images, list(found.bd_rates)) == (2, ["a"])
    assert found.interval is None


def test_modalities_and_anchors_stay_apart() -> None:
    rows = _line("a", "jpeg") + _line("a", "av1", 0.25) + _line("a", "radcodec", 0.5)
    rows += _line("m", "jpeg", modality="mr") + _line("m", "radcodec", 2, modality="mr")
    found = {(c.modality, c.anchor): c.mean for c in compare(rows)}
    assert found == pytest.approx({("ct", "jpeg"): -0.5, ("ct", "av1"): 1.0, ("mr", "jpeg"): 1.0})
    assert {c.anchor for c in compare(rows, test="av1")} == {"jpeg", "radcodec"}


def test_metrics() -> None:
    one = row("a", "jpeg", 1.0, 40.0, ssim=0.99)
    assert quality(one, "psnr") == 40
    assert quality(one, "ssim") == pytest.approx(20)
    assert quality(one, "ms_ssim") == pytest.approx(20)
    assert (quality(one, "lung"), quality(one, "bone")) == (41, 42)
    assert quality(one, "soft_tissue") is None
    assert quality(row("a", "jpegls", 1.0, math.inf, ssim=1.0), "ssim") == math.inf
    assert compare(_line("a", "jpeg") + _line("a", "radcodec"), metric="soft_tissue") == []


def test_bootstrap_is_repeatable_and_covers_the_mean() -> None:
    values = list(np.random.default_rng(5).normal(-0.2, 0.1, 40))
    interval = bootstrap(values)
    assert interval is not None and interval == bootstrap(values)
    low, high = interval
    assert low < np.mean(values) < high
    # The normal approximation: 1.96 standard errors on each side.
    assert high - low == pytest.approx(3.92 * np.std(values) / math.sqrt(40), rel=0.1)
    assert bootstrap([0.5]) is None


def test_table_states_the_window() -> None:
    lines: list[str] = []
    rows = _line("a", "jpeg") + _line("a", "radcodec", 0.5)
    rows += [*_line("m", "jpeg", modality="mr"), row("m", "radcodec", 1.0, 5.0, "mr")]
    print_table(compare(rows), "psnr", (0.02, 2.5), lines.append)
    assert "psnr" in lines[0] and "0.02 to 2.5 bits per pixel" in lines[0]
    assert "-50.0 %" in lines[2] and "(a)" in lines[2]
    assert "no image overlap" in lines[3]
