"""What was wrong in the original scraper, one test each, that would have failed there.

The items are those of its source, as they were noted before this program was written.
"""

import ast
import asyncio
import gc
import io
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crawler.frontier import SqliteFrontier
from crawler.game.driver import PageDriver
from crawler.game.modes import MODES, mode_of
from crawler.game.multiplayer import spectate
from crawler.game.play import play
from crawler.game.port import DriverTimeoutError, PageGoneError
from crawler.game.records import GameSink
from crawler.game.site import Site
from crawler.game.steps import SystemClock
from crawler.reasons import FailReason
from crawler.spool import Spool
from shards.segment import read_segment
from tests.crawler.game import scripted
from tests.crawler.game.live import Browser, open_browser
from tests.crawler.game.match import MatchDriver, rounds
from tests.crawler.game.scripted import ROUNDS, FakeClock, FakeDriver, FakeSink, Server

GAME = Path(__file__).parents[3] / "crawler" / "game"
MACHINES = ("driver", "steps", "play", "multiplayer", "results", "shadow")
MEASURED = ("bench.py", "schedule.py")
"""They play the original's waiting times, to measure against them."""
SITE = Site(base_url="http://127.0.0.1:1")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def test_a_match_that_ends_early_goes_on_as_a_match() -> None:
    """`await (mode ? playSingleplayer : playMultiplayer)`: the string was always true."""
    sink, clock = FakeSink(), FakeClock()
    (task,) = MODES["multiplayer"].tasks(1)
    driver = MatchDriver(clock, rounds("Peru", "Chad"), capture=[PageGoneError("crashed")])
    broken = scripted.run(mode_of(task.id).run, driver, sink, clock=clock)
    assert broken.reason is FailReason.BROWSER
    # This page knows no single-player verb: each of them raises.
    again = MatchDriver(clock, rounds("Peru", "Chad"))
    whole = scripted.run(mode_of(task.id).run, again, sink, clock=clock, game="m")
    assert (whole.reason, whole.committed) == (None, 2)


@pytest.mark.parametrize("verb", ["capture", "read_verdict", "round_number", "see", "start_game"])
def test_no_error_of_a_match_is_swallowed(verb: str) -> None:
    """`if (stopShadowing)` tested an object, always true, so every error was dropped."""

    def end(error: Exception, times: int) -> Any:
        clock = FakeClock()
        plan = {verb: [error] * times}
        driver = MatchDriver(clock, rounds("Peru", "Chad"), **plan)
        return scripted.run(spectate, driver, FakeSink(), clock=clock)

    with pytest.raises(ZeroDivisionError):
        end(ZeroDivisionError("a defect"), 1)
    assert end(PageGoneError("crashed"), 1).reason is FailReason.BROWSER
    late = end(DriverTimeoutError("too late"), 9)
    assert late.reason is not None
    assert "too late" in late.detail


def test_every_wait_is_awaited() -> None:
    """`page.waitForTimeout` without `await` waited for nothing."""
    machines = [(path, tree) for path, tree in _sources() if path.stem in MACHINES]
    assert len(machines) == len(MACHINES)
    verbs = _coroutines(machines)
    for path, tree in machines:
        awaited = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.Await)
            for inner in (node.value, *ast.iter_child_nodes(node.value))
        }
        handed_on = {
            id(argument)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            for argument in (*node.args, *(keyword.value for keyword in node.keywords))
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node) in verbs:
                inside = id(node) in awaited or id(node) in handed_on
                assert inside, f"{path.name}:{node.lineno}: {_called(node)} is not awaited"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scripted.run(play, FakeDriver(Server()), FakeSink())
        gc.collect()
    assert not [warning for warning in caught if "never awaited" in str(warning.message)]


def test_no_picture_is_without_its_answer_wherever_it_stops(tmp_path: Path) -> None:
    """Image and answer were two files: 27,805 of 705,681 had lost the other one."""
    undisturbed = FakeDriver(Server())
    scripted.run(play, undisturbed, FakeSink())
    for crash_at in range(0, len(undisturbed.calls), 3):
        directory = tmp_path / str(crash_at)
        server, game = Server(), ""
        for stop_at in (crash_at, -1):
            with (
                Spool(directory, "w0", segment_bytes=2000) as spool,
                closing(SqliteFrontier(directory / "frontier.sqlite")) as frontier,
            ):
                driver = FakeDriver(server)
                driver.crash_at = stop_at
                sink = GameSink(SITE, spool, frontier, "game-000000", "")
                game = scripted.run(play, driver, sink, game=game).game
                spool.seal()
            found = [s for path in sorted(directory.glob("*.tar")) for s in read_segment(path)]
            assert all(sample.image_size > 0 for sample in found)
            assert all(sample.capture and sample.capture.lat for sample in found)
        assert Counter(sample.key for sample in found) == {
            f"geoguessr-g-{number}": 1 for number in range(1, ROUNDS + 1)
        }


def test_one_game_has_one_owner_however_many_ask_at_once(tmp_path: Path) -> None:
    """Five instances read and appended one text file, one between the other's two steps."""
    path = tmp_path / "frontier.sqlite"
    games = [f"g{number}" for number in range(40)]

    def claim_all(instance: int) -> list[str]:
        with closing(SqliteFrontier(path)) as frontier:
            return [game for game in games if frontier.claim(game, f"{instance}-{game}")]

    with ThreadPoolExecutor(5) as pool:
        won = [*pool.map(claim_all, range(5))]
    assert sorted(game for games_of_one in won for game in games_of_one) == sorted(games)


@settings(max_examples=25, deadline=None)
@given(games=st.integers(1, 30), workers=st.integers(1, 7))
def test_every_past_game_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, games: int, workers: int
) -> None:
    """Slices by `Math.round(games / instances * n)` repeated games, or left some out."""
    path = tmp_path_factory.mktemp("results") / "frontier.sqlite"
    names = [f"g{number}" for number in range(games)]
    with closing(SqliteFrontier(path)) as frontier:
        frontier.add(MODES["results"].tasks_of(names))
        leased = []
        while True:
            turn = [frontier.lease(f"w{worker}", 60) for worker in range(workers)]
            leased += [task.id for task in turn if task is not None]
            if None in turn:
                break
    assert sorted(leased) == sorted(f"results-{name}" for name in names)


def test_nothing_waits_for_a_fixed_time() -> None:
    """5 s before each picture, 1 s after each click: a game of ours needs no second of waiting."""
    clock = FakeClock()
    assert scripted.run(play, FakeDriver(Server()), FakeSink(), clock=clock).committed == ROUNDS
    assert clock.time == 0
    for path, tree in _sources():
        for node, parents in _with_parents(tree):
            if isinstance(node, ast.Call) and _called(node) == "sleep" and node.args:
                argument = ast.unparse(node.args[0])
                polling = any(isinstance(parent, ast.While) for parent in parents)
                allowed = polling or argument in ALLOWED_PAUSES
                assert allowed, f"{path.name}:{node.lineno}: sleep({argument}) is a fixed wait"


ALLOWED_PAUSES = {
    "seconds",  # the clock itself
    "self.options.pause",  # politeness to a site that is not ours, and 0 otherwise
}


def test_every_call_on_a_page_ends_in_time() -> None:
    """A page that hung stopped an instance for good."""
    calls = 0
    for path, node, parents in (
        (path, node, parents) for path, tree in _sources() for node, parents in _with_parents(tree)
    ):
        if not isinstance(node, ast.Await) or not _touches_a_page(node.value):
            continue
        calls += 1
        bounds = [
            ast.unparse(item.context_expr)
            for parent in parents
            if isinstance(parent, ast.AsyncWith)
            for item in parent.items
        ]
        bounded = any("_bounded(" in each or "asyncio.timeout(" in each for each in bounds)
        assert bounded, f"{path.name}:{node.lineno}: {ast.unparse(node)} has no end"
    assert calls >= 10


def test_one_crash_stops_one_game() -> None:
    """An exception of one page ended the whole process, and with it all other games."""

    async def all_of_them() -> list[Any]:
        server, plays = Server(), []
        for number in range(5):
            sink = FakeSink()
            sink.task = f"task-{number}"
            driver = FakeDriver(server)
            driver.crash_at = 12 if number == 2 else -1
            plays.append(play(driver, SystemClock(), sink, scripted.options()))
        return [*await asyncio.gather(*plays)]

    outcomes = asyncio.run(all_of_them())
    assert [outcome.reason for outcome in outcomes] == [None, None, FailReason.BROWSER, None, None]


PAGE = """
<body style="margin: 0"><canvas class="mapsConsumerUiSceneCoreScene__canvas" width=1280 height=720
  ></canvas><section style="position: fixed; right: 0; bottom: 0">
  <button title="Keyboard shortcuts"><img alt="" width=20 height=20 src=""></button>
  <button><img alt="Sticky map" width=20 height=20 src=""></button><button>Guess</button></section>
<script>
  const pen = document.querySelector("canvas").getContext("2d");
  const pixels = pen.createImageData(1280, 720);
  let seed = 1;
  for (let n = 0; n < pixels.data.length; n += 4) {
    seed = (seed * 48271) % 2147483647;
    const light = 100 + (n / 4 % 1280) / 12 + (seed % 24);
    pixels.data.set([light, light * 0.9, light * 0.7, 255], n);
  }
  pen.putImageData(pixels, 0, 0);
  window.added = [];
  new MutationObserver((changes) => {
    for (const { addedNodes, attributeName, target } of changes) {
      added.push(...[...addedNodes].map((node) => node.nodeName), ...(attributeName ?
        [`${target.nodeName} ${attributeName}`] : []));
    }
  }).observe(document, { subtree: true, childList: true, attributes: true });
</script>
"""


async def _on_page(chromium: Any) -> tuple[bytes, bytes, list[str], int]:
    context = await chromium.new_context(viewport={"width": 1824, "height": 720})
    async with asyncio.timeout(120):
        page = await context.new_page()
        driver = PageDriver(page, SITE)
        await page.set_content(PAGE)
        await page.evaluate("added.length = 0")
        sheets = "document.styleSheets.length + document.adoptedStyleSheets.length"
        before = await page.evaluate(sheets)
        picture = await driver.capture(30)
        await driver.guess(30)
        png = await page.screenshot(clip={"x": 0, "y": 0, "width": 1280, "height": 720})
        added = await page.evaluate("added")
        more = await page.evaluate(sheets) - before
        await context.close()
        return picture.image, png, added, more


def test_nothing_is_added_to_the_page_and_pictures_are_small(browser: Browser) -> None:
    """Injected CSS was what the site's defence noticed; PNG pictures had 1.4 MB each."""
    image, png, added, sheets = browser.runner.run(_on_page(browser.chromium))
    assert added == []
    assert sheets == 0
    source = "".join(path.read_text() for path, _ in _sources()) + (GAME / "page.js").read_text()
    for word in ("add_style_tag", "add_script_tag", "add_init_script", "insertRule", ".style"):
        assert word not in source
    with Image.open(io.BytesIO(image)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (1280, 720))
    assert len(image) < len(png) / 2
    assert len(image) < 700_000


def _sources() -> list[tuple[Path, ast.Module]]:
    paths = sorted(path for path in GAME.glob("*.py") if path.name not in MEASURED)
    return [(path, ast.parse(path.read_text())) for path in paths]


def _called(node: ast.Call) -> str:
    """The method that is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _coroutines(machines: list[tuple[Path, ast.Module]]) -> set[str]:
    """Names of their coroutine functions, and of Playwright's pauses."""
    definitions = [
        node
        for _, tree in machines
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    plain = {node.name for node in definitions if isinstance(node, ast.FunctionDef)}
    generators = {
        node.name
        for node in definitions
        if any(isinstance(inner, ast.Yield) for inner in ast.walk(node))
    }
    found = {node.name for node in definitions if isinstance(node, ast.AsyncFunctionDef)}
    return (found | {"wait_for_timeout", "goto", "sleep"}) - plain - generators


def _with_parents(
    node: ast.AST, parents: tuple[ast.AST, ...] = ()
) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    for child in ast.iter_child_nodes(node):
        yield child, (*parents, node)
        yield from _with_parents(child, (*parents, node))


def _touches_a_page(node: ast.AST) -> bool:
    words = ("self.page.", "self._devtools.", "context.", "page.", "route.")
    return ast.unparse(node).startswith(words)
