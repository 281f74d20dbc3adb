"""What pages may ask for: robots.txt, Crawl-delay and Retry-After on the real playground."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from scrapy.exceptions import IgnoreRequest
from scrapy.http.headers import Headers

from crawler.crawl import count_captures
from crawler.game.gate import patient
from crawler.game.opening import refused, why_not_opened
from crawler.game.port import Limits
from crawler.playground.faults import Faults
from crawler.playground.game import ROUNDS
from crawler.playground.log import Robots
from crawler.playground.server import Server, start_in_thread
from crawler.playground.world import WorldConfig
from crawler.reasons import FailReason
from tests.crawler.game.working import Order, Working

WORLD = WorldConfig(seed=5, countries=12)


def play(server: Server, directory: Path, games: int = 1) -> dict[str, int]:
    """Runs a worker to its end; the failures by reason."""
    with Working(Order(server.url, str(directory)), games) as work:
        work.finish()
        with work.frontier() as frontier:
            failures: dict[str, int] = frontier.failures()
        return failures


@pytest.mark.parametrize(("path", "kinds"), [("/$", {"robots"}), ("/game/", None)])
def test_a_page_that_robots_txt_disallows_ends_the_games(
    tmp_path: Path, path: str, kinds: set[str] | None
) -> None:
    with start_in_thread(WORLD, robots=Robots((path,))) as server:
        assert play(server, tmp_path, games=2) == {FailReason.ROBOTS: 1}
        assert server.log.disallowed() == []
        assert kinds is None or set(server.log.kinds) == kinds
    assert count_captures(tmp_path) == 0


def test_a_part_that_robots_txt_disallows_is_left_out(tmp_path: Path) -> None:
    with start_in_thread(WORLD, robots=Robots(("/static/consent.js",))) as server:
        assert play(server, tmp_path) == {}
        assert server.log.disallowed() == []
    assert count_captures(tmp_path) == ROUNDS


def test_pages_keep_the_crawl_delay(tmp_path: Path) -> None:
    with start_in_thread(WORLD, robots=Robots(crawl_delay=1.0)) as server:
        assert play(server, tmp_path) == {}
        pages = [
            entry.at
            for entry in server.log.entries
            if entry.kind in ("page", "login", "results") and entry.status == 200
        ]
    assert len(pages) >= 3
    assert min(after - before for before, after in pairwise(pages)) >= 1.0
    assert count_captures(tmp_path) == ROUNDS


def test_keeps_away_for_as_long_as_it_is_asked_to_and_listens_nowhere(tmp_path: Path) -> None:
    with start_in_thread(WORLD, faults=Faults(rate_limit=(1,), retry_after=3)) as server:
        with Working(Order(server.url, str(tmp_path)), 1) as work:
            work.wait_for_captures(1)
            listening = [
                connection
                for process in [work.root, *work.tree()]
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            ]
            work.finish()
            with work.frontier() as frontier:
                assert frontier.failures() == {}
        assert server.luck.happened["rate_limit"] == 1
        assert not server.log.early
    # Neither Scrapy's telnet nor its remote control, nor a port of Chromium's.
    assert listening == []
    assert count_captures(tmp_path) == ROUNDS


def answer(status: int, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(status=status, headers=Headers(names))


def test_what_the_first_answer_means() -> None:
    assert refused(answer(200)) is None
    assert refused(answer(403)) is None  # the page itself says whether it is a wall or a login
    for status, headers, reason, wait in [
        (429, {}, FailReason.RATE_LIMITED, None),
        (429, {"Retry_After": "7"}, FailReason.RATE_LIMITED, 7.0),
        (503, {"Retry_After": "2.5"}, FailReason.RATE_LIMITED, 2.5),
        (503, {"Retry_After": "soon"}, FailReason.SERVER_ERROR, None),
        (500, {}, FailReason.SERVER_ERROR, None),
    ]:
        outcome = refused(answer(status, **headers))
        assert outcome is not None
        assert (outcome.reason, outcome.retry_after) == (reason, wait)
        assert str(status) in outcome.detail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (IgnoreRequest("Forbidden by robots.txt"), FailReason.ROBOTS),
        (TimeoutError(), FailReason.TIMEOUT),
        (PlaywrightTimeoutError("Timeout 30000ms exceeded"), FailReason.TIMEOUT),
        (PlaywrightError("net::ERR_CONNECTION_REFUSED at http://…"), FailReason.UNREACHABLE),
        (PlaywrightError("Page crashed"), FailReason.BROWSER),
        (OSError("no such program"), FailReason.BROWSER),
    ],
)
def test_why_a_page_did_not_open(error: Exception, reason: FailReason) -> None:
    assert why_not_opened(error) is reason


def test_patience_touches_only_what_opens_pages() -> None:
    limits = Limits()
    longer = patient(limits, 120)
    assert longer.open == limits.open + 120
    assert longer.game > limits.game + 120
    assert (longer.guess, longer.capture) == (limits.guess, limits.capture)
    assert patient(limits, 0) == limits
