"""Labelled pictures of a world, without the game: the same drawing in a headless Chromium.

The pictures are the rounds that a server of the same world would deal, in the same order.
"""

import asyncio
import base64
import csv
import io
import mimetypes
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from crawler.browser import launch_options
from crawler.playground.scene import scene
from crawler.playground.world import Round, World, WorldConfig
from shards.atomic import write_bytes, write_text
from shards.console import progress
from shards.errors import UsageError, WorkError
from shards.keys import make_key

STATIC = Path(__file__).with_name("static")
# A name that can never be resolved: every request to it is answered from STATIC.
ORIGIN = "http://playground.invalid"
PAGES = 2
BATCH = 8
QUALITY = 0.92
MAX_PIXELS = 4096
LABEL_COLUMNS = ("file", "lat", "lon", "country", "place", "kind", "license", "attribution")
# As the game's own captures say it (`crawler.game.site`).
RIGHTS = ("CC0-1.0", "Lost & Found playground")


def export(
    config: WorldConfig, count: int, out: Path, *, width: int = 640, height: int = 360
) -> dict[str, Any]:
    """Writes `count` pictures as `<key>.jpg` into `out`, and `labels.csv` when all are there.

    Returns a summary. Raises UsageError for wrong sizes or a folder that cannot be written to.
    """
    if count < 1:
        raise UsageError(f"--export {count}: give 1 or more")
    if not (8 <= width <= MAX_PIXELS and 8 <= height <= MAX_PIXELS):
        raise UsageError(f"{width}x{height}: give a width and a height from 8 to {MAX_PIXELS}")
    world = World(config)
    rounds = [world.round(number) for number in range(count)]
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "labels.csv").unlink(missing_ok=True)
        begin = time.perf_counter()
        asyncio.run(_write_pictures(config, rounds, out, (width, height)))
        seconds = time.perf_counter() - begin
        write_text(out / "labels.csv", _labels(config, rounds))
    except OSError as error:
        raise UsageError(f"{out}: cannot write there ({error.strerror})") from None
    return {
        "pictures": count,
        "countries": len({dealt.place.country for dealt in rounds}),
        "kinds": dict(sorted(Counter(dealt.kind for dealt in rounds).items())),
        "per_second": round(count / seconds, 1),
        "out": str(out),
    }


def picture_name(config: WorldConfig, dealt: Round) -> str:
    """The file of one round; its stem is the sample's key."""
    return make_key("playground", config.identity(), f"{dealt.number:06d}") + ".jpg"


def _labels(config: WorldConfig, rounds: Sequence[Round]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LABEL_COLUMNS)
    for dealt in rounds:
        place = dealt.place
        name = picture_name(config, dealt)
        writer.writerow(
            (name, place.lat, place.lon, place.country, place.name, dealt.kind, *RIGHTS)
        )
    return text.getvalue()


async def _write_pictures(
    config: WorldConfig, rounds: Sequence[Round], out: Path, size: tuple[int, int]
) -> None:
    batches = iter([rounds[at : at + BATCH] for at in range(0, len(rounds), BATCH)])

    async def work(page: Any, advance: Any) -> None:
        for batch in batches:
            scenes = [_drawable(config, dealt) for dealt in batch]
            arguments = [scenes, *size, QUALITY]
            pictures = await page.evaluate("arguments => paint(...arguments)", arguments)
            for dealt, picture in zip(batch, pictures, strict=True):
                data = base64.b64decode(picture)
                if dealt.kind == "broken":
                    data = data[: len(data) // 3]
                write_bytes(out / picture_name(config, dealt), data)
            advance(len(batch))

    async with _painters() as pages:
        with progress("drawing", len(rounds)) as advance:
            await asyncio.gather(*(work(page, advance) for page in pages))


def _drawable(config: WorldConfig, dealt: Round) -> dict[str, Any]:
    """A broken file is a good picture whose end is cut off."""
    described = scene(config, dealt)
    return {**described, "kind": "good"} if dealt.kind == "broken" else described


@asynccontextmanager
async def _painters() -> AsyncIterator[list[Any]]:
    """Pages that can paint, each in a process of its own."""
    from playwright.async_api import Error, async_playwright

    try:
        async with AsyncExitStack() as stack:
            playwright = await stack.enter_async_context(async_playwright())
            browser = await playwright.chromium.launch(**launch_options())
            stack.push_async_callback(browser.close)
            pages = []
            for _ in range(PAGES):
                context = await browser.new_context()
                page = await context.new_page()
                await page.route(f"{ORIGIN}/**", _answer)
                await page.goto(f"{ORIGIN}/export.html")
                await page.wait_for_function("() => Boolean(window.paint)")
                pages.append(page)
            yield pages
    except Error as error:
        raise WorkError(f"the browser failed: {error.message.splitlines()[0]}") from error


async def _answer(route: Any) -> None:
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    if name == "export.html":
        module = '<!doctype html><script type="module" src="export.js"></script>'
        await route.fulfill(body=module, content_type="text/html")
    elif (path := STATIC / name).is_file():
        await route.fulfill(body=path.read_bytes(), content_type=mimetypes.guess_type(name)[0])
    else:
        await route.fulfill(status=404)
