"""Opens a page in a real browser and looks at it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shards.world.projection import project


def opened(
    browser: Any, report: Path, width: int = 1280, scheme: str = "light", **more: Any
) -> Any:
    """A report, watched."""
    return watched(browser, report.as_uri(), width, scheme, **more)


def watched(browser: Any, url: str, width: int = 1280, scheme: str = "light", **more: Any) -> Any:
    """A page with the lists `noise` (console, errors, dialogs) and `requests`."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, **more
    )
    page = context.new_page()
    page.noise, page.requests = [], []
    page.on("console", lambda message: page.noise.append(message.text))
    page.on("pageerror", lambda error: page.noise.append(str(error)))
    page.on("dialog", lambda dialog: page.noise.append(dialog.message))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(url)
    return page


def closed(page: Any, width: int = 1280) -> None:
    """Nothing went wrong, nothing was asked of the network, nothing sticks out."""
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert page.noise == []
    page.context.close()


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for a condition. Playwright's own way needs `eval`, which the pages forbid."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.02)


def map_state(page: Any) -> tuple[float, int]:
    """The zoom of the report's map and how many clusters it has."""
    zoom, clusters = page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {"
        " const {zoom, clusters} = document.getElementById('map').dataset;"
        " done([zoom, clusters]) })))"
    )
    return float(zoom), int(clusters)


def on_screen(page: Any, lat: float, lon: float) -> tuple[float, float]:
    """Where a place stands on the whole map, in pixels of the canvas."""
    box = page.locator("#map canvas").bounding_box()
    wide = min(box["width"], box["height"] * project(0, 180, 1.0)[0] / (2 * project(0, 0, 1.0)[1]))
    x, y = project(lat, lon, wide)
    height = 2 * project(0, 0, wide)[1]
    return x + (box["width"] - wide) / 2, y + (box["height"] - height) / 2


def click_map(page: Any, lat: float, lon: float) -> None:
    x, y = on_screen(page, lat, lon)
    page.locator("#map canvas").click(position={"x": x, "y": y})
