"""Real pages for the state machines: one Chromium, the real playground, a real spool."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from crawler.browser import launch_options
from crawler.frontier import SqliteFrontier
from crawler.game.crawl import PLAYGROUND_ACCOUNT
from crawler.game.driver import PageDriver
from crawler.game.modes import MODES, Mode
from crawler.game.port import Limits, Options, Outcome, Sink
from crawler.game.records import GameSink
from crawler.game.site import Site
from crawler.game.steps import SystemClock
from crawler.playground.server import Server
from crawler.spool import Spool
from shards.capture import Capture
from shards.segment import read_segment

LIMITS = Limits(
    open=60, consent=30, auth=60, start=60, round=20, capture=30, guess=60, answer=60, results=60
)
"""Long: the machine may be busy. A test of what never comes gives its own."""
SECONDS = 240.0


class Browser:
    """One Chromium; every play has a context of its own."""

    def __init__(self, runner: asyncio.Runner, chromium: Any) -> None:
        self.runner = runner
        self.chromium = chromium

    def play(self, *plays: "Play") -> list[Outcome]:
        """Runs them at the same time."""

        async def all_of_them() -> list[Outcome]:
            async with asyncio.timeout(SECONDS):
                return [*await asyncio.gather(*(play.run(self.chromium) for play in plays))]

        return self.runner.run(all_of_them())


@contextmanager
def open_browser() -> Iterator[Browser]:
    with asyncio.Runner() as runner:
        playwright = runner.run(async_playwright().start())
        chromium = runner.run(playwright.chromium.launch(**launch_options()))
        try:
            yield Browser(runner, chromium)
        finally:
            runner.run(chromium.close())
            runner.run(playwright.stop())


class Play:
    """One task on one page of its own."""

    def __init__(
        self,
        mode: str,
        server: Server,
        sink: Sink,
        *,
        limits: Limits = LIMITS,
        driver: type[PageDriver] = PageDriver,
        **changes: Any,
    ) -> None:
        self.mode = MODES[mode]
        self.site = self.mode.site(server.url)
        self.sink = sink
        self.driver = driver
        self.options = Options(account=PLAYGROUND_ACCOUNT, limits=limits, **changes)

    async def run(self, chromium: Any) -> Outcome:
        async with self._page(chromium) as page:
            driver = self.driver(page, self.site)
            await driver.open_lobby(60)
            return await self.mode.run(driver, SystemClock(), self.sink, self.options)

    @asynccontextmanager
    async def _page(self, chromium: Any) -> AsyncIterator[Any]:
        width, height = self.site.viewport
        context = await chromium.new_context(viewport={"width": width, "height": height})
        try:
            yield await context.new_page()
        finally:
            await context.close()


class Dataset:
    """A spool with its frontier, and what is committed in it."""

    def __init__(self, directory: Path, mode: Mode, server: Server) -> None:
        self.site: Site = mode.site(server.url)
        self.directory = directory
        self.spool = Spool(directory, "w0")
        self.frontier = SqliteFrontier(directory / "frontier.sqlite")
        self.mode = mode

    def sink(self, number: int = 0, game: str = "") -> GameSink:
        tasks = self.mode.tasks_of([game]) if game else self.mode.tasks(number + 1)
        task = tasks[-1]
        self.frontier.add([task])
        return GameSink(self.site, self.spool, self.frontier, task.id, "chromium")

    def captures(self) -> Mapping[str, tuple[Capture, bytes]]:
        """Seals the segment; what it holds, by key."""
        found: dict[str, tuple[Capture, bytes]] = {}
        path = self.spool.seal()
        data = path.read_bytes() if path else b""
        for sample in read_segment(path) if path else ():
            assert sample.capture is not None
            assert sample.key not in found
            end = sample.image_offset + sample.image_size
            found[sample.key] = (sample.capture, data[sample.image_offset : end])
        return found

    def close(self) -> None:
        self.spool.close()
        self.frontier.close()


@contextmanager
def dataset(directory: Path, mode: str, server: Server) -> Iterator[Dataset]:
    opened = Dataset(directory, MODES[mode], server)
    try:
        yield opened
    finally:
        opened.close()
