"""The page as text: what it says of ordinary and of odd results."""

from __future__ import annotations

import copy
import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from radcodec.bench.report import words
from radcodec.bench.report.page import embedded, render
from tests.bench.report import made
from tests.bench.report.conftest import Report


class Text(HTMLParser):
    """What a reader sees, the ids, and what would be loaded."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        for key, value in attrs:
            if key == "id" and value:
                self.ids.append(value)
            if key in ("src", "href", "action", "srcset", "data") and value:
                self.addresses.append(value)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.words.append(data)

    def __str__(self) -> str:
        return re.sub(r"[ \n]+", " ", "".join(self.words))


def read(results: dict[str, Any]) -> str:
    """Text of the page of results without pictures."""
    return str(Text(render(results, [])))


@pytest.fixture(scope="session")
def html(report: Report) -> str:
    """Return the page of two modalities."""
    return report.path.read_text(encoding="utf-8")


def test_verdict_comes_first_and_says_who_is_smaller(html: str, report: Report) -> None:
    text = str(Text(html))
    assert text.index("Verdict") < text.index("Quality at equal size") < text.index("Speed and")
    assert "Negative: radcodec needs fewer bytes." in text
    assert "Positive: the other codec is smaller." in text
    for part in report.results["summary"].values():
        for metric in part["bd_rate"].values():
            for found in metric.values():
                assert words.percent(found["mean"]) in text
                assert words.percent(found["by_image"][found["worst"]]) in text
                assert found["worst"] in text


def test_measures_that_disagree_are_named() -> None:
    results = made.full(5)
    rates = results["summary"]["ct"]["bd_rate"]
    rates["psnr"]["jpeg2000"].update(mean=-0.3, interval=[-0.4, -0.2])
    rates["lung"]["jpeg2000"].update(mean=0.291, interval=[0.1, 0.5])
    rates["ssim"]["jpeg2000"].update(mean=0.1, interval=[0.05, 0.2])
    rates["bone"]["jpeg2000"].update(mean=0.1, interval=[-0.05, 0.2])
    rates["display"]["jpeg2000"].update(mean=0.009, interval=[0.008, 0.01])
    text = read(results)
    assert (
        "but against JPEG 2000 it needs more bytes at equal SSIM (+10.0\u00a0%) "
        "and in the lung window (+29.1\u00a0%)."
    ) in text


def test_few_images_are_called_few(html: str) -> None:
    text = str(Text(html))
    assert "rest on 2 images only" in text
    assert "rest on one image only" in text


def test_figures_at_equal_size(html: str, report: Report) -> None:
    text = str(Text(html))
    for part in report.results["summary"].values():
        for codecs in part["at_target"].values():
            for cell in codecs.values():
                assert f"{cell['psnr']:.2f}SSIM {words.similarity(cell['ssim'])}" in text
        for speed in part["speed"].values():
            assert words.speed(speed["encode_mpx_s"]) in text
            assert words.memory(speed["encode_memory"]) in text


def test_targets_of_both_kinds() -> None:
    results = made.full(1)
    part = results["summary"]["ct"]
    cell = part.pop("at_target")["ratio 20"]["radcodec"]
    part["at_target"] = {"0.5 bpp": {"radcodec": cell | {"psnr": 71.25}}, "ratio 3": {}}
    results["targets"] = ["ratio 3", "0.5 bpp"]
    text = read(results)
    assert "codec0.5 bpp" in text
    assert "71.25" in text


def test_speeds_timed_otherwise_are_told() -> None:
    results = made.full(1)
    assert "of an earlier run took other threads" not in read(results)
    assert "2 measurements of an earlier run took other" in read(results | {"timed_otherwise": 2})


def test_what_was_left_out_is_said(html: str) -> None:
    text = str(Text(html))
    assert "Not measured here: AV1 intra. 1 image left out. 1 failure of single codecs." in text
    assert "apt-get install aom-tools" in text
    assert "already lossy (LossyImageCompression)" in text
    assert "x265: exit status 1" in text


def test_nothing_is_loaded(html: str) -> None:
    page = Text(html)
    assert all(address.startswith("#") for address in page.addresses)
    assert "default-src 'none'" in unescape(html)
    assert "http:" not in html and "https:" not in html
    assert "url(" not in html.replace("url(#", "")


def test_ids_are_unique_and_references_lead_somewhere(html: str) -> None:
    page = Text(html)
    assert len(page.ids) == len(set(page.ids))
    used = {address[1:] for address in page.addresses} | set(re.findall(r"url\(#([^)]*)\)", html))
    assert used <= set(page.ids)


def test_names_cannot_break_out(html: str) -> None:
    assert "<b>bold" not in html
    assert html.count("<script") == html.count("</script>")
    data = re.search(r'id="viewer-data">(.*?)</script>', html, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["images"][0]["name"] == made.NASTY
    assert json.loads(embedded("</script>\u2028<!--")) == "</script>\u2028<!--"
    assert not set("<>\u2028") & set(embedded("</script>\u2028<!--"))


def test_page_is_the_same_each_time(report: Report, html: str) -> None:
    before = copy.deepcopy(report.results)
    assert render(report.results, report.pictures) == html
    assert report.results == before


def test_nothing_measured() -> None:
    text = read(made.empty())
    for sentence in (
        "Nothing was measured",
        "No codec reached",
        "There is nothing to draw",
        "nothing to look at here",
    ):
        assert sentence in text
    assert "This page holds pixels" not in text


def test_odd_results() -> None:
    """One image, one codec, exact restorations, curves that never meet, unknown memory."""
    results = made.full(1)
    del results["summary"]["mr"]
    part = results["summary"]["ct"]
    for rates in part["bd_rate"].values():
        for found in rates.values():
            found.update(mean=None, interval=None, overlapping=0, worst=None, by_image={})
    part["speed"] = {"radcodec": dict.fromkeys(part["speed"]["radcodec"])}
    part["at_target"]["ratio 20"]["radcodec"].update(psnr=None, ssim=1.0)
    for row in results["measurements"]:
        row.update(psnr=None, ssim=1.0, ms_ssim=1.0)
    results["versions"]["av"] = None
    results["machine"]["processors"] = None
    results["created"] = "yesterday"
    text = read(results)
    assert "no common range of quality with JPEG 2000, JPEG XL, HEVC intra and JPEG" in text
    assert "the curves of no image overlap" in text
    assert "an exact restoration counts as 120 dB" in text
    assert "av not installed" in text
    assert "There are no two codecs with both a speed and a BD-rate" in text


def test_radcodec_alone() -> None:
    results = made.full(1)
    results["measurements"] = [r for r in results["measurements"] if r["codec"] == "radcodec"]
    results["codecs"] = {"radcodec": results["codecs"]["radcodec"]}
    for part in results["summary"].values():
        part["bd_rate"] = {}
        part["speed"] = {"radcodec": part["speed"]["radcodec"]}
    text = read(results)
    assert "compared with 0 other codecs" in text
    assert "There is no BD-rate in PSNR" in text
    assert "× JPEG 2000" not in text  # noqa: RUF001


def test_unknown_codecs_and_strange_names() -> None:
    text = json.dumps(made.full(1)).replace('"hevc"', '"vvc-1"')
    results = json.loads(text.replace("mr/MR_small.dcm", "$x_1$\\n\\ud800\\u0007%.dcm"))
    shown = read(results)
    assert "vvc-1" in shown
    assert "$x_1$ \ufffd\ufffd%.dcm" in shown
    render(results, made.pictures(made.full(1))[:1]).encode("utf-8")
