"""What a page may ask of servers: the gate that every request of the browser goes through.

Refused without a trace in the game: other hosts, fonts and media, windows that a page opens.
Everything else is checked against the robots.txt of its host, as a search engine does that renders
pages: what a page loads (scripts, pictures, data) is left out where robots.txt disallows it, and a
page that may not be visited ends the game. Crawl-delay and Retry-After hold pages back, not what
they load: a page and its parts are one visit.

Chromium follows a redirect before anybody can be asked: the page that it leads to is checked then.
Its builds with a user interface may also ask an allowed host for /favicon.ico by themselves.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Request, Response, Route

from crawler.budgets import Budgets, Turn
from crawler.game.port import Limits
from crawler.reasons import FailReason
from crawler.web.errors import FetchError
from crawler.web.hosts import origin
from crawler.web.retry import retry_after_seconds
from crawler.web.robots import RobotsRules

REFUSED_RESOURCES = frozenset({"font", "media"})
WEB = ("http", "https")
BUSY_STATUSES = (429, 503)
HOLD_SECONDS = 60.0
"""After which a page that was held back counts as loaded, whatever became of it."""
LONGEST_WAIT = 120.0
"""Seconds for which a page waits for a Crawl-delay; beyond that the game is put back instead."""
LONGEST_PAUSE = 10.0
"""The same for a Retry-After of a site without a Crawl-delay, whose pages have no such patience."""
PAGES_OF_A_GAME = 10


class Robots(Protocol):
    async def robots(self, url: str) -> RobotsRules:
        """Raises FetchError when they cannot be had."""


@dataclass(slots=True)
class Visit:
    """What happened on one page besides the game."""

    end: Callable[[], Coroutine[Any, Any, object]]
    """Closes the page: its game is over."""
    reason: FailReason | None = None
    """Why it was ended here."""
    detail: str = ""
    retry_after: float | None = None
    """Seconds for which a server asked us to stay away."""
    requests: int = 0
    _tasks: set[asyncio.Task[object]] = field(default_factory=set)

    def fail(self, reason: FailReason, detail: str, retry_after: float | None = None) -> None:
        """Ends the game of this page, for the first reason that was found."""
        if self.reason is None:
            self.reason, self.detail, self.retry_after = reason, detail, retry_after
            self.run(self.end())

    def run(self, work: Coroutine[Any, Any, object]) -> None:
        """In the background; the event loop itself would forget it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Gate:
    """For all pages of one worker."""

    def __init__(
        self,
        hosts: tuple[str, ...],
        robots: Robots,
        budgets: Budgets,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`hosts` that pages may load from; `clock` in seconds since 1970."""
        self._hosts = frozenset(hosts)
        self._robots = robots
        self._budgets = budgets
        self._clock = clock
        self._sleep = sleep
        self._visits: dict[Page, Visit] = {}
        self._delayed = asyncio.Lock()

    async def attach(self, page: Page) -> Visit:
        """Before the first navigation of a page."""
        visit = self._visits[page] = Visit(page.close)
        page.on("request", self._began)
        page.on("response", self._answered)
        # The page itself is routed by scrapy-playwright, so this meets the windows it opens.
        async with asyncio.timeout(HOLD_SECONDS):
            await page.context.route("**/*", _refuse)
        return visit

    def detach(self, page: Page) -> None:
        self._visits.pop(page, None)

    async def refuses(self, request: Request) -> bool:
        """For PLAYWRIGHT_ABORT_REQUEST. Returns late for a page that must wait for its turn."""
        address = urlsplit(request.url)
        if address.scheme not in WEB:
            return False
        if address.hostname not in self._hosts or request.resource_type in REFUSED_RESOURCES:
            return True
        visit = self._visit(request)
        rules = await self._rules(request.url, visit)
        if rules is None:
            return True
        if not rules.allows(request.url):
            self._forbid(request, visit)
            return True
        if request.is_navigation_request():
            return not await self._turn(request, rules, visit)
        return False

    async def crawl_delay(self, url: str) -> float:
        """Seconds between two visits. Raises FetchError when robots.txt cannot be had."""
        return (await self._robots.robots(url)).delay

    def blocked_for(self, url: str) -> float:
        """Seconds for which the host of `url` asked everybody to stay away."""
        return self._budgets.blocked_for(_budget(url))

    async def _rules(self, url: str, visit: Visit | None) -> RobotsRules | None:
        try:
            return await self._robots.robots(url)
        except FetchError as error:
            if visit is not None:
                visit.fail(error.reason, error.detail, error.retry_after)
            return None

    def _forbid(self, request: Request, visit: Visit | None) -> None:
        if visit is not None and request.is_navigation_request() and _is_top(request):
            visit.fail(FailReason.ROBOTS, f"robots.txt disallows {request.url}")

    async def _turn(self, request: Request, rules: RobotsRules, visit: Visit | None) -> bool:
        """Waits for the host's Crawl-delay and Retry-After; False when that would take too long."""
        name, limits = _budget(request.url), rules.limits()
        if not limits and not self._budgets.blocked_for(name):
            return True
        async with self._delayed:
            while True:
                turn = self._budgets.reserve({name: limits}, hold=HOLD_SECONDS)
                if turn.granted:
                    break
                if turn.wait > (LONGEST_WAIT if limits else LONGEST_PAUSE):
                    if visit is not None:
                        visit.fail(FailReason.RATE_LIMITED, "the site asks for a pause", turn.wait)
                    return False
                await self._sleep(turn.wait)
        if visit is None:
            self._budgets.finish(turn)
        else:
            visit.run(self._finish(request, turn))
        return True

    async def _finish(self, request: Request, turn: Turn) -> None:
        try:
            with suppress(PlaywrightError):
                async with asyncio.timeout(HOLD_SECONDS):
                    await request.response()
        finally:
            self._budgets.finish(turn)

    def _visit(self, request: Request) -> Visit | None:
        page = _page(request)
        return None if page is None else self._visits.get(page)

    def _began(self, request: Request) -> None:
        visit = self._visit(request)
        if visit is None:
            return
        visit.requests += 1
        if request.redirected_from is not None and request.is_navigation_request():
            visit.run(self._check_redirect(request, visit))

    async def _check_redirect(self, request: Request, visit: Visit) -> None:
        rules = await self._rules(request.url, visit)
        if rules is not None and not rules.allows(request.url):
            self._forbid(request, visit)

    def _answered(self, response: Response) -> None:
        if response.status in BUSY_STATUSES:
            visit = self._visit(response.request)
            if visit is not None:
                visit.run(self._stay_away(response, visit))

    async def _stay_away(self, response: Response, visit: Visit) -> None:
        with suppress(PlaywrightError):
            text = await response.header_value("retry-after")
            seconds = retry_after_seconds(text, self._clock())
            if seconds:
                visit.retry_after = max(seconds, visit.retry_after or 0.0)
                self._budgets.block(_budget(response.url), seconds)


async def _refuse(route: Route) -> None:
    with suppress(PlaywrightError, TimeoutError):
        async with asyncio.timeout(HOLD_SECONDS):
            await route.abort()


def _page(request: Request) -> Page | None:
    try:
        return request.frame.page
    except PlaywrightError:  # of no page, or of one that is still opening
        return None


def _is_top(request: Request) -> bool:
    try:
        return request.frame.parent_frame is None
    except PlaywrightError:
        return True


def _budget(url: str) -> str:
    """The budget that the polite client keeps for a host, so that both wait for each other."""
    return f"host:{origin(url)}"


def patient(limits: Limits, seconds: float) -> Limits:
    """The same limits where each page that is opened may have to wait for its turn."""
    return replace(
        limits,
        open=limits.open + seconds,
        auth=limits.auth + seconds,
        start=limits.start + seconds,
        round=limits.round + seconds,
        results=limits.results + seconds,
        game=limits.game + PAGES_OF_A_GAME * seconds,
    )
