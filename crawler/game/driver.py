"""The game's verbs on a Playwright page.

Every call on a page stands in a block that ends in time, and the only pauses are those between
two looks at something. Nothing is added to the page: no style, no script, no attribute.
"""

import asyncio
import base64
import hashlib
import io
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from PIL import Image
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Request, Response, Route
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from crawler.game.pages import game_id, parse_retry_after, parse_round
from crawler.game.port import (
    Account,
    Answer,
    DriverTimeoutError,
    PageGoneError,
    Picture,
    Refusal,
    Verdict,
)
from crawler.game.site import Element, Marker, Site, element_data

JPEG_QUALITY = 95
MAP_LINK = re.compile("[?&]cbll=")
FRAME_PAUSE = 0.06
"""Between two frames that are compared."""
SETTLE_SECONDS = 0.5
"""How long frames must be equal while something is still loading."""
NETWORK_PAUSE = 0.1
"""How long nothing must be loading for a page to count as loaded."""
NAVIGATION_POLL = 0.01
BLANK_RANGE = 8
"""Levels of brightness between which a picture counts as one colour."""
LOADS = frozenset({"document", "fetch", "xhr"})
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
        self.refusal: Refusal | None = None
        self._in_flight = 0
        self._devtools: Any = None
        self._crashed = False
        self._limits: set[asyncio.Timeout] = set()
        page.on("request", self._request_began)
        page.on("requestfinished", self._request_ended)
        page.on("requestfailed", self._request_ended)
        page.on("response", self._response_came)
        page.on("crash", self._page_crashed)

    def _request_began(self, request: Request) -> None:
        self._in_flight += 1
        if request.is_navigation_request() and request.frame == self.page.main_frame:
            self.refusal = None

    def _request_ended(self, _: Request) -> None:
        self._in_flight -= 1

    def _response_came(self, response: Response) -> None:
        refused = response.status == 429 or response.status >= 500
        if refused and response.request.resource_type in LOADS:
            asked = response.headers.get("retry-after", "")
            self.refusal = Refusal(response.status, parse_retry_after(asked, datetime.now(UTC)))

    def _page_crashed(self, _: Page) -> None:
        """Whatever is being waited for will not come."""
        self._crashed = True
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(now)

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
        await self._until_loaded(seconds)
        return await self._listed(self.site.ongoing, seconds)

    async def _listed(self, links: Element, seconds: float) -> list[str]:
        found = await self._ask("read", [element_data(links), 0], seconds)
        return [game_id(item["link"]) for item in found if item["link"]]

    async def _until_loaded(self, seconds: float) -> None:
        """Waits until the page has stopped loading: lists come after the page itself."""
        async with self._bounded(seconds):
            quiet = 0.0
            while quiet < NETWORK_PAUSE:
                await asyncio.sleep(NETWORK_PAUSE / 4)
                quiet = 0.0 if self._in_flight > 0 else quiet + NETWORK_PAUSE / 4

    async def past_games(self, seconds: float) -> list[str]:
        """Games that were played to their end, as far as the lobby lists them."""
        await self._until_loaded(seconds)
        return await self._listed(self.site.past, seconds)

    async def start_game(self, seconds: float) -> None:
        """Clicks from the lobby to the game; a dialog that shows itself on the way is closed."""
        dialogs = [*map(element_data, self.site.dialogs)]
        for element in self.site.start[self.site.mode]:
            wanted = [*dialogs, element_data(element)]
            while True:
                place = await self._ask("locate", [wanted], seconds)
                await self._click_at(place, seconds)
                if place["index"] == len(dialogs):
                    break

    async def game_id(self) -> str:
        return game_id(self.page.url)

    async def round_number(self, seconds: float) -> int:
        found = await self._ask("read", [element_data(self.site.round_label), 1], seconds)
        try:
            return parse_round(found[-1]["text"])
        except ValueError as error:
            raise DriverTimeoutError(str(error)) from None

    async def capture(self, seconds: float) -> Picture:
        """The canvas's pixels, once two consecutive frames are equal and nothing is loading.

        While something is loading, as it always is on a page that keeps asking its server, frames
        must be equal for longer. They are compared as encoded screenshots, so the last of them is
        the picture. A canvas that never settles is taken as it is when the time is over.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        async with self._bounded(seconds + GRACE):
            await self.page.mouse.move(*self.site.rest)
            before, equal_since = "", loop.time()
            while True:
                box = await self._ask("box", [element_data(self.site.canvas)], seconds)
                image = await self._screenshot(box)
                digest, now = hashlib.sha256(image).hexdigest(), loop.time()
                if digest != before:
                    before, equal_since = digest, now
                    settled = False
                else:
                    settled = self._in_flight <= 0 or now - equal_since >= SETTLE_SECONDS
                if settled or now >= ends_at:
                    return Picture(
                        image,
                        "jpg",
                        datetime.now(UTC),
                        settled=settled,
                        covered=box["covered"] > 0,
                        blank=_is_blank(image),
                    )
                await asyncio.sleep(FRAME_PAUSE)

    async def _screenshot(self, box: dict[str, float]) -> bytes:
        """A clip of the window. By the protocol itself: Playwright's own waits for fonts first."""
        clip = {name: box[name] for name in ("x", "y", "width", "height")}
        async with self._bounded(GRACE):
            if self._devtools is None:
                self._devtools = await self.page.context.new_cdp_session(self.page)
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
        await self._click_at({"x": control["x"] + right, "y": control["y"] + down}, seconds)
        await self._click((self.site.guess,), seconds)

    async def spectate(self, seconds: float) -> None:
        await self._click((self.site.spectate,), seconds)

    async def read_verdict(self, seconds: float) -> Verdict:
        site = self.site
        parts = (site.round_label, site.sentence, site.place_link, site.others, site.players)
        found = await self._ask("verdict", [[*map(element_data, parts)]], seconds)
        try:
            number = parse_round(found["label"])
        except ValueError as error:
            raise DriverTimeoutError(str(error)) from None
        answer = Answer(
            link=found["link"],
            sentence=found["sentence"],
            wrong_guesses=tuple(found["guesses"]),
            players=found["players"],
        )
        return Verdict(number=number, answer=answer)

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
            async with self._bounded(GRACE):
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
        """Goes there, once more when the page itself went elsewhere in that moment."""
        try:
            await self._goto(url, seconds)
        except _NavigatedError:
            await self._goto(url, seconds)

    async def _goto(self, url: str, seconds: float) -> None:
        async with self._bounded(seconds):
            await self.page.goto(url, wait_until="domcontentloaded", timeout=1000 * seconds)

    async def _click(self, elements: Sequence[Element], seconds: float) -> None:
        await self._click_at(await self._locate(elements, seconds), seconds)

    async def _click_at(self, place: dict[str, float], seconds: float) -> None:
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
                await asyncio.sleep(NAVIGATION_POLL)
                continue
            if found is None:
                raise DriverTimeoutError(f"{question}: nothing on {self.page.url} in {seconds:g} s")
            return found

    @asynccontextmanager
    async def _bounded(self, seconds: float) -> AsyncIterator[None]:
        """Ends what hangs, and turns Playwright's errors into the port's."""
        limit = asyncio.timeout(0 if self._crashed else seconds + GRACE)
        try:
            async with limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
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


def _is_blank(image: bytes) -> bool:
    with Image.open(io.BytesIO(image)) as picture:
        # Decoded at an eighth of its size, which costs next to nothing.
        picture.draft("L", (picture.width // 8, picture.height // 8))
        bands = cast("list[tuple[int, int]]", [*picture.convert("RGB").getextrema()])
    return all(high - low <= BLANK_RANGE for low, high in bands)


@cache
def _script(question: str) -> str:
    source = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
    return f"(arguments) => ({source.rstrip().rstrip(';')}).{question}(arguments)"
