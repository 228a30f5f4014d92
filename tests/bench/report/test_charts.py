"""Charts as inline SVG."""

from __future__ import annotations

import copy
import json
import math
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from radcodec.bench.report import charts, words
from tests.bench.report import made

MODALITY = "ct"


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """Return results of five CT images."""
    return made.full(5)


def parts(svg: str, codec: str, part: str) -> list[ElementTree.Element]:
    """Elements of one codec."""
    return [
        element
        for element in ElementTree.fromstring(svg).iter()
        if (element.get("data-codec"), element.get("data-part")) == (codec, part)
    ]


def test_measured_points_are_all_there(results: dict[str, Any]) -> None:
    svg = charts.rate_distortion(results, MODALITY, "psnr", "c")
    assert svg is not None
    for codec in made.COARSENESS:
        drawn = [use for each in parts(svg, codec, "each") for use in each.iter("use")]
        assert len(drawn) == 5 * len(made.RATIOS)
        assert len(parts(svg, codec, "mean")) == 1


def test_points_lie_where_they_were_measured() -> None:
    results = made.full(1)
    svg = charts.rate_distortion(results, MODALITY, "psnr", "c")
    assert svg is not None
    places, values = [], []
    for codec in made.COARSENESS:
        (group,) = (each for each in parts(svg, codec, "single") if list(each.iter("use")))
        places += [(float(u.get("x", "")), float(u.get("y", ""))) for u in group.iter("use")]
        rows = [r for r in results["measurements"] if r["codec"] == codec]
        curve = sorted((r["bpp"], r["psnr"]) for r in rows if r["modality"] == MODALITY)
        values += [(math.log(bpp), psnr) for bpp, psnr in curve]
    for axis in (0, 1):
        (a, b), (x, y) = ((each[0][axis], each[-1][axis]) for each in (values, places))
        for value, place in zip(values, places, strict=True):
            assert place[axis] == pytest.approx(x + (value[axis] - a) / (b - a) * (y - x), abs=0.05)


@pytest.mark.parametrize("many", [1, 5])
def test_each_dot_names_its_image(many: int) -> None:
    results = made.full(many)
    svg = charts.strip(results, MODALITY, "s")
    assert svg is not None
    for peer, found in results["summary"][MODALITY]["bd_rate"]["psnr"].items():
        (group,) = parts(svg, peer, "strip")
        dots = [e for e in group.iter() if e.find("title") is not None]
        shown = [dot.findtext("title") for dot in dots]
        by_rate = sorted(found["by_image"].items(), key=lambda item: item[1])
        assert shown == [f"{name}: {words.percent(value)}" for name, value in by_rate]
        across = [float(dot.get("x", "0")) for dot in dots]
        assert across == sorted(across)
        text = "".join(ElementTree.fromstring(svg).itertext())
        worst = words.percent(found["by_image"][found["worst"]])
        assert f"{found['worst']}, {worst}" in text


def test_colours_are_those_of_the_page(results: dict[str, Any]) -> None:
    svg = charts.speed_quality(results, MODALITY, "decode", "t")
    assert svg is not None
    assert "var(--codec-radcodec)" in svg
    assert "#01020" not in svg and "<style" not in svg


def test_nothing_to_draw(results: dict[str, Any]) -> None:
    assert charts.rate_distortion(made.empty(), MODALITY, "psnr", "c") is None
    bare = copy.deepcopy(results)
    bare["summary"][MODALITY].update(bd_rate={}, speed={})
    assert charts.strip(bare, MODALITY, "s") is None
    assert charts.speed_quality(bare, MODALITY, "encode", "t") is None
    for row in bare["measurements"]:
        row["bpp"] = 1e-6
    assert charts.rate_distortion(bare, MODALITY, "psnr", "c") is None


def test_names_in_letters_that_matplotlib_lacks(recwarn: pytest.WarningsRecorder) -> None:
    results = made.full(2)
    name = results["images"][0]["name"]
    text = json.dumps(results).replace(json.dumps(name)[1:-1], "\u5f71\u50cf.dcm")
    svg = charts.strip(json.loads(text), MODALITY, "s")
    assert svg is not None and "\u5f71\u50cf.dcm" in svg
    assert not recwarn.list
