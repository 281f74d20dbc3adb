"""The driver on real Chromium pages: waiting, photographing, guessing, and pages that misbehave."""

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import async_playwright

from crawler.browser import launch_options
from crawler.game.driver import PageDriver
from crawler.game.port import DriverTimeoutError, PageGoneError
from crawler.game.site import Marker, Site

SITE = Site(base_url="http://127.0.0.1:1")
CANVAS = """
<body style="margin:0; background: #fff">
<canvas class="mapsConsumerUiSceneCoreScene__canvas" width=400 height=200
  style="position: fixed; left: 100px; top: 50px"></canvas>
<script>
  const pen = document.querySelector("canvas").getContext("2d");
  const fill = (colour) => { pen.fillStyle = colour; pen.fillRect(0, 0, 400, 200); };
  fill("rgb(200, 40, 10)");
</script>
"""


OnPage = Callable[[str, Callable[[PageDriver], Awaitable[Any]]], Any]


@pytest.fixture(scope="module")
def on_page() -> Iterator[OnPage]:
    """Runs a coroutine function on a page that shows some HTML, all in one browser."""
    with asyncio.Runner() as runner:
        playwright = runner.run(async_playwright().start())
        browser = runner.run(playwright.chromium.launch(**launch_options()))

        async def session(html: str, use: Callable[[PageDriver], Awaitable[Any]]) -> Any:
            page = await browser.new_page(viewport={"width": 800, "height": 400})
            driver = PageDriver(page, SITE)
            try:
                async with asyncio.timeout(60):
                    await page.set_content(html)
                    return await use(driver)
            finally:
                await page.close()

        yield lambda html, use: runner.run(session(html, use))
        runner.run(browser.close())
        runner.run(playwright.stop())


def test_the_picture_is_the_canvas(on_page: OnPage) -> None:
    picture = on_page(CANVAS, lambda driver: driver.capture(10))
    assert picture.settled
    assert not picture.covered
    with Image.open(io.BytesIO(picture.image)) as image:
        assert image.format == "JPEG"
        assert image.size == (400, 200)
        corners = [(0, 0), (399, 0), (0, 199), (399, 199)]
        for corner in corners:
            pixel = image.getpixel(corner)
            assert isinstance(pixel, tuple)
            assert max(abs(a - b) for a, b in zip(pixel, (200, 40, 10), strict=True)) <= 3


def test_waits_until_the_picture_is_drawn(on_page: OnPage) -> None:
    html = CANVAS + "<script>for (let n = 1; n < 9; n++) setTimeout(() => fill(`rgb(0,0,${20*n})`)"
    html += ", 40 * n)</script>"
    picture = on_page(html, lambda driver: driver.capture(10))
    with Image.open(io.BytesIO(picture.image)) as image:
        pixel = image.getpixel((5, 5))
        assert isinstance(pixel, tuple)
        assert pixel[2] > 150


def test_a_picture_that_never_settles_is_taken_as_it_is(on_page: OnPage) -> None:
    html = CANVAS + "<script>setInterval(() => fill(`hsl(${performance.now()} 50% 50%)`), 5)"
    picture = on_page(html + "</script>", lambda driver: driver.capture(1))
    assert not picture.settled
    assert picture.image


def test_says_when_something_covers_the_picture(on_page: OnPage) -> None:
    html = CANVAS + '<aside style="position: fixed; left: 90px; top: 40px; width: 60px;'
    html += ' height: 60px">banner</aside>'
    assert on_page(html, lambda driver: driver.capture(5)).covered


def test_no_canvas_is_an_end_in_time(on_page: OnPage) -> None:
    start = time.monotonic()
    with pytest.raises(DriverTimeoutError, match="nothing on"):
        on_page("<p>empty</p>", lambda driver: driver.capture(0.5))
    assert time.monotonic() - start < 30


def test_sees_what_is_visible_and_nothing_else(on_page: OnPage) -> None:
    async def use(driver: PageDriver) -> tuple[Marker | None, Marker | None]:
        hidden = await driver.see((Marker.SIGNED_OUT, Marker.SIGNED_IN), 0.3)
        await driver.page.evaluate("setTimeout(() => { document.body.hidden = false }, 200)")
        return hidden, await driver.see((Marker.SIGNED_OUT, Marker.SIGNED_IN), 5)

    html = '<body hidden><button style="display: none">Log in</button><a>Multiplayer</a>'
    assert on_page(html, use) == (None, Marker.SIGNED_IN)


def test_a_question_survives_a_navigation(on_page: OnPage) -> None:
    async def use(driver: PageDriver) -> Marker | None:
        target = "data:text/html,<button>Play again</button>"
        await driver.page.evaluate(f"setTimeout(() => document.body.innerHTML = '{target}', 50)")
        asked = asyncio.create_task(driver.see((Marker.FINISHED,), 10))
        await asyncio.sleep(0.2)
        await driver.page.goto(target)
        return await asked

    assert on_page("<p>first</p>", use) is Marker.FINISHED


LINK = "https://maps.test/maps?q&layer=c&cbll=1.5,-2.25&cbp=11,0,0,0,0"


@pytest.mark.parametrize(
    "marker",
    [
        f'<a data-qa="correct-location-marker" target="_blank" href="{LINK}">x</a>',
        f'<a target="_blank" href="{LINK}"><b data-qa="correct-location-marker">x</b></a>',
        f"""<button data-qa="correct-location-marker" onclick="window.open('{LINK}')">x</button>""",
    ],
)
def test_reads_a_marker_however_it_leads_to_its_link(on_page: OnPage, marker: str) -> None:
    async def use(driver: PageDriver) -> tuple[str, int]:
        return await driver.read_answer(10), len(driver.page.context.pages)

    assert on_page(marker, use) == (LINK, 1)


def test_results_by_their_labels(on_page: OnPage) -> None:
    markers = "".join(
        f'<a data-qa="correct-location-marker" href="https://maps.test/?cbll={n},0">{n}</a> '
        for n in (3, 1, 5, 2, 4)
    )
    html = (
        "<button>Play again</button><button onclick='places.hidden = false'>map</button>"
        f"<h2>Breakdown</h2><div id=places hidden>{markers}</div>"
    )
    links = on_page(html, lambda driver: driver.read_results(10))
    assert links == {n: f"https://maps.test/?cbll={n},0" for n in range(1, 6)}


def test_a_crash_is_told_from_a_delay(on_page: OnPage) -> None:
    async def use(driver: PageDriver) -> None:
        asked = asyncio.create_task(driver.see((Marker.FINISHED,), 600))
        await asyncio.sleep(0.2)
        with pytest.raises(Exception, match="crash"):
            await driver.page.goto("chrome://crash", timeout=5000)
        with pytest.raises(PageGoneError):
            await asked

    on_page("<p>alive</p>", use)
