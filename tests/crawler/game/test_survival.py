"""Browsers that are killed, crash and hang: real Chromium, a real worker, the real playground."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from crawler.crawl import count_captures
from crawler.game.site import Site
from crawler.playground.game import ROUNDS
from crawler.playground.server import Server, start_in_thread
from crawler.playground.world import WorldConfig
from crawler.web.identity import user_agent
from shards.layout import DatasetLayout
from tests.crawler.game.working import CONTACT, Order, Working, is_browser, living, wait_until

GAMES = 2
GONE_SECONDS = 30
"""A generous end for tests on a busy machine; `crawler.guard` is done after 3 seconds."""


@pytest.fixture
def server() -> Iterator[Server]:
    with start_in_thread(WorldConfig(seed=5, countries=12)) as running:
        yield running


def attempts(work: Working) -> list[int]:
    with work.frontier() as frontier:
        rows = frontier._file.db.execute("SELECT attempts FROM tasks ORDER BY id").fetchall()
    return [row[0] for row in rows]


def survive_kills(
    server: Server, directory: Path, *, kills: int, games: int, pages: int = 1
) -> None:
    """Kills the browser again and again; then everything must be as if nothing had been."""
    with Working(Order(server.url, str(directory), pages=pages), games) as work:
        for _ in range(kills):
            work.wait_for_captures(2)
            browser = work.chromium()
            assert browser is not None
            browser.kill()
        work.finish()
        with work.frontier() as frontier:
            assert frontier.failures() == {}
    assert count_captures(directory) == games * ROUNDS
    assert len(server.book.games) == games
    width, height = Site(base_url=server.url).viewport
    as_asked = [width, height, "en-GB", user_agent(CONTACT)]
    looks = work.looks()
    assert len(looks) >= games
    assert looks == [as_asked] * len(looks)
    # The first login lasted: no browser that came later signed in again.
    assert len(server.sessions) == 1
    assert set(work.caps()) <= {0, 1}


def test_viewport_login_and_rounds_survive_three_kills(server: Server, tmp_path: Path) -> None:
    survive_kills(server, tmp_path, kills=3, games=4, pages=2)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_viewport_login_and_rounds_survive_twenty_kills(server: Server, tmp_path: Path) -> None:
    survive_kills(server, tmp_path, kills=20, games=14)


def test_a_page_crash_costs_one_attempt(server: Server, tmp_path: Path) -> None:
    order = Order(server.url, str(tmp_path), crash_at_guess=3)
    with Working(order, GAMES) as work:
        work.finish()
        assert sorted(attempts(work)) == [1, 2]
    assert count_captures(tmp_path) == GAMES * ROUNDS
    assert len(server.book.games) == GAMES
    # As many places as before: with two, two pages would meet in one context.
    assert set(work.caps()) == {1}


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT", "a browser that hangs"])
def test_no_browser_outlives_its_worker(server: Server, tmp_path: Path, how: str) -> None:
    with Working(Order(server.url, str(tmp_path)), GAMES) as work:
        work.wait_for_captures(1)
        processes = work.tree()
        assert any(is_browser(each) for each in processes)
        if how.startswith("SIG"):
            work.process.send_signal(signal.Signals[how])
        else:
            browser = work.chromium()
            assert browser is not None
            browser.suspend()
            work.process.kill()
        wait_until(lambda: not living(processes) and not work.marked(), GONE_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_browser_outlives_the_command(
    server: Server, tmp_path: Path, how: signal.Signals
) -> None:
    program = "import sys, lostfound; lostfound.main(sys.argv[1:])"
    arguments = ["crawl", "game", "--out", str(tmp_path), "--url", server.url]
    command = subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--games", "40", "--workers", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        root = psutil.Process(command.pid)
        directory = DatasetLayout(tmp_path).raw_source("geoguessr")
        wait_until(lambda: count_captures(directory) >= 4, 200)
        started = [each for each in root.children(recursive=True) if "chrom" in each.name()]
        assert len([each for each in started if is_browser(each)]) == 2
        command.send_signal(how)
        wait_until(lambda: not living(started), GONE_SECONDS)
        assert command.wait(GONE_SECONDS) == (-9 if how is signal.SIGKILL else 130)
    finally:
        command.kill()
        command.wait()


def test_goes_on_when_playwright_is_killed(server: Server, tmp_path: Path) -> None:
    with Working(Order(server.url, str(tmp_path)), GAMES) as work:
        work.wait_for_captures(1)
        old = [work.node(), *work.node().children(recursive=True)]
        work.node().kill()
        wait_until(lambda: not living(old), GONE_SECONDS)
        everything: list[psutil.Process] = []
        while work.process.poll() is None:
            everything += [each for each in work.tree() if each not in everything]
            psutil.wait_procs([work.root], timeout=1)
        work.finish()
        assert not living(everything)
    assert count_captures(tmp_path) == GAMES * ROUNDS
