"""A real Chromium plays the game with the hand's own means: what is seen, hovered and clicked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from crawler.browser import launch_options
from crawler.playground.game import ROUNDS
from crawler.playground.server import Server, start_in_thread
from crawler.playground.world import WorldConfig

CANVAS = ".mapsConsumerUiSceneCoreScene__canvas"
MARKER = '[data-qa="correct-location-marker"]'
PLACE_URL = re.compile(r"https://www\.google\.com/maps\?q&layer=c&cbll=([-\d.]+),([-\d.]+)&cbp=")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with start_in_thread(WorldConfig(seed=3, countries=5, bad_share=0), truth=True) as running:
        yield running


@contextmanager
def new_page(server: Server) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        page = browser.new_page(viewport={"width": 1281, "height": 720}, base_url=server.url)
        page.set_default_timeout(5000)
        page.context.route("https://www.google.com/**", answer_empty)
        yield page
        browser.close()


def answer_empty(route: Route) -> None:
    route.fulfill(body="")


def sign_in(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("Log in")).to_be_visible()
    page.locator("#onetrust-consent-sdk").get_by_text("Accept all").click()
    expect(page.locator("#onetrust-consent-sdk")).to_have_count(0)
    page.locator('input[name="email"]').fill("player@example.org")
    page.locator('input[name="password"]').fill("anything")
    page.locator("button, a").get_by_text("Log in").click()
    expect(page.locator("button, a").get_by_text("Multiplayer")).to_be_visible()


def start_game(page: Page) -> str:
    page.locator("button").get_by_text("Classic Maps").click()
    page.get_by_text("World", exact=True).click()
    page.get_by_text("Play").last.click()
    page.wait_for_url("**/game/*")
    return page.url.rsplit("/", 1)[1]


def guess(page: Page) -> None:
    expect(page.get_by_text("Loading location")).to_be_hidden()
    page.locator("span", has_text="Map data ©").hover()
    expect(page.locator('button img[alt="Sticky map"]')).to_be_visible()
    page.locator("#guess-map canvas").click(position={"x": 200, "y": 60})
    page.get_by_text("Guess", exact=True).click()


def popup_position(page: Page, index: int = 0) -> tuple[float, float]:
    with page.expect_popup() as popup:
        page.locator(MARKER).nth(index).click()
    popup.value.wait_for_url(PLACE_URL)
    found = PLACE_URL.match(popup.value.url)
    assert found
    popup.value.close()
    return float(found[1]), float(found[2])


def test_a_game_is_played_by_hand_from_the_consent_banner_to_the_breakdown(server: Server) -> None:
    with new_page(server) as page:
        sign_in(page)
        game_id = start_game(page)
        truth = page.request.get(f"/api/truth/{game_id}").json()
        expected = [(place["lat"], place["lon"]) for place in truth]
        for number in range(1, ROUNDS + 1):
            guess(page)
            assert popup_position(page) == expected[number - 1]
            page.get_by_text("Next" if number < ROUNDS else "View results", exact=True).click()
        expect(page.get_by_text("Play again")).to_be_visible()
        assert page.url == f"{server.url}/results/{game_id}"
        page.locator("xpath=//h2[text()='Breakdown']/preceding::button[1]").click()
        assert page.locator(MARKER).all_inner_texts() == ["1", "2", "3", "4", "5"]
        assert [popup_position(page, index) for index in range(ROUNDS)] == expected


def test_the_canvas_fills_the_usual_viewport(server: Server) -> None:
    with new_page(server) as page:
        sign_in(page)
        start_game(page)
        expect(page.get_by_text("Loading location")).to_be_hidden()
        box = page.locator(CANVAS).bounding_box()
        assert box
        assert (box["width"], box["height"]) == (1280, 720)


def test_a_game_goes_on_where_it_stopped_and_is_offered_in_the_lobby(server: Server) -> None:
    with new_page(server) as page:
        sign_in(page)
        game_id = start_game(page)
        guess(page)
        page.goto(f"/results/{game_id}")
        expect(page.get_by_text("not finished")).to_be_visible()
        page.goto("/results/0000")
        expect(page.get_by_text("not found")).to_be_visible()
        page.goto("/")
        page.locator(f'a[data-qa="ongoing-game"][href="/game/{game_id}"]').click()
        expect(page.get_by_text("2 / 5")).to_be_visible()
