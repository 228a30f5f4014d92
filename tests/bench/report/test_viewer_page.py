"""The viewer in a real browser: pixels as numpy computes them, and every control."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from radcodec.bench.report.page import render
from radcodec.bench.report.viewer import Rendition, ViewerImage
from tests.bench.report.conftest import Report
from tests.bench.report.made import NASTY, empty

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

GAIN = 50  # at first


def windowed(
    image: ViewerImage, stored: NDArray[np.int32], center: float, width: float
) -> NDArray[np.uint8]:
    """Greys that a window shows."""
    share = 255 * (stored * image.slope + image.intercept - (center - width / 2)) / width
    grey: NDArray[np.uint8] = np.clip(np.floor(share + 0.5), 0, 255).astype(np.uint8)
    return 255 - grey if image.inverted else grey


def difference(image: ViewerImage, stored: NDArray[np.int32], gain: int) -> NDArray[np.uint8]:
    """Greys of a difference: 128 for none, bright for larger restored values."""
    error = (stored - image.original) / (float(np.ptp(image.original)) / gain)
    grey: NDArray[np.uint8] = np.floor(127.5 * np.clip(error, -1, 1) + 128).astype(np.uint8)
    return grey


def canvas(page: Page, pane: str) -> NDArray[np.uint8]:
    """All that a pane shows; shape (rows, columns, 3)."""
    size, data = page.evaluate(
        """pane => {
            const canvas = document.querySelector(`[data-pane=${pane}] canvas`);
            const { width, height } = canvas;
            const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
            // A string crosses to the test much faster than an array of numbers.
            const parts = [];
            for (let i = 0; i < data.length; i += 8192) {
                parts.push(String.fromCharCode(...data.subarray(i, i + 8192)));
            }
            return [[height, width], btoa(parts.join(""))];
        }""",
        pane,
    )
    colours = np.frombuffer(base64.b64decode(data), np.uint8).reshape(*size, 4)
    assert (colours[..., 3] == 255).all()
    return colours[..., :3]


def picture(page: Page, pane: str, image: ViewerImage) -> NDArray[np.uint8]:
    """The image's pixels as a pane shows them at a whole zoom; each must be a plain square."""
    shown = page.locator("#viewer").evaluate("node => ({ ...node.dataset })")
    zoom, left, top = (int(float(shown[key])) for key in ("zoom", "left", "top"))
    assert zoom >= 1
    rows, columns = image.original.shape
    colours = canvas(page, pane)
    assert left >= 0 and top >= 0, "the test looks at whole pictures only"
    area = colours[top : top + rows * zoom, left : left + columns * zoom]
    first = area[::zoom, ::zoom]
    assert (area == first.repeat(zoom, axis=0).repeat(zoom, axis=1)).all()
    assert (first == first[..., :1]).all()
    return first[..., 0]


def rendition(image: ViewerImage, codec: str, target: str) -> Rendition:
    """What a codec made of an image at a target."""
    return next(r for r in image.renditions if (r.codec, r.target) == (codec, target))


def ready(page: Page) -> None:
    """Wait until the pixels are drawn."""
    page.wait_for_selector("#viewer[data-busy=false]")


def facts(page: Page, pane: str) -> dict[str, str]:
    """A pane's data attributes."""
    found: dict[str, str] = page.locator(f"[data-pane={pane}]").evaluate(
        "node => ({ ...node.dataset })"
    )
    return found


def test_first_picture_is_exact(page: Page, report: Report) -> None:
    image = report.pictures[0]
    window = (image.center, image.width)
    assert (picture(page, "original", image) == windowed(image, image.original, *window)).all()
    for pane, codec in (("own", "radcodec"), ("peer", "jpeg2000")):
        stored = rendition(image, codec, "ratio 20").stored
        assert (picture(page, pane, image) == windowed(image, stored, *window)).all()
    stored = rendition(image, "radcodec", "ratio 20").stored
    shown = picture(page, "difference", image)
    assert (shown == difference(image, stored, GAIN)).all()
    assert (shown[stored > image.original] > 128).all()
    assert (shown[stored < image.original] < 128).all()
    assert (shown[stored == image.original] == 128).all()


@pytest.mark.parametrize(
    ("name", "center", "width"),
    [("Lung", -600, 1500), ("Soft tissue", 40, 400), ("Bone", 400, 1800), ("Brain", 40, 80)],
)
def test_presets_of_ct(page: Page, report: Report, name: str, center: int, width: int) -> None:
    image = report.pictures[0]
    page.get_by_role("button", name=name).click()
    assert (
        picture(page, "original", image) == windowed(image, image.original, center, width)
    ).all()
    assert page.input_value("#level-number") == f"{center}"
    assert page.input_value("#width-number") == f"{width}"
    page.get_by_role("button", name="File’s own").click()  # noqa: RUF001
    own = windowed(image, image.original, image.center, image.width)
    assert (picture(page, "original", image) == own).all()


def test_full_range_shows_black_and_white(page: Page, report: Report) -> None:
    image = report.pictures[0]
    page.get_by_role("button", name="Full range").click()
    shown = picture(page, "original", image)
    assert (shown.min(), shown.max()) == (0, 255)


def test_sliders_and_numbers(page: Page, report: Report) -> None:
    image = report.pictures[0]
    page.locator("#level").focus()
    page.keyboard.press("ArrowRight")
    expected = windowed(image, image.original, image.center + 1, image.width)
    assert (picture(page, "original", image) == expected).all()
    page.locator("#width").fill("900")
    expected = windowed(image, image.original, image.center + 1, 900)
    assert (picture(page, "own", image) != expected).any()
    assert (picture(page, "original", image) == expected).all()
    page.locator("#level-number").fill("-150")
    page.keyboard.press("Enter")
    assert (picture(page, "original", image) == windowed(image, image.original, -150, 900)).all()
    assert page.input_value("#level") == "-150"


def test_image_target_and_peer(page: Page, report: Report) -> None:
    image = report.pictures[1]
    page.select_option("#pick-image", "1")
    ready(page)
    page.select_option("#pick-target", "ratio 50")
    ready(page)
    page.select_option("#pick-peer", "hevc")
    ready(page)
    window = (image.center, image.width)
    # The second image is MONOCHROME1: its largest values are black.
    shown = picture(page, "original", image)
    assert (shown == windowed(image, image.original, *window)).all()
    assert shown[np.unravel_index(image.original.argmax(), shown.shape)] < 128
    stored = rendition(image, "hevc", "ratio 50").stored
    assert (picture(page, "peer", image) == windowed(image, stored, *window)).all()
    page.select_option("#pick-difference", "peer")
    assert (picture(page, "difference", image) == difference(image, stored, GAIN)).all()
    assert "rows 8 to 55 of 64 × 64" in page.inner_text("#where")  # noqa: RUF001
    # Presets are for Hounsfield units, and this file has no window of its own.
    assert page.locator("#presets button").all_inner_texts() == ["Full range"]
    page.select_option("#pick-image", "0")
    ready(page)
    assert page.input_value("#pick-target") == "ratio 50"
    assert page.input_value("#pick-peer") == "hevc"
    assert "The whole image" in page.inner_text("#where")


def test_figures_are_those_of_the_results(page: Page, report: Report) -> None:
    rows = {(r["image"], r["codec"], r["target"]): r for r in report.results["measurements"]}
    for index, image in enumerate(report.pictures):
        page.select_option("#pick-image", str(index))
        ready(page)
        for made in image.renditions:
            if made.codec == "radcodec":
                continue
            page.select_option("#pick-target", made.target)
            ready(page)
            page.select_option("#pick-peer", made.codec)
            ready(page)
            for pane, codec in (("own", "radcodec"), ("peer", made.codec)):
                row = rows[image.name, codec, made.target]
                shown = facts(page, pane)
                assert shown["codec"] == codec
                assert int(shown["bytes"]) == row["bytes"]
                assert float(shown["ratio"]) == row["ratio"]
                assert float(shown["psnr"]) == row["psnr"]
                text = page.inner_text(f"[data-pane={pane}] .facts")
                assert f"{row['bytes']:,} bytes · ratio {row['ratio']:.1f}" in text
                assert f"PSNR {row['psnr']:.2f} dB" in text


def test_gain_and_colours(page: Page, report: Report) -> None:
    image = report.pictures[0]
    stored = rendition(image, "radcodec", "ratio 20").stored
    page.locator("#gain").focus()
    page.keyboard.press("ArrowLeft")
    assert (picture(page, "difference", image) == difference(image, stored, 20)).all()
    assert page.inner_text(".scale .high").startswith("+103 stored")
    page.select_option("#pick-colours", "colour")
    zoom = int(page.get_attribute("#viewer", "data-zoom") or 0)
    left, top = (int(page.get_attribute("#viewer", f"data-{k}") or 0) for k in ("left", "top"))
    rows, columns = stored.shape
    area = canvas(page, "difference")[top : top + rows * zoom, left : left + columns * zoom]
    shown = area[::zoom, ::zoom].astype(int)
    larger, smaller = stored > image.original, stored < image.original
    assert (shown[larger][:, 0] == 255).all() and (shown[larger][:, 2] < 255).all()
    assert (shown[smaller][:, 2] == 255).all() and (shown[smaller][:, 0] < 255).all()
    assert (shown[stored == image.original] == 255).all()


def state(page: Page) -> tuple[float, int, int]:
    """Zoom and origin of all panes."""
    shown: dict[str, Any] = page.locator("#viewer").evaluate("node => ({ ...node.dataset })")
    return float(shown["zoom"]), int(shown["left"]), int(shown["top"])


def test_keys_zoom_and_pan_all_panes(page: Page, report: Report) -> None:
    image = report.pictures[0]
    page.locator("[data-pane=own] canvas").focus()
    start = state(page)
    page.keyboard.press("1")
    assert state(page)[0] == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    width, height = canvas(page, "own").shape[1::-1]
    assert state(page)[1] == pytest.approx((width - 128) / 2 - width / 10, abs=1)
    assert state(page)[2] == pytest.approx((height - 128) / 2 - height / 10, abs=1)
    window = (image.center, image.width)
    for pane, stored in (
        ("original", image.original),
        ("own", rendition(image, "radcodec", "ratio 20").stored),
        ("peer", rendition(image, "jpeg2000", "ratio 20").stored),
    ):
        assert (picture(page, pane, image) == windowed(image, stored, *window)).all()
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert state(page)[0] == 2
    page.keyboard.press("-")
    assert state(page)[0] == 1.5
    page.keyboard.press("0")
    assert state(page) == start


def test_wheel_and_drag(page: Page) -> None:
    box = page.locator("[data-pane=peer] canvas").bounding_box()
    assert box is not None
    page.locator("[data-pane=peer] canvas").scroll_into_view_if_needed()
    box = page.locator("[data-pane=peer] canvas").bounding_box()
    assert box is not None
    at = (box["x"] + 150, box["y"] + 150)
    page.mouse.move(*at)
    before = state(page)
    here = page.inner_text("[data-read=place]")
    page.mouse.wheel(0, -120)
    page.wait_for_function("zoom => Number(viewer.dataset.zoom) > zoom", arg=before[0])
    page.mouse.move(*at)
    assert page.inner_text("[data-read=place]") == here, "the pixel under the mouse stays there"
    zoomed = state(page)
    page.mouse.down()
    page.mouse.move(at[0] + 25, at[1] - 10)
    page.mouse.up()
    assert state(page) == (zoomed[0], zoomed[1] + 25, zoomed[2] - 10)
    level = page.input_value("#level-number")
    page.mouse.down(button="right")
    page.mouse.move(at[0] + 25, at[1] + 40)
    page.mouse.up(button="right")
    assert page.input_value("#level-number") != level


def test_flicker_by_key(page: Page, report: Report) -> None:
    image = report.pictures[0]
    window = (image.center, image.width)
    original = windowed(image, image.original, *window)
    page.locator("[data-pane=original] canvas").focus()
    for side, codec in (("own", "radcodec"), ("peer", "jpeg2000")):
        page.select_option("#pick-flicker", side)
        page.locator("[data-pane=original] canvas").focus()
        page.keyboard.press("f")
        stored = rendition(image, codec, "ratio 20").stored
        assert (picture(page, "original", image) == windowed(image, stored, *window)).all()
        assert "in place of the original" in page.inner_text("[data-pane=original] figcaption")
        assert facts(page, "original")["codec"] == codec
        page.keyboard.press("F")
        assert (picture(page, "original", image) == original).all()
        assert page.inner_text("[data-pane=original] strong") == "Original"


def test_flicker_by_timer(page: Page) -> None:
    page.locator("#rate").fill("5")
    page.get_by_role("button", name="Automatic").click()
    for _ in range(2):
        page.wait_for_selector("[data-pane=original][data-codec=radcodec]", timeout=5000)
        page.wait_for_selector("[data-pane=original]:not([data-codec])", timeout=5000)
    assert page.get_attribute("#timer", "aria-pressed") == "true"
    page.get_by_role("button", name="Automatic").click()
    page.wait_for_timeout(500)
    assert page.inner_text("[data-pane=original] strong") == "Original"


def test_readout(page: Page, report: Report) -> None:
    image = report.pictures[0]
    page.locator("[data-pane=original] canvas").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    row, column = 65, 65
    assert page.inner_text("[data-read=place]") == f"column {column}, row {row}"
    original = int(image.original[row, column])
    assert page.inner_text("[data-read=original]") == minus(
        f"{original - 1024} HU (stored {original})"
    )
    for key, codec in (("own", "radcodec"), ("peer", "jpeg2000")):
        stored = int(rendition(image, codec, "ratio 20").stored[row, column])
        error = f"{stored - original:+d}" if stored != original else "±0"
        expected = minus(f"{stored - 1024} HU (stored {stored}), {error}")
        assert page.inner_text(f"[data-read={key}]") == expected
    assert page.locator(".cross:visible").count() == 4


def minus(text: str) -> str:
    """A text with true minus signs."""
    return text.replace("-", "\N{MINUS SIGN}")


def test_all_is_reached_by_tab(page: Page) -> None:
    page.locator("#pick-image").focus()
    reached = []
    for _ in range(60):
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        page.keyboard.press("Tab")
    for wanted in ("pick-target", "pick-peer", "level", "width-number", "gain", "flicker", "rate"):
        assert wanted in reached
    assert reached.count("CANVAS") == 4
    page.locator("[data-pane=peer] canvas").focus()
    page.keyboard.press("n")
    ready(page)
    assert page.input_value("#pick-image") == "1"


def test_names_are_text(page: Page) -> None:
    assert NASTY in page.inner_text("#given")
    assert page.locator("#pick-image option").first.inner_text() == f"CT: {NASTY}"
    assert page.locator("b", has_text="bold").count() == 0
    assert page.locator("i").count() == 0


def test_legend_hides_a_codec(page: Page) -> None:
    charts = page.locator("#curves .charts").first
    mean = charts.locator("g[data-codec=hevc][data-part=mean]").first
    single = charts.locator("g[data-codec=jpeg][data-part=each]").first
    assert mean.is_visible() and single.is_visible()
    page.locator("input[data-toggle=hevc]").first.uncheck()
    assert mean.is_hidden() and single.is_visible()
    page.locator("input[data-toggle-part=each]").first.uncheck()
    assert single.is_hidden()
    page.locator("input[data-toggle=hevc]").first.check()
    assert mean.is_visible() and single.is_hidden()


def test_table_sorts(page: Page, report: Report) -> None:
    table = page.locator("table.sortable").first
    column = table.get_by_role("button", name="HEVC intra")
    found = report.results["summary"]["ct"]["bd_rate"]["psnr"]["hevc"]["by_image"]
    names = sorted(found, key=found.__getitem__)
    column.click()
    assert table.locator("tbody th").all_inner_texts() == names[::-1]
    column.click()
    assert table.locator("tbody th").all_inner_texts() == names


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_decompression_the_page_says_so(browser: Browser, report: Report) -> None:
    page = browser.new_page()
    page.add_init_script("delete globalThis.DecompressionStream")
    page.goto(report.path.as_uri())
    assert "DecompressionStream" in page.inner_text("#viewer-message")
    assert page.locator("#bench").is_hidden()
    page.close()


def test_what_is_missing_at_a_target_is_said(
    browser: Browser, report: Report, tmp_path: Path
) -> None:
    image = report.pictures[0]
    few = tuple(
        r
        for r in image.renditions
        if (r.codec, r.target) in {("radcodec", "ratio 20"), ("hevc", "ratio 50")}
    )
    path = tmp_path / "few.html"
    path.write_text(render(report.results, [replace(image, renditions=few)]), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    ready(page)
    assert (
        page.inner_text("[data-pane=peer] .blank") == "No other codec was measured at this target."
    )
    assert page.locator("[data-pane=own] .blank").is_hidden()
    assert (canvas(page, "peer") == 0).all()
    page.select_option("#pick-target", "ratio 50")
    ready(page)
    assert page.inner_text("[data-pane=own] .blank") == "radcodec was not measured at this target."
    assert page.inner_text("[data-pane=peer] strong") == "HEVC intra"
    assert page.inner_text("[data-pane=difference] strong").startswith("Difference: HEVC intra")
    page.close()


@pytest.mark.parametrize("density", [1, 2])
def test_values_of_17_bits_and_sharp_screens(
    browser: Browser, tmp_path: Path, density: int
) -> None:
    generator = np.random.default_rng(3)
    original = generator.integers(-32768, 32768, (40, 30)).astype(np.int32)
    other = generator.integers(-32768, 32768, (40, 30)).astype(np.int32)
    original[0, :2], other[0, :2] = (-32768, 32767), (32767, -32768)
    made = Rendition("radcodec", "0.5 bpp", 10, 5.0, float("inf"), other)
    image = ViewerImage(
        "x", "mr", original, 0, 0, 40, 30, 0.25, -7.5, "", False, 0.0, 16384.0, (made,)
    )
    path = tmp_path / "wide.html"
    path.write_text(render(empty(), [image]), encoding="utf-8")
    page = browser.new_page(device_scale_factor=density)
    page.goto(path.as_uri())
    ready(page)
    assert (picture(page, "original", image) == windowed(image, original, 0.0, 16384.0)).all()
    assert (picture(page, "own", image) == windowed(image, other, 0.0, 16384.0)).all()
    page.locator("#gain").fill("0")
    assert (picture(page, "difference", image) == difference(image, other, 1)).all()
    assert "exact" in page.inner_text("[data-pane=own] .facts")
    assert "65,535" in page.inner_text("[data-pane=difference] .facts")
    page.close()
