"""All modes on real pages of the playground, and what it does wrong on purpose."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crawler.game.pages import parse_answer
from crawler.game.port import AlwaysRoom, Outcome
from crawler.game.records import round_key
from crawler.game.room import DiskRoom
from crawler.game.shadow import FolderSink
from crawler.playground.faults import Faults
from crawler.playground.multiplayer import Pace
from crawler.playground.server import Server, start_in_thread
from crawler.playground.world import WorldConfig
from crawler.reasons import FailReason
from enrich.geo.countries import find_country
from tests.crawler.game.live import LIMITS, Browser, Dataset, Play, dataset, open_browser
from tests.crawler.game.scripted import FakeSink

WORLD = WorldConfig(seed=3, countries=("NL", "XK", "TR", "CI", "CD", "CG", "US", "CZ"), bad_share=0)
PACE = Pace(start=5, round=4, pause=2)
ROUNDS = 5


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def playground(faults: Faults | None = None, **options: Any) -> Any:
    return start_in_thread(WORLD, truth=True, faults=faults or Faults(), pace=PACE, **options)


def check_places(kept: Dataset, server: Server, game: str, committed: int = ROUNDS) -> None:
    """Every round of a single-player game stands there once, with the place that was dealt."""
    truth = server.truth_of(game)
    found = kept.captures()
    assert len(found) == committed
    for number in range(1, committed + 1):
        capture, image = found[round_key(kept.site, game, number)]
        dealt = truth[number - 1]
        assert (float(capture.lat), float(capture.lon)) == (dealt["lat"], dealt["lon"])
        with Image.open(io.BytesIO(image)) as picture:
            assert picture.size == (1280, 720)


def check_countries(kept: Dataset, server: Server, game: str) -> int:
    """Every capture of a match has the country that was dealt, and its place if any.

    A machine that is busy for as long as an answer stands there misses it; mostly it does not.
    """
    truth = server.truth_of(game)
    found = kept.captures()
    answered = [capture for capture, _ in found.values() if capture.country]
    assert len(answered) >= len(found) - 1
    for capture in answered:
        extra = json.loads(capture.extra)
        dealt = truth[extra["round"] - 1]
        assert capture.country == parse_answer(extra["sentence"]) == dealt["country_name"]
        assert find_country(capture.country) == dealt["country"]
        if capture.lat:
            assert (float(capture.lat), float(capture.lon)) == (dealt["lat"], dealt["lon"])
        assert extra["players"] >= 4
        wrong = {find_country(name) for name in extra["wrong_guesses"]}
        assert None not in wrong
        assert dealt["country"] not in wrong
        assert not extra["blank"]
    return len(found)


def test_a_match_is_one_tasks_own_and_may_be_shadowed(browser: Browser, tmp_path: Path) -> None:
    faults = Faults(same_game=(1, 2))
    with playground(faults) as server, dataset(tmp_path / "raw", "multiplayer", server) as kept:
        match = server.matches.join("somebody else", server.clock())
        folder = tmp_path / "pictures"
        shadow = Play("shadow", server, FolderSink(folder, FakeSink()), game=match.id)
        sinks = [kept.sink(number) for number in range(2)]
        plays = [Play("multiplayer", server, sink) for sink in sinks]
        followed, *joined = browser.play(shadow, *plays)

        assert sorted((outcome.reason for outcome in joined), key=str) == [
            None,
            FailReason.DUPLICATE,
        ], joined
        (watched,) = [outcome for outcome in joined if outcome.reason is None]
        assert watched.game == match.id
        # A busy machine may miss a round of a clock that does not wait; never most of them.
        numbers = range(1, len(match.rounds) + 1)
        assert watched.committed + len(watched.missing) == len(numbers)
        assert watched.committed >= 2
        assert check_countries(kept, server, match.id) == watched.committed

        assert followed.reason is None, followed
        names = {path.name for path in folder.iterdir()}
        assert names == {f"{match.id}-{n}.jpg" for n in numbers if n not in followed.missing}
        assert len(names) >= 2
        for path in folder.iterdir():
            with Image.open(path) as picture:
                assert picture.size == (1280, 720)
        assert len(match.players) == 2, "who follows does not play"


BANNER = {"banner_in_round": (1,), "banner_other": (1,)}
FAULTS = {
    "all": Faults(no_picture=(2,), blank_picture=(4,), expired_login=(7,), **BANNER),
    "slow": Faults(slow_picture=(2, 5), slow_seconds=3),
    "login with a guess": Faults(expired_login=(4,)),
    "early banner": Faults(banner_early=(1,)),
    "no banner": Faults(banner_absent=(1,)),
}


@pytest.mark.parametrize(
    "faults",
    [
        FAULTS["all"],
        *(pytest.param(FAULTS[name], marks=pytest.mark.slow) for name in [*FAULTS][1:]),
    ],
    ids=FAULTS,
)
def test_a_game_is_played_whatever_goes_wrong(
    browser: Browser, tmp_path: Path, faults: Faults
) -> None:
    limits = replace(LIMITS, round=5) if faults.no_picture else LIMITS
    with playground(faults) as server, dataset(tmp_path, "singleplayer", server) as kept:
        play = Play("singleplayer", server, kept.sink(), limits=limits)
        (outcome,) = browser.play(play)
        assert outcome == Outcome(game=outcome.game, committed=ROUNDS)
        check_places(kept, server, outcome.game)
        assert len(server.book.games) == 1
        for name in ("no_picture", "blank_picture", "expired_login"):
            assert server.luck.happened[name] == len(getattr(faults, name) or ())


ENDS = {
    "rate limit": (Faults(rate_limit=(1,), retry_after=5), FailReason.RATE_LIMITED),
    "CAPTCHA": (Faults(captcha=(2,)), FailReason.WALL),
    "ban": (Faults(ban=(2,)), FailReason.WALL),
    "not found": (Faults(lost_game=(1,)), FailReason.NOT_FOUND),
    "no picture": (Faults(no_picture=1.0), FailReason.NO_PICTURE),
    "crash": (Faults(crash=(2,)), FailReason.BROWSER),
    "signed out twice": (Faults(expired_login=(2, 3)), FailReason.SESSION),
}


@pytest.mark.slow
@pytest.mark.parametrize(("faults", "reason"), ENDS.values(), ids=ENDS)
def test_what_ends_a_game_has_its_reason_and_loses_nothing(
    browser: Browser, tmp_path: Path, faults: Faults, reason: FailReason
) -> None:
    with playground(faults) as server, dataset(tmp_path, "singleplayer", server) as kept:
        limits = replace(LIMITS, round=3)
        sink = kept.sink()
        (outcome,) = browser.play(Play("singleplayer", server, sink, limits=limits))
        assert outcome.reason is reason, outcome
        if reason is FailReason.RATE_LIMITED:
            assert outcome.retry_after == 5
        if reason in (FailReason.BROWSER, FailReason.SESSION):
            (again,) = browser.play(Play("singleplayer", server, sink, game=outcome.game))
            assert again == Outcome(game=outcome.game, committed=ROUNDS)
            check_places(kept, server, outcome.game)


@pytest.mark.slow
def test_a_server_that_fails_now_and_then(browser: Browser, tmp_path: Path) -> None:
    """Errors at every eleventh request: the task is put back as often as it takes."""
    faults = Faults(server_error=tuple(range(6, 200, 11)))
    with playground(faults) as server, dataset(tmp_path, "singleplayer", server) as kept:
        sink, game = kept.sink(), ""
        for _ in range(12):
            (outcome,) = browser.play(Play("singleplayer", server, sink, game=game))
            game = outcome.game
            if outcome.reason is None:
                break
            assert outcome.reason in (FailReason.SERVER_ERROR, FailReason.RATE_LIMITED), outcome
        assert (outcome.reason, outcome.committed) == (None, ROUNDS)
        check_places(kept, server, game)


def test_results_finish_games_and_answer_what_is_held(browser: Browser, tmp_path: Path) -> None:
    with playground() as server, dataset(tmp_path, "results", server) as kept:
        finished, unfinished = server.add_past_games(1, 3)[0], server.add_past_games(0, 4)[-1]
        (listed,) = browser.play(Play("results", server, kept.sink(game="list")))
        assert {finished, unfinished} <= set(listed.found)

        # Round 3 of the unfinished game is played to its answer, which is not read.
        sink = kept.sink(game=unfinished)
        (done,) = browser.play(Play("results", server, sink, game=unfinished))
        assert (done.reason, done.committed, done.missing) == (None, 2, (1, 2, 3)), done
        (over,) = browser.play(Play("results", server, kept.sink(game=finished), game=finished))
        assert (over.reason, over.committed) == (None, 0)
        (lost,) = browser.play(Play("results", server, kept.sink(game="none"), game="none"))
        assert lost.reason is FailReason.NOT_FOUND
        truth, found = server.truth_of(unfinished), kept.captures()
        assert {capture.source_id for capture, _ in found.values()} == {
            f"{unfinished}/{number}" for number in (4, 5)
        }
        for capture, _ in found.values():
            dealt = truth[int(capture.source_id[-1]) - 1]
            assert (float(capture.lat), float(capture.lon)) == (dealt["lat"], dealt["lon"])


@pytest.mark.slow
def test_waits_for_room_on_the_disk(browser: Browser, tmp_path: Path) -> None:
    free = iter([10] + [1] * 4 + [10] * 99)
    room: Any = DiskRoom(lambda: next(free), floor=5, resume=6)
    assert not AlwaysRoom().low
    with playground() as server, dataset(tmp_path, "singleplayer", server) as kept:
        (outcome,) = browser.play(Play("singleplayer", server, kept.sink(), room=room))
        assert outcome.committed == ROUNDS
        check_places(kept, server, outcome.game)
