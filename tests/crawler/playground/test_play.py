"""A real Chromium plays the game with the hand's own means: what is seen, hovered and clicked."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from crawler.playground.game import ROUNDS
from crawler.playground.server import Server, start_in_thread
from crawler.playground.world import WorldConfig
from tests.crawler.playground.conftest import accept, guess, sign_in, start_game, visitor

CANVAS = ".mapsConsumerUiSceneCoreScene__canvas"
MARKER = '[data-qa="correct-location-marker"]'
PLACE_URL = re.compile(r"https://www\.google\.com/maps\?q&layer=c&cbll=([-\d.]+),([-\d.]+)&cbp=")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with start_in_thread(WorldConfig(seed=3, countries=5, bad_share=0), truth=True) as running:
        yield running


def popup_position(page: Page, index: int = 0) -> tuple[float, float]:
    with page.expect_popup() as popup:
        page.locator(MARKER).nth(index).click()
    popup.value.wait_for_url(PLACE_URL)
    found = PLACE_URL.match(popup.value.url)
    assert found
    popup.value.close()
    return float(found[1]), float(found[2])


def test_a_game_is_played_by_hand_from_the_consent_banner_to_the_breakdown(
    browser: Browser, server: Server
) -> None:
    with visitor(browser, server, width=1281) as page:
        page.goto("/")
        accept(page)
        sign_in(page)
        game_id = start_game(page)
        expect(page.get_by_text("Loading location")).to_be_hidden()
        box = page.locator(CANVAS).bounding_box()
        assert box
        assert (box["width"], box["height"]) == (1280, 720)
        truth = page.request.get(f"/api/truth/{game_id}").json()
        expected = [(place["lat"], place["lon"]) for place in truth]
        for number in range(1, ROUNDS + 1):
            guess(page)
            assert popup_position(page) == expected[number - 1]
            page.get_by_text("Next" if number < ROUNDS else "View results", exact=True).click()
        expect(page.get_by_text("Play again")).to_be_visible()
        assert page.url == f"{server.url}/results/{game_id}"
        assert server.log.dealt == {game_id: 1}
        assert server.log.rounds == {(game_id, number): 1 for number in range(1, ROUNDS + 1)}


def test_a_past_game_shows_its_places_and_the_others_say_why_not(
    browser: Browser, server: Server
) -> None:
    finished, _, unfinished = server.add_past_games(1, 2, "past@example.org")
    expected = [(place["lat"], place["lon"]) for place in server.truth_of(finished)]
    with visitor(browser, server) as page:
        sign_in(page, "past@example.org")
        accept(page)
        page.locator(f'a[data-qa="past-game"][href="/results/{finished}"]').click()
        page.locator("xpath=//h2[text()='Breakdown']/preceding::button[1]").click()
        assert page.locator(MARKER).all_inner_texts() == ["1", "2", "3", "4", "5"]
        assert [popup_position(page, index) for index in range(ROUNDS)] == expected
        page.goto("/results/0000")
        expect(page.get_by_text("not found")).to_be_visible()
        page.goto(f"/results/{unfinished}")
        expect(page.get_by_text("not finished")).to_be_visible()
        page.get_by_text("Go on").click()
        expect(page.get_by_text("2 / 5")).to_be_visible()
        page.goto("/games")
        ongoing = page.locator('a[data-qa="ongoing-game"]')
        expect(ongoing).to_have_count(2)
