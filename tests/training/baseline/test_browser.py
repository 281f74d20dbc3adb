"""The game in a real browser, by keyboard alone, on a desk and on a phone."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.queries.browsing import until, watched
from tests.queries.conftest import browser  # noqa: F401
from tests.training.baseline.conftest import ROUNDS, Playing
from training.baseline.game import Game
from training.baseline.journal import read_rows

WIDTHS = [(1280, "light"), (390, "dark")]


def join(page: Any, name: str = "Ada") -> None:
    page.fill("#name", name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#list-0", state="attached")


def write(page: Any, *texts: str) -> None:
    """Five guesses by keyboard; the focus goes on by itself."""
    for text in texts:
        page.keyboard.type(text)
        page.keyboard.press("Enter")


def well(page: Any, url: str, width: int) -> None:
    """Nothing went wrong, everything came from this server, nothing sticks out."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    assert [asked for asked in page.requests if not asked.startswith((url, "data:"))] == []
    assert page.noise == []


def values(page: Any) -> list[str]:
    found: list[str] = page.locator("input[name=guess]").evaluate_all(
        "all => all.map(i => i.value)"
    )
    return found


@pytest.mark.parametrize(("width", "scheme"), WIDTHS)
def test_a_game_by_keyboard(
    game: Game,
    playing: Playing,
    browser: Any,  # noqa: F811
    width: int,
    scheme: str,
) -> None:
    url = playing(game)
    page = watched(browser, url, width, scheme)
    join(page)
    for number in range(1, ROUNDS + 1):
        well(page, url, width)
        page.locator("#guess-1").focus()
        write(page, "brasil", "allem", "jap", "suede")
        assert values(page) == ["Brazil", "Germany", "Japan", "Sweden"]
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/round/{number}")
        assert page.locator(".answers .hit").count() == 1
        well(page, url, width)
        page.reload()
        assert page.url.endswith(f"/round/{number}")
        page.locator("a.primary").press("Enter")
        page.wait_for_url(f"{url}/")
    assert "you answered all 3 rounds" in page.inner_text("header")
    page.goto(f"{url}/results")
    assert "100 %" in page.inner_text(".scoreboard tr:has-text('Ada')")
    well(page, url, width)
    page.context.close()


def test_completion(game: Game, playing: Playing, browser: Any) -> None:  # noqa: F811
    page = watched(browser, playing(game))
    join(page)
    page.locator("#guess-1").focus()
    page.keyboard.type("e")
    options = page.locator("#list-0 [role=option]")
    assert options.count() >= 2
    assert page.locator("#guess-1").get_attribute("aria-expanded") == "true"
    second = options.nth(1).evaluate("option => option.firstChild.textContent")
    page.keyboard.press("ArrowDown")
    assert page.locator("#guess-1").get_attribute("aria-activedescendant") == "option-0-1"
    page.keyboard.press("Tab")
    assert values(page)[0] == second
    assert page.evaluate("document.activeElement.id") == "guess-2"
    # A country that was chosen is offered to no other guess; written in full it is a duplicate.
    page.keyboard.type(second)
    assert page.locator("#list-1 [role=option]").count() == 0
    assert "names the same country as guess 1" in page.inner_text(".problems")
    assert page.locator("#guesses button").is_disabled()
    page.fill("#guess-2", "")
    assert page.locator("#guesses button").is_enabled()
    page.keyboard.type("bra")
    page.keyboard.press("Escape")
    assert page.locator("#list-1").is_hidden()
    page.keyboard.type("z")
    page.locator("#list-1 [role=option]").first.click()
    assert values(page)[1] == "Brazil"
    page.context.close()


def test_without_scripts(game: Game, playing: Playing, browser: Any) -> None:  # noqa: F811
    page = watched(browser, playing(game), java_script_enabled=False)
    page.fill("#name", "Ada")
    page.click("form[action='/join'] button")
    for number, text in enumerate(("UK", "", "brasil", "brazil"), 1):
        page.fill(f"#guess-{number}", text)
    page.click("#guesses button")
    assert "none of the 4 countries" in page.inner_text(".problems")
    for number, text in enumerate(("schweden", "BR", "deutschland", "Japan"), 1):
        page.fill(f"#guess-{number}", text)
    page.click("#guesses button")
    assert page.url.endswith("/round/1")
    page.context.close()


@pytest.mark.slow
def test_a_killed_server_loses_nothing(shards: Path, tmp_path: Path, browser: Any) -> None:  # noqa: F811
    out = tmp_path / "answers"
    command = [
        Path(sys.executable).with_name("lostfound"),
        "baseline",
        "--shards",
        shards,
        "--port",
        "0",
    ]

    def start() -> tuple[subprocess.Popen[str], str]:
        server = subprocess.Popen([*command, "--out", out], stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None
        address = re.search(r"http://[^/]+", server.stderr.readline())
        assert address is not None
        return server, address.group()

    server, url = start()
    page = watched(browser, url)
    join(page)
    page.locator("#guess-1").focus()
    write(page, "brasil", "allem", "jap", "suede")
    page.keyboard.press("Enter")
    page.wait_for_url("**/round/1")
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    events = [row["event"] for row in read_rows(out / "answers.jsonl")]
    assert events == ["start", "person", "answer"]
    server, url = start()
    page.goto(url)  # another port of the same host: the cookie is still there
    until(lambda: "round 2 of" in page.inner_text("header"))
    page.context.close()
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0
