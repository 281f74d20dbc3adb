"""The page in a real browser, at the width of a desk and of a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.browser import launch_options
from shards.world.projection import project
from tests.queries.browsing import until, watched
from tests.training.deploy.serve.serving import Served, photo, serving
from training.deploy.serve.core import Core

ACCESSIBLE = Path(__file__).parents[3] / "queries" / "accessible.js"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(**launch_options())
        yield started
        started.close()


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("brazil.jpg", "<b>germany.jpg", "broken.jpg")]
    for number, path in enumerate(made[:2]):
        path.write_bytes(photo(number, 320, 180))
    made[2].write_bytes(photo(2)[:500])
    return made


def opened(browser: Any, url: str, width: int, scheme: str = "light") -> Any:
    phone = width < 500
    return watched(browser, url, width, scheme, has_touch=phone, is_mobile=phone)


def closed(page: Any, url: str, width: int) -> None:
    assert page.evaluate(f"({ACCESSIBLE.read_text()})()") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [one for one in page.requests if not one.startswith((url, "blob:", "data:"))] == []
    assert page.noise == []
    page.context.close()


def headline(page: Any) -> str:
    return str(page.locator("#headline").text_content())


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_photographs_become_places(
    browser: Any, served: Served, photos: list[Path], width: int, scheme: str
) -> None:
    page = opened(browser, served.url, width, scheme)
    assert page.locator("#take").is_visible() == (width < 500)
    page.set_input_files("#files", photos[:2])
    until(lambda: headline(page).startswith("Brazil, "))
    assert page.locator("#countries-list .row").count() == 4
    assert page.locator("#countries-list .name").first.text_content() == "Brazil"
    share = float(page.locator("#countries-list .fill").first.evaluate("e => e.style.width")[:-1])
    assert headline(page) == f"Brazil, {share:.0f} %"
    assert page.locator("path.land[data-code=BR]").evaluate("e => e.style.fill").startswith("rgba")
    assert page.locator("path.ring").count() == 2
    # The mark stands where the projection of the other pages would put it.
    text = page.locator("path.place").last.get_attribute("d")
    lat, lon = -23.24, -46.6
    x, y = project(lat, lon, 100_000)
    found = [float(number) for number in text.strip("M").removesuffix("h0").split()]
    assert found == pytest.approx([x, y], abs=150)
    whole = page.locator("svg.map").get_attribute("viewBox")
    page.locator("#world").press("Enter")
    assert page.locator("svg.map").get_attribute("viewBox") != whole
    # The other photograph, by keyboard; its name is no markup.
    until(lambda: "Germany" in page.locator("#thumbs").text_content())
    page.locator("#thumbs button").nth(1).press("Enter")
    assert headline(page).startswith("Germany")
    assert page.locator("#thumbs b").count() == 0
    page.locator("#together").check()
    until(lambda: page.locator("#shown img").count() == 2)
    closed(page, served.url, width)


def test_a_broken_photograph_is_said_and_clear_clears(
    browser: Any, served: Served, photos: list[Path]
) -> None:
    page = opened(browser, served.url, 390)
    page.set_input_files("#files", [photos[2]])
    until(lambda: "not a readable image" in page.locator("#status").text_content())
    assert page.locator("#result").is_hidden()
    page.locator("#clear").click()
    assert page.locator("#thumbs li").count() == 0
    page.noise = [line for line in page.noise if "422" not in line]  # Chromium reports it itself
    closed(page, served.url, 390)


def test_dropped_and_pasted(browser: Any, served: Served) -> None:
    page = opened(browser, served.url, 1280)
    for kind, target, field in (
        ("DragEvent", "drop", "dataTransfer"),
        ("ClipboardEvent", "paste", "clipboardData"),
    ):
        page.evaluate(
            """async ([bytes, kind, name, field]) => {
              const data = new DataTransfer();
              const kindOfFile = {type: "image/jpeg"};
              data.items.add(new File([new Uint8Array(bytes)], `${name}.jpg`, kindOfFile));
              document.body.dispatchEvent(
                new window[kind](name, {bubbles: true, cancelable: true, [field]: data}));
            }""",
            [list(photo(2)), kind, target, field],
        )
        name = f"{target}.jpg"
        until(lambda name=name: page.locator(f"button[title='{name}']").count() == 1)
        until(lambda: headline(page).startswith("Japan"))
    closed(page, served.url, 1280)


def test_a_token_is_asked_for(browser: Any, core: Core, photos: list[Path]) -> None:
    with serving(core, token="s3cret") as guarded:
        page = opened(browser, guarded.url, 1280)
        page.set_input_files("#files", photos[:1])
        until(lambda: page.locator("#token").is_visible())
        page.locator("#token-text").fill("s3cret")
        page.locator("#token button").click()
        until(lambda: headline(page).startswith("Brazil"))
        page.noise = [line for line in page.noise if "401" not in line]
        closed(page, guarded.url, 1280)


def test_the_api_in_words(browser: Any, served: Served) -> None:
    page = opened(browser, f"{served.url}/docs", 390, "dark")
    words = page.locator("main").text_content()
    for word in ("/v1/predict", "together", "PredictAnswer", "within_km", "Retry-After"):
        assert word in words
    closed(page, served.url, 390)
