"""A page of made-up results, and a headless browser that shows it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from radcodec.bench.report.viewer import ViewerImage
from tests.bench.report import made

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Report:
    """Results, pictures, and the page made of them."""

    results: dict[str, Any]
    pictures: Sequence[ViewerImage]
    path: Path


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return a page of two CT images and an MR image."""
    from radcodec.bench.report.page import render

    results = made.full(2)
    pictures = made.pictures(results)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(results, pictures), encoding="utf-8")
    return Report(results, pictures, path)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium, without any network."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        pytest.skip("no Chromium; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, report: Report) -> Iterator[Page]:
    """Show the page; whatever a test does, it must load nothing and complain of nothing."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    loaded: list[str] = []
    # The tests read canvases back, which the page itself never does.
    page.on(
        "console",
        lambda message: (
            None if "willReadFrequently" in message.text else complaints.append(message.text)
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(report.path.as_uri())
    page.wait_for_selector("#viewer[data-busy=false]")
    yield page
    page.close()
    assert complaints == []
    assert loaded == [report.path.as_uri()]
