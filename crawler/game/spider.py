"""The spider: leases a game, opens a page for it, has it played, and says how it ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import scrapy
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from crawler.frontier import Frontier, Task
from crawler.game.browsers import BrowserHandler
from crawler.game.driver import PageDriver
from crawler.game.gate import LONGEST_WAIT, Gate, Visit, patient
from crawler.game.job import GameJob
from crawler.game.modes import children, game_of, mode_of
from crawler.game.opening import refused, why_not_opened
from crawler.game.port import Options, Outcome, Sink
from crawler.game.records import GameSink
from crawler.game.room import DiskRoom, free_bytes_of
from crawler.game.schedule import ScheduledDriver
from crawler.game.session import read_session, write_session
from crawler.game.shadow import FolderSink
from crawler.game.steps import SystemClock
from crawler.probe import Probe
from crawler.reasons import ENDS_RUN, FailReason
from crawler.spool import Spool
from crawler.stats import WorkerState, WorkerStats
from crawler.web.errors import FetchError
from shards.capture import Capture

LEASE_SECONDS = 120.0
POLL_SECONDS = 0.5
CLOSE_SECONDS = 3.0
NAVIGATION_SECONDS = 30.0
ENDS_GAMES = ENDS_RUN | {FailReason.ROBOTS}
"""All games have the same site, so what it forbids for one it forbids for all."""


class Counting(Probe):
    """Counts each capture that this worker commits."""

    def __init__(self, stats: WorkerStats) -> None:
        super().__init__(stats.quality)
        self._stats = stats

    def observe(self, capture: Capture, image: bytes) -> None:
        super().observe(capture, image)
        self._stats.captures += 1
        self._stats.bytes += len(image)


class GameSpider(scrapy.Spider):
    name = "game"

    def __init__(
        self,
        job: GameJob,
        spool: Spool,
        frontier: Frontier,
        gate: Gate,
        stats: WorkerStats,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stats = stats
        self._probe = Counting(stats)
        self.job = job
        self.spool = spool
        self.frontier = frontier
        self.gate = gate
        self.browsers: BrowserHandler | None = None
        """Says so itself when it starts."""
        self.stopping = False
        self._slots = asyncio.Semaphore(job.pages)
        self._drivers: dict[Page, PageDriver] = {}
        self._visits: dict[str, Visit] = {}
        self._pages: dict[str, Page] = {}
        """Where each leased game is played."""
        self._leases: set[str] = set()
        self._room = DiskRoom(free_bytes_of(job.directory))
        self._patience = 0.0
        self._state: Any = read_session(job.session)
        self._met = self._state is not None
        """Some page has been through login and consent, or needed none."""

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Leases as many games as there are pages, until no task of any worker is left."""
        keeper = asyncio.create_task(self._renew_leases())
        try:
            await self._ask_for_patience()
            while not self.stopping:
                await self._slots.acquire()
                task = None if self.stopping or self._must_wait() else self._lease()
                if task is not None:
                    yield self._request(task)
                    continue
                self._slots.release()
                if self.frontier.unfinished() == 0:
                    return
                await asyncio.sleep(POLL_SECONDS)
        finally:
            keeper.cancel()

    async def _ask_for_patience(self) -> None:
        """Where pages wait for the site's Crawl-delay, whatever opens one may take longer."""
        with suppress(FetchError):  # every game will tell why
            if await self.gate.crawl_delay(self.job.site.lobby_url()):
                self._patience = LONGEST_WAIT

    def _must_wait(self) -> bool:
        """A full disk, a site that asked for a pause, or a first page that still signs in."""
        if self._leases and not (self._met or self.stats.captures):
            return True
        wait = self._room.low or self.gate.blocked_for(self.job.site.lobby_url()) > 0
        idle = wait and not self._leases
        self.stats.state = WorkerState.WAITING if idle else WorkerState.WORKING
        return wait

    def _lease(self) -> Task | None:
        task = self.frontier.lease(self.job.writer, LEASE_SECONDS)
        if task is not None:
            self._leases.add(task.id)
        return task

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 4)
            # Asked from this event loop: where the frontier cannot be reached, the games stand
            # still, and go no further than the lease when it can be again.
            for task_id in list(self._leases):
                kept = self.frontier.renew(task_id, self.job.writer, LEASE_SECONDS)
                if not kept and (page := self._pages.get(task_id)):
                    await self._retire(page)

    def _request(self, task: Task) -> scrapy.Request:
        return scrapy.Request(
            self.job.site.lobby_url(),
            self.play_game,
            errback=self.not_opened,
            dont_filter=True,
            meta={
                "task": task,
                "handle_httpstatus_all": True,  # a wall or a login may come with any status
                "playwright": True,
                "playwright_include_page": True,
                "playwright_context": f"{task.id}-{task.attempts}",
                # On every request: a browser that restarts forgets what contexts were like.
                "playwright_context_kwargs": self.job.context(self._state),
                "playwright_page_goto_kwargs": {
                    "wait_until": "domcontentloaded",
                    "timeout": 1000 * (NAVIGATION_SECONDS + self._patience),
                },
                "playwright_page_init_callback": self._attach,
            },
        )

    async def _attach(self, page: Page, request: scrapy.Request) -> None:
        site, schedule = self.job.site, self.job.schedule
        self._drivers[page] = (
            ScheduledDriver(page, site, schedule) if schedule else PageDriver(page, site)
        )
        self._pages[request.meta["task"].id] = page
        visit = await self.gate.attach(page)
        self._visits[request.meta["task"].id] = visit
        # At once, so that a browser that dies a moment later takes no login with it.
        page.on("domcontentloaded", lambda page: visit.run(self._save_session(page)))

    async def play_game(self, response: Any) -> None:
        task: Task = response.meta["task"]
        page: Page = response.meta["playwright_page"]
        outcome = Outcome(reason=FailReason.ERROR, detail="cancelled")
        try:
            outcome = refused(response) or await self._play(task, page)
        except Exception as error:
            self.logger.exception("task %s", task.id)
            outcome = Outcome(reason=FailReason.ERROR, detail=f"{type(error).__name__}: {error}")
        finally:
            await self._retire(page)
            self._settle(task, outcome)

    async def _play(self, task: Task, page: Page) -> Outcome:
        driver = self._drivers[page]
        browser = page.context.browser
        version = f"chromium {browser.version}" if browser else ""
        return await mode_of(task.id).run(
            driver,
            SystemClock(),
            self._sink(task, version),
            Options(
                account=self.job.account,
                rounds=self.job.site.rounds,
                game=game_of(task),
                limits=patient(self.job.limits, self._patience),
                pause=self.job.site.round_pause,
                room=self._room,
            ),
        )

    def _sink(self, task: Task, browser: str) -> Sink:
        job = self.job
        sink = GameSink(
            job.site, self.spool, self.frontier, task.id, browser, self._probe, job.denylist
        )
        return FolderSink(job.pictures, sink) if job.pictures else sink

    async def not_opened(self, failure: Any) -> None:
        task: Task = failure.request.meta["task"]
        if page := failure.request.meta.get("playwright_page"):
            await self._retire(page)
        text = " ".join(str(failure.value).split())[:300]
        self._settle(task, Outcome(reason=why_not_opened(failure.value), detail=text))

    def _settle(self, task: Task, outcome: Outcome) -> None:
        """Tells the frontier how the lease ended, and gives the page's slot free."""
        self._met = True
        self._leases.discard(task.id)
        self._pages.pop(task.id, None)
        self._slots.release()
        outcome = self._judged(task, outcome)
        reason, detail = outcome.reason, outcome.detail
        self.stats.tasks += reason is None
        if reason is not None and not self.stopping:
            self.stats.failed[reason] += 1
        if reason is None:
            missing = ", ".join(map(str, outcome.missing))
            notes = [f"without rounds {missing}"] if missing else []
            notes += [detail] if detail else []
            self.frontier.done(task.id, "; ".join(notes), children(task, outcome))
        elif self.stopping:
            self.frontier.release(task.id, self.job.writer)
        elif reason in ENDS_GAMES:
            self.frontier.failed(task.id, self.job.writer, reason, detail)
            self.stopping = True
        elif not reason.transient:
            self.frontier.failed(task.id, self.job.writer, reason, detail)
        else:
            delay = self.job.delays.after(outcome, task.attempts)
            self.frontier.put_back(task.id, self.job.writer, reason, detail, delay=delay)

    def _judged(self, task: Task, outcome: Outcome) -> Outcome:
        """The outcome, or why the gate ended the game."""
        visit = self._visits.pop(task.id, None)
        if visit is None:
            return outcome
        self.stats.requests += visit.requests
        if visit.reason is None or outcome.reason is None:
            return outcome
        return replace(
            outcome, reason=visit.reason, detail=visit.detail, retry_after=visit.retry_after
        )

    async def stop(self) -> None:
        """Leaves all games where they are; the next run goes on with them."""
        self.stopping = True
        if self.browsers is not None:
            await self.browsers.abandon()

    async def _retire(self, page: Page) -> None:
        """Page first, then its context: the other way round hangs now and then."""
        await self._save_session(page)
        self._drivers.pop(page, None)
        self.gate.detach(page)
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS):
                await page.close()
                await page.context.close()

    async def _save_session(self, page: Page) -> None:
        """Keeps what a login or a consent changed, unless the page is gone."""
        driver = self._drivers.get(page)
        if driver is None or not driver.cookies_changed or page.is_closed():
            return
        driver.cookies_changed = False
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                self._state = await page.context.storage_state()
        except (PlaywrightError, TimeoutError):
            return
        self._met = True
        write_session(self.job.session, self._state)
