"""What the faults look like in a real Chromium: banners, pictures, a crash, walls."""

import pytest
from playwright.sync_api import Browser, Page, expect

from crawler.playground.faults import Faults
from crawler.playground.server import start_in_thread
from crawler.playground.world import WorldConfig
from tests.crawler.playground.conftest import TIMEOUT_MS, guess, sign_in, start_game, visitor

CONFIG = WorldConfig(seed=3, countries=3, bad_share=0)
LOADING = "Loading location"
PAINTED = """() => {
  const canvas = document.querySelector("canvas.mapsConsumerUiSceneCoreScene__canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value > 0);
}"""


def test_banners_come_in_a_round_at_once_or_never(browser: Browser) -> None:
    faults = Faults(banner_in_round=(1,), banner_other=(1,), banner_early=(2,), banner_absent=(3,))
    with start_in_thread(CONFIG, faults=faults) as server:
        with visitor(browser, server) as page:
            sign_in(page)
            expect(page.locator(".consent")).to_have_count(0)
            start_game(page)
            expect(page.get_by_text(LOADING)).to_be_hidden()
            page.locator("#snigel-cmp-framework").get_by_text("Accept").click()
            page.reload()
            expect(page.get_by_text(LOADING)).to_be_hidden()
            expect(page.locator(".consent")).to_have_count(0)
        with visitor(browser, server) as page:
            page.goto("/login")
            expect(page.locator("#onetrust-consent-sdk")).to_be_visible()
        with visitor(browser, server) as page:
            page.goto("/login")
            assert "consent_plan=never" in page.evaluate("document.cookie")
            expect(page.locator(".consent")).to_have_count(0)


def test_a_picture_that_never_comes_one_that_stays_blank_and_a_crash(browser: Browser) -> None:
    faults = Faults(no_picture=(1,), blank_picture=(1,), crash=(2,))
    with start_in_thread(CONFIG, faults=faults) as server, visitor(browser, server) as page:
        sign_in(page)
        with page.expect_response("**/api/games/*"):
            start_game(page)
        expect(page.get_by_text("1 / 5")).to_be_visible()
        expect(page.get_by_text(LOADING)).to_be_visible()
        page.reload()
        expect(page.get_by_text(LOADING)).to_be_hidden()
        assert page.evaluate(PAINTED) is False
        url = page.url
        crashed = crash_of(page)
        assert crashed
        with page.context.new_page() as again:
            again.goto(url)
            expect(again.get_by_text(LOADING)).to_be_hidden(timeout=TIMEOUT_MS)
            assert again.evaluate(PAINTED) is True


def crash_of(page: Page) -> bool:
    """Reloads the page and waits until its renderer is gone."""
    with page.expect_event("crash", timeout=2 * TIMEOUT_MS):
        page.evaluate("() => { setTimeout(() => location.reload(), 0); }")
    return True


def test_an_expired_login_leads_back_to_the_game(browser: Browser) -> None:
    faults = Faults(expired_login=(2,), rate_limit=(1,), retry_after=1)
    with start_in_thread(CONFIG, faults=faults) as server, visitor(browser, server) as page:
        sign_in(page)
        page.get_by_text("Classic Maps").click()
        page.get_by_text("World", exact=True).click()
        page.get_by_text("Play", exact=True).click()
        expect(page.get_by_text("Rate limit")).to_be_visible()
        server.wait_until.clear()
        game = start_game(page)
        guess(page)
        page.wait_for_url(f"**/login?next=/game/{game}")
        page.locator('input[name="email"]').fill("player@example.org")
        page.locator('input[name="password"]').fill("anything")
        page.locator("button, a").get_by_text("Log in").click()
        page.wait_for_url(f"**/game/{game}")
        guess(page)
        expect(page.get_by_text("Next", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("faults", "text"),
    [
        (Faults(captcha=(2,)), "verify that you are human"),
        (Faults(ban=(2,)), "account has been suspended"),
        (Faults(lost_game=1), "not found"),
    ],
)
def test_walls_and_lost_games_are_pages(browser: Browser, faults: Faults, text: str) -> None:
    with start_in_thread(CONFIG, faults=faults) as server, visitor(browser, server) as page:
        sign_in(page)
        start_game(page)
        expect(page.get_by_text(text)).to_be_visible()
