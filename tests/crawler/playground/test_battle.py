"""A real Chromium in a match: misses, hits, watches to the end; another visitor watches it all."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from crawler.playground.faults import Faults
from crawler.playground.multiplayer import Pace
from crawler.playground.server import Server, start_in_thread
from crawler.playground.world import WorldConfig
from tests.crawler.playground.conftest import place_pin, sign_in, start_match, visitor

SENTENCE = re.compile(r"right answer was (?:in |indeed |actually )?(.+?)\. ")

PIXELS = 'document.querySelector(".mapsConsumerUiSceneCoreScene__canvas").toDataURL()'


class Clock:
    """Stands still until it is moved."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[Server]:
    config = WorldConfig(seed=8, countries=("NL", "CD"), bad_share=0)
    pace = Pace(start=10, round=10, pause=10)
    with start_in_thread(config, truth=True, pace=pace, clock=clock) as running:
        yield running


def test_a_match_from_the_lobby_to_its_end_after_a_miss(
    browser: Browser, server: Server, clock: Clock
) -> None:
    with visitor(browser, server) as page, visitor(browser, server) as shadow:
        sign_in(page)
        match_id = start_match(page)
        expect(page.get_by_text("Game starting in")).to_be_visible()
        sign_in(shadow, "shadow@example.org")
        shadow.goto(f"/battle-royale/{match_id}")
        truth = shadow.request.get(f"/api/truth/{match_id}").json()
        for number, place in enumerate(truth, start=1):
            clock.now += 10
            for viewer in (page, shadow):
                expect(viewer.get_by_text(f"{number} / {len(truth)}")).to_be_visible()
                expect(viewer.get_by_text("Loading location")).to_be_hidden()
            expect(shadow.locator("#guess-map")).to_be_hidden()
            if number == 1:
                place_pin(page)
                page.get_by_text("Guess", exact=True).click()
                page.get_by_text("Spectate").click()
                expect(page.get_by_text("Spectate")).to_be_hidden()
                expect(page.get_by_text("Already made guesses")).to_be_visible()
                missed = shadow.locator("#made img").first
                assert missed.get_attribute("alt") not in ("", None, "Netherlands")
            expect(page.locator("#guess-map")).to_be_hidden()
            clock.now += 10
            for viewer in (page, shadow):
                expect(viewer.get_by_text("right answer was")).to_be_visible()
                found = SENTENCE.search(viewer.locator("#sentence").inner_text() + " ")
                assert found
                assert found[1] == place["country_name"]
            if number < len(truth):
                expect(page.get_by_text("Next round starts in")).to_be_visible()
        links = page.locator('a[href^="/user/"]')
        match = server.matches.match(match_id)
        assert links.count() == 1 + len(match.bots)
        page.get_by_text("View results").click()
        page.get_by_text("Play again").click()
        page.wait_for_url(lambda url: match_id not in url)
        expect(page.get_by_text("Game starting in")).to_be_visible()


def test_a_country_is_clicked_or_typed_and_a_hit_goes_on(
    browser: Browser, server: Server, clock: Clock
) -> None:
    labels = {"NL": "Netherlands", "CD": "Democratic Republic of the Congo"}
    clicked = {"Brazil": (-10, -52), "Australia": (-25, 134), labels["CD"]: (-3, 23)}
    with visitor(browser, server, width=1280) as page:
        sign_in(page)
        match = server.matches.match(start_match(page))
        clock.now += 10
        page.locator("#guess-map .map").hover()
        box = page.locator("#guess-map canvas").bounding_box()
        assert box
        search = page.get_by_placeholder("or type a country")
        for name, (lat, lon) in clicked.items():
            x, y = (lon + 180) / 360 * box["width"], (90 - lat) / 180 * box["height"]
            page.mouse.click(box["x"] + x, box["y"] + y)
            expect(search).to_have_value(name)
        search.fill(labels[match.country(1)])
        page.get_by_text("Guess", exact=True).click()
        expect(page.get_by_text("Correct: ")).to_be_visible()
        clock.now += 20
        expect(page.get_by_text("2 / ")).to_be_visible()
        expect(page.locator("#guess-map")).to_be_visible()


def test_a_late_picture_is_not_shown_in_the_next_round(browser: Browser, clock: Clock) -> None:
    faults = Faults(slow_picture=(1,), slow_seconds=3)
    config = WorldConfig(seed=8, countries=("NL", "CD"), bad_share=0)
    with (
        start_in_thread(config, faults=faults, pace=Pace(10, 10, 10), clock=clock) as server,
        visitor(browser, server) as page,
    ):
        sign_in(page)
        start_match(page)
        with page.expect_response("**/rounds/1") as late:
            with page.expect_request("**/rounds/1"):
                clock.now += 10
            with page.expect_response("**/rounds/2"):
                clock.now += 20
            expect(page.get_by_text("Loading location")).to_be_hidden()
            second = page.evaluate(PIXELS)
        late.value.finished()
        page.evaluate("() => new Promise((resume) => setTimeout(resume, 100))")
        expect(page.get_by_text("2 / ")).to_be_visible()
        assert page.evaluate(PIXELS) == second
