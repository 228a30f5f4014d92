"""Summaries of made-up measurements whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("scipy")

from radcodec.bench.results import as_csv
from radcodec.bench.rows import Row
from radcodec.bench.summary import LOSSLESS, summarise
from radcodec.bench.tables import verdict_tables
from tests.bench.samples import row

RATES = (0.02, 2.5)
LABELS = ["0.1 bpp", "0.2 bpp", "0.4 bpp"]


def _made(image: str, codec: str, factor: float, **more: Any) -> list[Row]:
    """A codec that needs `factor` times the bytes; 10 million bits of pixels a megapixel."""
    rows = []
    for label, bpp in zip(LABELS, (0.1, 0.2, 0.4), strict=True):
        made = row(image, codec, bpp * factor, 50 + 10 * math.log2(bpp))
        size = round(bpp * factor * 1e6 / 8)
        asked = round(bpp * 1e6 / 8)
        rows.append(replace(made, bytes=size, target=label, target_bytes=asked, **more))
    return rows


def test_bd_rates_and_worst_image() -> None:
    rows = _made("a", "jpeg2000", 1) + _made("b", "jpeg2000", 1)
    rows += _made("a", "radcodec", 0.5) + _made("b", "radcodec", 1.5)
    part = summarise(rows, LABELS, RATES, 0)["ct"]
    assert part["images"] == 2
    found = part["bd_rate"]["psnr"]["jpeg2000"]
    assert found["by_image"] == pytest.approx({"a": -0.5, "b": 0.5})
    assert found["mean"] == pytest.approx(0, abs=1e-9)
    assert (found["images"], found["overlapping"], found["worst"]) == (2, 2, "b")
    assert found["interval"][0] == pytest.approx(-0.5)


def test_curves_that_do_not_overlap_have_no_figure() -> None:
    rows = _made("a", "jpeg2000", 1)
    rows += [replace(r, psnr=r.psnr + 200) for r in _made("a", "radcodec", 1)]
    found = summarise(rows, LABELS, RATES, 0)["ct"]["bd_rate"]["psnr"]["jpeg2000"]
    assert found["mean"] is None and found["overlapping"] == 0 and found["images"] == 1
    (table, _) = verdict_tables({"summary": summarise(rows, LABELS, RATES, 0), "targets": LABELS})
    assert "no overlap" in list(table.columns[2].cells)


def test_only_files_of_the_asked_size_count_there() -> None:
    rows = _made("a", "near", 1.04) + _made("a", "far", 1.06)
    exact = [replace(r, psnr=math.inf) for r in _made("b", "near", 1)]
    at = summarise([*rows, *exact], LABELS, RATES, 0)["ct"]["at_target"]
    assert set(at["0.1 bpp"]) == {"near"}
    assert at["0.1 bpp"]["near"]["images"] == 2
    assert at["0.1 bpp"]["near"]["psnr"] == pytest.approx((LOSSLESS + 50 + 10 * math.log2(0.1)) / 2)


def test_speed_is_pixels_over_seconds_and_memory_the_largest() -> None:
    rows = _made("a", "radcodec", 1, encode_seconds=2.0, decode_seconds=0.5, encode_memory=7)
    rows += _made("b", "radcodec", 1, encode_seconds=1.0, decode_seconds=0.5, encode_memory=9)
    speed = summarise(rows, LABELS, RATES, 0)["ct"]["speed"]["radcodec"]
    # Six measurements of a megapixel each, nine seconds in and three out.
    assert speed["encode_mpx_s"] == pytest.approx(6 / 9, rel=1e-3)
    assert speed["decode_mpx_s"] == pytest.approx(2, rel=1e-3)
    assert (speed["encode_memory"], speed["decode_memory"]) == (9, None)


def test_csv_has_every_measurement_and_window() -> None:
    rows = _made("a,b", "radcodec", 1)
    lines = as_csv(rows).splitlines()
    assert len(lines) == 4
    names = lines[0].split(",")
    assert "psnr_lung" in names and "psnr_display" in names and "scaling" not in names
    assert lines[1].startswith('"a,b",ct,')
    assert as_csv([]).startswith("psnr_display")
