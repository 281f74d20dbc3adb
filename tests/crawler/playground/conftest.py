"""A browser for the tests of the playground's pages, and what a hand does on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from crawler.browser import launch_options
from crawler.playground.server import Server

TIMEOUT_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser
        browser.close()


@contextmanager
def visitor(browser: Browser, server: Server, width: int = 1824) -> Iterator[Page]:
    """A new visitor's page; the real map site is never asked."""
    context = browser.new_context(viewport={"width": width, "height": 720}, base_url=server.url)
    context.route("https://**.google.com/**", answer_empty)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    yield page
    context.close()


def answer_empty(route: Route) -> None:
    route.fulfill(body="")


def sign_in(page: Page, email: str = "player@example.org") -> None:
    page.goto("/")
    page.locator('input[name="email"]').fill(email)
    page.locator('input[name="password"]').fill("anything")
    page.locator("button, a").get_by_text("Log in").click()
    expect(page.locator("button, a").get_by_text("Multiplayer")).to_be_visible()


def accept(page: Page) -> None:
    """The usual banner, which comes late."""
    page.locator("#onetrust-consent-sdk").get_by_text("Accept all").click()
    expect(page.locator("#onetrust-consent-sdk")).to_have_count(0)


def start_game(page: Page) -> str:
    page.locator("button").get_by_text("Classic Maps").click()
    page.get_by_text("World", exact=True).click()
    page.get_by_text("Play").last.click()
    page.wait_for_url("**/game/*")
    return page.url.rsplit("/", 1)[1]


def start_match(page: Page) -> str:
    page.locator("button").get_by_text("Multiplayer").click()
    unranked, notice = page.get_by_text("Unranked"), page.locator("dialog button")
    expect(unranked.or_(notice).filter(visible=True)).to_have_count(1)
    if notice.is_visible():
        assert notice.inner_text() in ("Got it", "\N{MULTIPLICATION SIGN}")
        notice.click()
    unranked.click()
    page.get_by_text("Countries", exact=True).click()
    page.wait_for_url("**/battle-royale/*")
    return page.url.rsplit("/", 1)[1]


def place_pin(page: Page) -> None:
    """Hovers the map's controls and clicks beside them."""
    expect(page.get_by_text("Loading location")).to_be_hidden()
    control = page.locator('button[title="Keyboard shortcuts"] img')
    control.hover()
    expect(page.locator('button img[alt="Sticky map"]')).to_be_visible()
    box = control.bounding_box()
    assert box
    page.mouse.click(box["x"] - 120, box["y"] - 80)


def guess(page: Page) -> None:
    place_pin(page)
    page.get_by_text("Guess", exact=True).click()
