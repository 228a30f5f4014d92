"""Drawn curves."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from radcodec.bench.plots import mean_curve, plot_curves
from tests.bench.samples import row

LINE = [(rate, 60 + 6 * math.log2(rate)) for rate in (0.01, 0.1, 1.0, 4.0)]


def test_mean_of_curves() -> None:
    higher = [(rate, value + 4) for rate, value in LINE[1:]]
    mean = mean_curve([LINE, higher], (0.02, 2.5))
    assert mean is not None
    rate, value = mean
    assert (rate[0], rate[-1]) == pytest.approx((0.1, 2.5))
    assert np.allclose(value, 62 + 6 * np.log2(rate))


def test_no_common_rate_is_no_curve() -> None:
    assert mean_curve([LINE[:2], LINE[2:]], (0.001, 10)) is None
    assert mean_curve([LINE[:1]], (0.001, 10)) is None
    assert mean_curve([], (0.001, 10)) is None


def test_svg_names_codecs_and_images(tmp_path: Path) -> None:
    rows = [row("a", codec, *p) for codec in ("jpeg", "radcodec") for p in LINE]
    rows += [row("b", "jpeg", *p) for p in LINE]
    rows += [row("m", "jpeg", *p, modality="mr") for p in LINE]
    target = tmp_path / "curves.svg"
    plot_curves(rows, target)
    ElementTree.parse(target)
    text = target.read_text()
    for words in ("CT, 1 images", "MR, 1 images", "radcodec", "jpeg", "bits per pixel"):
        assert f"<!-- {words} -->" in text
    # Ticks are numbers, without powers that would run into each other.
    assert "<!-- 0.5 -->" in text and "mathdefault" not in text
