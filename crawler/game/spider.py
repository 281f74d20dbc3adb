"""The spider: leases a game, opens a page for it, has it played, and says how it ended."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import scrapy
from playwright.async_api import Page
from scrapy.exceptions import IgnoreRequest

from crawler.frontier import Frontier, Task
from crawler.game.driver import PageDriver
from crawler.game.play import Account, Limits, Outcome, SystemClock, play
from crawler.game.records import GameSink
from crawler.game.site import Site
from crawler.job import Worker
from crawler.queue import Queue
from crawler.reasons import ENDS_RUN, FailReason
from crawler.spool import Spool
from crawler.stats import WorkerStats
from shards.atomic import atomic_file

LEASE_SECONDS = 120.0
POLL_SECONDS = 0.5
RETRY_DELAY = 1.0
RATE_LIMIT_DELAY = 40.0
CLOSE_SECONDS = 10.0
ENDS_GAMES = ENDS_RUN | {FailReason.ROBOTS}
"""All games have the same site, so what it forbids for one it forbids for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameJob:
    """What a worker is told: plain data that travels to another process."""

    directory: Path
    """`raw/<source>` of the dataset."""
    writer: str
    site: Site
    account: Account = field(repr=False)
    user_agent: str
    pages: int
    session: Path
    """Cookies of the signed-in account, readable by its owner only."""
    limits: Limits = field(default_factory=Limits)
    segment_bytes: int = 256 << 20
    queue: Queue

    @property
    def resources(self) -> dict[str, float]:
        return {"CPU": 1, "browser": 1}

    def worker(self) -> Worker:
        from crawler.worker import GameWorker

        return GameWorker(self)

    def named(self, writer: str) -> "GameJob":
        return replace(self, writer=writer)


class GameSpider(scrapy.Spider):
    name = "game"

    def __init__(
        self, job: GameJob, spool: Spool, frontier: Frontier, stats: WorkerStats, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.stats = stats
        self.job = job
        self.spool = spool
        self.frontier = frontier
        self.stopping = False
        self._slots = asyncio.Semaphore(job.pages)
        self._drivers: dict[Page, PageDriver] = {}
        self._leases: set[str] = set()
        self._state = _read_session(job.session)

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Leases as many games as there are pages, until no task of any worker is left."""
        keeper = asyncio.create_task(self._renew_leases())
        try:
            while not self.stopping:
                await self._slots.acquire()
                task = None if self.stopping else self._lease()
                if task is not None:
                    yield self._request(task)
                    continue
                self._slots.release()
                if self.frontier.unfinished() == 0:
                    return
                await asyncio.sleep(POLL_SECONDS)
        finally:
            keeper.cancel()

    def _lease(self) -> Task | None:
        task = self.frontier.lease(self.job.writer, LEASE_SECONDS)
        if task is not None:
            self._leases.add(task.id)
        return task

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 4)
            for task_id in self._leases:
                self.frontier.renew(task_id, self.job.writer, LEASE_SECONDS)

    def _request(self, task: Task) -> scrapy.Request:
        width, height = self.job.site.viewport
        return scrapy.Request(
            self.job.site.lobby_url(),
            self.play_game,
            errback=self.not_opened,
            dont_filter=True,
            meta={
                "task": task,
                "playwright": True,
                "playwright_include_page": True,
                "playwright_context": f"{task.id}-{task.attempts}",
                # On every request: a browser that restarts forgets what contexts were like.
                "playwright_context_kwargs": {
                    "viewport": {"width": width, "height": height},
                    "user_agent": self.job.user_agent,
                    "locale": "en-GB",
                    "storage_state": self._state,
                },
                "playwright_page_goto_kwargs": {"wait_until": "domcontentloaded"},
                "playwright_page_init_callback": self._attach,
            },
        )

    async def _attach(self, page: Page, _request: scrapy.Request) -> None:
        self._drivers[page] = PageDriver(page, self.job.site)

    async def play_game(self, response: Any) -> None:
        task: Task = response.meta["task"]
        page: Page = response.meta["playwright_page"]
        driver = self._drivers[page]
        outcome = Outcome(reason=FailReason.ERROR, detail="cancelled")
        try:
            browser = page.context.browser
            version = f"chromium {browser.version}" if browser else ""
            outcome = await play(
                driver,
                SystemClock(),
                GameSink(self.job.site, self.spool, self.frontier, task.id, version),
                account=self.job.account,
                rounds=self.job.site.rounds,
                game=task.item,
                limits=self.job.limits,
                pause=self.job.site.round_pause,
            )
            if driver.cookies_changed and outcome.reason is None:
                await self._save_session(page)
        except Exception as error:
            self.logger.exception("task %s", task.id)
            outcome = Outcome(reason=FailReason.ERROR, detail=f"{type(error).__name__}: {error}")
        finally:
            await self._retire(page)
            self._settle(task, outcome)

    async def not_opened(self, failure: Any) -> None:
        task: Task = failure.request.meta["task"]
        if page := failure.request.meta.get("playwright_page"):
            await self._retire(page)
        forbidden = failure.check(IgnoreRequest) is not None
        reason = FailReason.ROBOTS if forbidden else FailReason.UNREACHABLE
        text = " ".join(str(failure.value).split())[:300]
        self._settle(task, Outcome(reason=reason, detail=text))

    def _settle(self, task: Task, outcome: Outcome) -> None:
        """Tells the frontier how the lease ended, and gives the page's slot free."""
        self._leases.discard(task.id)
        self._slots.release()
        reason, detail = outcome.reason, outcome.detail
        self.stats.tasks += reason is None
        self.stats.captures += outcome.committed
        if reason is not None and not self.stopping:
            self.stats.failed[reason] += 1
        if reason is None:
            missing = ", ".join(map(str, outcome.missing))
            self.frontier.done(task.id, f"without rounds {missing}" if missing else "")
        elif self.stopping:
            self.frontier.release(task.id)
        elif reason in ENDS_GAMES:
            self.frontier.failed(task.id, reason, detail)
            self.stopping = True
        elif reason is FailReason.RATE_LIMITED:
            delay = RATE_LIMIT_DELAY * 2 ** (task.attempts - 1)
            self.frontier.put_back(task.id, reason, detail, delay=delay)
        else:
            self.frontier.put_back(task.id, reason, detail, delay=RETRY_DELAY)

    async def stop(self) -> None:
        """Leaves all games where they are; the next run goes on with them."""
        self.stopping = True
        await asyncio.gather(*(self._retire(page) for page in list(self._drivers)))

    async def _retire(self, page: Page) -> None:
        """Page first, then its context: the other way round hangs now and then."""
        self._drivers.pop(page, None)
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS):
                await page.close()
                await page.context.close()

    async def _save_session(self, page: Page) -> None:
        async with asyncio.timeout(CLOSE_SECONDS):
            state = await page.context.storage_state()
        self._state = state
        with atomic_file(self.job.session) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(json.dumps(state).encode())


def _read_session(path: Path) -> Any:
    """The saved cookies, or None: whoever has none signs in."""
    try:
        state = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None
