"""The browsers of one worker: started, replaced when they die or grow, and gone when it ends.

A subclass of scrapy-playwright's handler, because that one raises its page cap with every page
that crashes, knows one browser only, and takes its time when a browser hangs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
from playwright.async_api import Browser, async_playwright
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from crawler.guard import Guard, kill_leaders, kill_marked, marked
from crawler.memory import tree_bytes
from crawler.stats import WorkerStats

LAUNCH_SECONDS = 60.0
CLOSE_SECONDS = 2.0
MEASURE_SECONDS = 5.0


class NoBrowserError(Exception):
    """No browser is started any more: the worker is stopping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserLimits:
    """When a browser is replaced. Games in it are played to their end first."""

    bytes: int = 1 << 30
    """PSS of its process tree, Playwright's own process included, without its pages."""
    bytes_per_page: int = 256 << 20
    """For each page that may be open."""
    contexts: int = 50
    """Games that it has shown. A start takes about as much as three rounds."""


@dataclass(eq=False, slots=True)
class _Running:
    """A browser with a Playwright of its own, so that nothing of it outlives it."""

    manager: Any
    """Playwright's: what `async_playwright` gives."""
    browser: Browser
    pid: int
    """Of Playwright's process, the root of the tree."""
    contexts: int = 0

    def lives(self) -> bool:
        with suppress(psutil.Error):
            return not self.pid or psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        return False

    async def close(self) -> None:
        await _leave(self.browser.close())
        await _leave(self.manager.__aexit__())


class Browsers:
    """A browser provider for scrapy-playwright. One browser takes new pages, others run out."""

    def __init__(self, config: Any) -> None:
        self._options: dict[str, Any] = config.launch_options
        self._guard: Guard | None = None
        self._running: list[_Running] = []

    async def start(self) -> None:
        self._guard = await asyncio.to_thread(Guard)

    async def launch_browser(self) -> Browser:
        """Raises NoBrowserError after `close`."""
        guard = self._living_guard()
        manager, before = async_playwright(), _children()
        try:
            async with asyncio.timeout(LAUNCH_SECONDS):
                with guard.marking():
                    playwright = await manager.start()
                browser = await playwright.chromium.launch(**self._options)
        except BaseException:
            await _leave(manager.__aexit__())
            raise
        # Whatever became of this worker meanwhile: the guard knows the browser by its mark.
        self._living_guard()
        new = _children() - before
        ours = new & {process.pid for process in marked(guard.mark)}
        self._running.append(_Running(manager, browser, min(ours or new, default=0)))
        return browser

    def _living_guard(self) -> Guard:
        if self._guard is None:
            raise NoBrowserError("the worker is stopping")
        return self._guard

    def count_context(self, browser: Browser) -> int:
        """Contexts that the browser has had, this one included."""
        for running in self._running:
            if running.browser is browser:
                running.contexts += 1
                return running.contexts
        return 0

    def lives(self, browser: Browser) -> bool:
        """Whether the browser and Playwright's process, whose death it is not told, still run."""
        return browser.is_connected() and any(
            running.browser is browser and running.lives() for running in self._running
        )

    async def sweep(self, current: Browser | None) -> dict[Browser, int]:
        """Closes browsers that are neither `current` nor in use; bytes of each that is left."""
        for running in list(self._running):
            browser = running.browser
            if not (self.lives(browser) and (browser is current or browser.contexts)):
                self._running.remove(running)
                await running.close()
        return {
            running.browser: await asyncio.to_thread(tree_bytes, running.pid)
            for running in list(self._running)
            if running.pid
        }

    async def close(self) -> None:
        """Asks the browsers to leave, and kills those that do not."""
        guard, self._guard = self._guard, None
        running, self._running = self._running, []
        await asyncio.gather(*(one.close() for one in running))
        if guard is not None:
            await asyncio.to_thread(kill_marked, guard.mark)
            guard.close()

    async def kill(self) -> None:
        """Ends all browsers at once; pages in use raise errors."""
        # Playwright's process itself lives on: it removes the profiles.
        if self._guard is not None:
            await asyncio.to_thread(kill_leaders, self._guard.mark)


class BrowserHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc] # has no types
    """One page for each request, in a context of its own, as the request describes it."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self._owner = crawler
        self._limits = BrowserLimits()
        self._most_bytes = self._limits.bytes
        self._stats: WorkerStats | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def _launch(self) -> None:
        await super()._launch()
        spider = self._owner.spider
        spider.browsers = self
        self.abort_request = spider.gate.refuses
        self._limits, self._stats = spider.job.browser, spider.stats
        self._most_bytes = self._limits.bytes + spider.job.pages * self._limits.bytes_per_page
        self._keeper = asyncio.create_task(self._keep())

    async def _close(self) -> None:
        # Contexts are not closed one by one: they end with their browsers, hung or not.
        if self._keeper is not None:
            self._keeper.cancel()
        self.context_wrappers.clear()
        if getattr(self, "browser_provider", None):
            await self.browser_provider.close()
        self._report(0)

    def _report(self, size: int) -> None:
        if self._stats is not None:
            self._stats.browser_bytes = size

    async def abandon(self) -> None:
        """Ends all browsers now, whatever their pages are doing, and starts no other."""
        await self.browser_provider.kill()
        await self._close()

    async def _maybe_launch_browser(self) -> None:
        async with self.browser_launch_lock:
            current = getattr(self, "browser", None)
            if current is not None and not self.browser_provider.lives(current):
                self._forget(current)
            if not hasattr(self, "browser"):
                browser = await self.browser_provider.launch_browser()
                browser.on("disconnected", self._forget)
                self.browser = browser
                self.stats.inc_value("playwright/browser_count")

    def _forget(self, browser: Browser) -> None:
        """Takes no new pages to `browser`."""
        if getattr(self, "browser", None) is browser:
            del self.browser
        for name, wrapper in list(self.context_wrappers.items()):
            if wrapper.context.browser is browser and not self.browser_provider.lives(browser):
                del self.context_wrappers[name]

    async def _create_browser_context(self, *args: Any, **kwargs: Any) -> Any:
        wrapper = await super()._create_browser_context(*args, **kwargs)
        browser = wrapper.context.browser
        if self.browser_provider.count_context(browser) >= self._limits.contexts:
            self._forget(browser)
        return wrapper

    def _make_close_page_callback(self, context_name: str) -> Callable[[], None]:
        """A page that crashes is closed as well: its place is given free once."""
        wrapper = self.context_wrappers.get(context_name)

        def release() -> None:
            nonlocal wrapper
            if wrapper is not None:
                wrapper.semaphore.release()
                wrapper = None

        return release

    async def _keep(self) -> None:
        """Measures the browsers every few seconds, and lets the one that has grown run out."""
        while True:
            with suppress(psutil.Error):
                current = getattr(self, "browser", None)
                sizes = await self.browser_provider.sweep(current)
                self._report(sum(sizes.values()))
                # One after the other, or a limit that is too low would start them without end.
                if current and list(sizes) == [current] and sizes[current] > self._most_bytes:
                    self._forget(current)
            await asyncio.sleep(MEASURE_SECONDS)


async def _leave(work: Awaitable[object]) -> None:
    """Something that ends: what it says does not matter, and it must not take long."""
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_SECONDS):
            await work


def _children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}
