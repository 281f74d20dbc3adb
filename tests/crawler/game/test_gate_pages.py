"""The gate on pages of a small site: redirects, windows, strangers, a robots.txt in ruins."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, async_playwright

from crawler.browser import launch_options
from crawler.budgets import SqliteBudgets
from crawler.game.gate import Gate, Visit
from crawler.reasons import FailReason
from crawler.web.client import ClientRules, PoliteClient
from crawler.web.retry import RetryRules

HOST = "127.0.0.1"
ROBOTS = "User-agent: LostFound\nDisallow: /secret\n\nUser-agent: *\nDisallow: /"
PAGES = {
    "/": "<p>home</p>",
    "/opens": "<script>window.open('/popup')</script>",
    "/strangers": "<img src='http://localhost:{port}/picture.png'><img src='/own.png'>",
    "/frames": "<iframe src='/secret'></iframe>",
}


class Site:
    """Serves `PAGES` and remembers who asked for what."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.robots_status = 200
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        # A Chromium with a user interface asks for this by itself, which no interception sees.
        if request.path != "/favicon.ico":
            self.asked.append(request.path)
        if request.path == "/robots.txt":
            return web.Response(text=ROBOTS, status=self.robots_status)
        if request.path == "/away":
            raise web.HTTPFound("/secret/place")
        if request.path == "/busy":
            return web.Response(status=503, headers={"Retry-After": "7"}, text="later")
        html = PAGES.get(request.path, "").replace("{port}", str(self.port))
        return web.Response(text=html, content_type="text/html")


Use = Callable[[Site, Gate, Page, str], Awaitable[Any]]


def on_site(tmp_path: Path, use: Use, robots_status: int = 200) -> tuple[Visit, list[str], Any]:
    """Runs `use` on a page behind the gate; the visit, what the server was asked, the answer."""

    async def run() -> tuple[Visit, list[str], Any]:
        site = Site()
        site.robots_status = robots_status
        runner = web.AppRunner(_application(site), shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        site.port = runner.addresses[0][1]
        rules = ClientRules(allow_private=True, retry=RetryRules(attempts=1))
        with SqliteBudgets(tmp_path / "budgets.sqlite") as budgets:
            async with (
                async_playwright() as playwright,
                PoliteClient(user_agent="LostFound/1 (x)", budgets=budgets, rules=rules) as web_,
            ):
                browser = await playwright.chromium.launch(**launch_options())
                page = await browser.new_page()
                gate = Gate((HOST,), web_, budgets)

                async def route(route: Any) -> None:
                    refused = await gate.refuses(route.request)
                    await (route.abort() if refused else route.continue_())

                await page.route("**", route)
                visit = await gate.attach(page)
                answer = await use(site, gate, page, f"http://{HOST}:{site.port}")
                await browser.close()
        await runner.cleanup()
        return visit, site.asked, answer

    return asyncio.run(run())


def _application(site: Site) -> web.Application:
    app = web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    return app


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


def test_a_page_that_may_not_be_visited_closes(tmp_path: Path) -> None:
    async def use(_site: Site, _gate: Gate, page: Page, url: str) -> bool:
        await page.goto(url)
        try:
            await page.goto(f"{url}/secret/place")
        except PlaywrightError:
            await until(page.is_closed)
        return page.is_closed()

    visit, asked, closed = on_site(tmp_path, use)
    assert closed
    assert visit.reason is FailReason.ROBOTS
    assert "/secret/place" in visit.detail
    assert asked == ["/robots.txt", "/"]


def test_a_redirect_to_such_a_page_ends_the_visit(tmp_path: Path) -> None:
    async def use(_site: Site, _gate: Gate, page: Page, url: str) -> None:
        with suppress(PlaywrightError):
            await page.goto(f"{url}/away")
        await until(page.is_closed)

    visit, _, _ = on_site(tmp_path, use)
    assert visit.reason is FailReason.ROBOTS


def test_windows_strangers_and_frames_are_left_out_without_an_end(tmp_path: Path) -> None:
    async def use(site: Site, _gate: Gate, page: Page, url: str) -> bool:
        async with page.context.expect_page():
            await page.goto(f"{url}/opens")
        await page.goto(f"{url}/frames")
        await page.goto(f"{url}/strangers", wait_until="load")
        await until(lambda: "/own.png" in site.asked)
        return page.is_closed()

    visit, asked, closed = on_site(tmp_path, use)
    assert not closed
    assert visit.reason is None
    assert set(asked) == {"/robots.txt", "/opens", "/frames", "/strangers", "/own.png"}


def test_without_a_robots_txt_nothing_is_fetched(tmp_path: Path) -> None:
    async def use(_site: Site, _gate: Gate, page: Page, url: str) -> None:
        try:
            await page.goto(url)
        except PlaywrightError:
            await until(page.is_closed)

    visit, asked, _ = on_site(tmp_path, use, robots_status=503)
    assert visit.reason is FailReason.SERVER_ERROR
    assert set(asked) == {"/robots.txt"}


def test_a_retry_after_holds_for_everybody(tmp_path: Path) -> None:
    async def use(_site: Site, gate: Gate, page: Page, url: str) -> float:
        await page.goto(f"{url}/busy")
        await until(lambda: gate.blocked_for(url) > 0)
        return gate.blocked_for(url)

    visit, _, blocked = on_site(tmp_path, use)
    assert 0 < blocked <= 7
    assert visit.retry_after == 7
    assert visit.reason is None
