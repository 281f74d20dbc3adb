"""The game's verbs on a Playwright page. Every wait has an end, and none is a fixed pause."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Request, Route
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from crawler.game.pages import game_id, parse_round
from crawler.game.play import Account, DriverTimeoutError, PageGoneError, Picture
from crawler.game.site import Element, Marker, Site, element_data

JPEG_QUALITY = 95
MAP_LINK = re.compile("[?&]cbll=")
FRAME_PAUSE = 0.06
NETWORK_PAUSE = 0.1
NAVIGATED = ("context was destroyed", "Cannot find context", "navigat", "Frame was detached")
GONE = ("Target page, context or browser has been closed", "Target crashed", "Page crashed")
GRACE = 5.0
"""Seconds after its own limit at which a call that does not return is given up."""


class PageDriver:
    """`GameDriver` for one page. Make it before the first navigation: it counts requests."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.cookies_changed = False
        """An account was signed in, or a consent given."""
        self._in_flight = 0
        self._devtools: Any = None
        self._crashed = False
        page.on("request", self._request_began)
        page.on("requestfinished", self._request_ended)
        page.on("requestfailed", self._request_ended)
        page.on("crash", self._page_crashed)

    def _request_began(self, _: Request) -> None:
        self._in_flight += 1

    def _request_ended(self, _: Request) -> None:
        self._in_flight -= 1

    def _page_crashed(self, _: Page) -> None:
        self._crashed = True

    async def see(self, wanted: Sequence[Marker], seconds: float) -> Marker | None:
        conditions = [self.site.probe(marker) for marker in wanted]
        try:
            found = await self._ask("see", [conditions], seconds)
        except DriverTimeoutError:
            return None
        return Marker(found)

    async def accept_consent(self, seconds: float) -> None:
        await self._click(self.site.accept, seconds)
        self.cookies_changed = True

    async def sign_in(self, account: Account, seconds: float) -> None:
        async with self._bounded(seconds):
            await self.page.fill(self.site.email_field, account.email, timeout=1000 * seconds)
            await self.page.fill(self.site.password_field, account.password, timeout=1000 * seconds)
        await self._click((self.site.log_in,), seconds)
        self.cookies_changed = True

    async def open_lobby(self, seconds: float) -> None:
        await self._open(self.site.lobby_url(), seconds)

    async def open_game(self, game: str, seconds: float) -> None:
        await self._open(self.site.game_url(game), seconds)

    async def open_results(self, game: str, seconds: float) -> None:
        await self._open(self.site.results_url(game), seconds)

    async def ongoing_games(self, seconds: float) -> list[str]:
        """Reads the list once the page has stopped loading: it comes after the page itself."""
        async with self._bounded(seconds):
            quiet = 0.0
            while quiet < NETWORK_PAUSE:
                await asyncio.sleep(NETWORK_PAUSE / 4)
                quiet = 0.0 if self._in_flight > 0 else quiet + NETWORK_PAUSE / 4
        found = await self._ask("read", [element_data(self.site.ongoing), 0], seconds)
        return [game_id(item["link"]) for item in found if item["link"]]

    async def start_game(self, seconds: float) -> None:
        for element in self.site.start:
            await self._click((element,), seconds)

    async def game_id(self) -> str:
        return game_id(self.page.url)

    async def round_number(self, seconds: float) -> int:
        found = await self._ask("read", [element_data(self.site.round_label), 1], seconds)
        try:
            return parse_round(found[-1]["text"])
        except ValueError as error:
            raise DriverTimeoutError(str(error)) from None

    async def capture(self, seconds: float) -> Picture:
        """The canvas's pixels, once two consecutive frames are equal.

        Frames are compared as encoded screenshots, so the second of two equal ones is the
        picture. A canvas that never settles is taken as it is when the time is over.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        async with self._bounded(seconds + GRACE):
            await self.page.mouse.move(*self.site.rest)
            before = ""
            while True:
                box = await self._ask("box", [element_data(self.site.canvas)], seconds)
                image = await self._screenshot(box)
                digest = hashlib.sha256(image).hexdigest()
                settled = digest == before
                if settled or loop.time() >= ends_at:
                    covered = box["covered"] > 0
                    return Picture(image, "jpg", datetime.now(UTC), settled, covered)
                before = digest
                await asyncio.sleep(FRAME_PAUSE)

    async def _screenshot(self, box: dict[str, float]) -> bytes:
        """A clip of the window. By the protocol itself: Playwright's own waits for fonts first."""
        if self._devtools is None:
            self._devtools = await self.page.context.new_cdp_session(self.page)
        clip = {name: box[name] for name in ("x", "y", "width", "height")}
        answer = await self._devtools.send(
            "Page.captureScreenshot",
            {
                "format": "jpeg",
                "quality": JPEG_QUALITY,
                "clip": {**clip, "scale": 1},
                "optimizeForSpeed": True,
            },
        )
        return base64.b64decode(answer["data"])

    async def guess(self, seconds: float) -> None:
        """The place of the pin does not matter, so it is always the same."""
        control = await self._locate(self.site.map_controls, seconds)
        async with self._bounded(seconds):
            await self.page.mouse.move(control["x"], control["y"])
        await self._ask("locate", [[element_data(self.site.map_open)]], seconds)
        control = await self._locate(self.site.map_controls, seconds)
        right, down = self.site.pin_offset
        async with self._bounded(seconds):
            await self.page.mouse.click(control["x"] + right, control["y"] + down)
        await self._click((self.site.guess,), seconds)

    async def read_answer(self, seconds: float) -> str:
        found = await self._ask("read", [element_data(self.site.answer), 1], seconds)
        return str(found[-1]["link"]) or await self._opened_link(seconds)

    async def _opened_link(self, seconds: float) -> str:
        """Where a marker without a link of its own leads: the request is read and not sent."""
        context = self.page.context
        opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def catch(route: Route) -> None:
            if not opened.done():
                opened.set_result(route.request.url)
            await route.abort()

        async with self._bounded(seconds):
            await context.route(MAP_LINK, catch)
            try:
                await self._click((self.site.answer,), seconds)
                async with asyncio.timeout(seconds):
                    return await opened
            finally:
                await context.unroute(MAP_LINK, catch)
                for page in context.pages:
                    if page is not self.page:
                        await page.close()

    async def next_round(self, seconds: float) -> None:
        await self._click(self.site.next, seconds)

    async def read_results(self, seconds: float) -> dict[int, str]:
        await self._click((self.site.show_places,), seconds)
        marker = element_data(self.site.answer)
        found = await self._ask("read", [marker, self.site.rounds], seconds)
        return {parse_round(item["text"]): item["link"] for item in found}

    async def _open(self, url: str, seconds: float) -> None:
        async with self._bounded(seconds):
            await self.page.goto(url, wait_until="domcontentloaded", timeout=1000 * seconds)

    async def _click(self, elements: Sequence[Element], seconds: float) -> None:
        place = await self._locate(elements, seconds)
        async with self._bounded(seconds):
            await self.page.mouse.click(place["x"], place["y"])

    async def _locate(self, elements: Sequence[Element], seconds: float) -> Any:
        return await self._ask("locate", [[*map(element_data, elements)]], seconds)

    async def _ask(self, question: str, arguments: list[Any], seconds: float) -> Any:
        """One question of `page.js`, asked again when a navigation interrupts it."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        while True:
            left = max(0.0, ends_at - loop.time())
            try:
                async with self._bounded(left + GRACE):
                    found = await self.page.evaluate(_script(question), [*arguments, left])
            except _NavigatedError:
                await asyncio.sleep(0.01)
                continue
            if found is None:
                raise DriverTimeoutError(f"{question}: nothing on {self.page.url} in {seconds:g} s")
            return found

    @asynccontextmanager
    async def _bounded(self, seconds: float) -> AsyncIterator[None]:
        """Ends what hangs, and turns Playwright's errors into the port's."""
        try:
            async with asyncio.timeout(seconds + GRACE):
                yield
        except (TimeoutError, PlaywrightTimeoutError) as error:
            if self._crashed:
                raise PageGoneError("the page crashed") from error
            raise DriverTimeoutError(f"no answer in {seconds:g} s") from error
        except PlaywrightError as error:
            message = str(error).splitlines()[0]
            if self._crashed or self.page.is_closed() or any(word in message for word in GONE):
                raise PageGoneError(message) from error
            if any(word in message for word in NAVIGATED):
                raise _NavigatedError(message) from error
            raise DriverTimeoutError(message) from error


class _NavigatedError(DriverTimeoutError):
    """The page went elsewhere while it was asked something."""


@cache
def _script(question: str) -> str:
    source = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
    return f"(arguments) => ({source.rstrip().rstrip(';')}).{question}(arguments)"
