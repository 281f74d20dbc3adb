"""Matches: watched to their end, whatever the page shows and whenever it does."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.game.multiplayer import spectate
from crawler.game.port import Answer, DriverTimeoutError, Outcome, PageGoneError, Refusal
from crawler.game.site import Marker
from crawler.reasons import FailReason
from tests.crawler.game import scripted
from tests.crawler.game.match import SENTENCE, MatchDriver, Screen, rounds, screen
from tests.crawler.game.scripted import FakeClock, FakeSink

COUNTRIES = ("Peru", "the Netherlands", "Chad")


class Played:
    """One run of the machine over a match on paper."""

    def __init__(
        self,
        screens: Sequence[Screen] | None = None,
        *,
        sink: FakeSink | None = None,
        results: dict[int, str] | None = None,
        refusal: Refusal | None = None,
        plan: dict[str, Sequence[Any]] | None = None,
        **changes: Any,
    ) -> None:
        self.clock, self.sink = FakeClock(), sink or FakeSink()
        self.driver = MatchDriver(self.clock, screens or rounds(*COUNTRIES), **(plan or {}))
        self.driver.results, self.driver.refusal = results, refusal
        self.outcome = scripted.run(spectate, self.driver, self.sink, clock=self.clock, **changes)

    @property
    def answers(self) -> dict[int, str]:
        return {number: kept[1].sentence for (_, number), kept in self.sink.commits.items()}

    @property
    def images(self) -> dict[int, bytes]:
        return {number: kept[0].image for (_, number), kept in self.sink.commits.items()}


def sentences(*countries: str, first: int = 1) -> dict[int, str]:
    return {n: SENTENCE.format(country) for n, country in enumerate(countries, first)}


def images(count: int) -> dict[int, bytes]:
    return {n: f"m/{n}".encode() for n in range(1, count + 1)}


def test_watches_a_match_to_its_end() -> None:
    played = Played()
    assert played.outcome == Outcome(game="m", committed=3)
    assert played.answers == sentences(*COUNTRIES)
    assert played.images == images(3)
    assert played.sink.commits["m", 1][1].players == 7
    assert played.sink.holds == {}
    assert (played.driver.calls.count("guess"), played.driver.calls.count("spectate")) == (1, 1)


def test_a_right_guess_is_the_only_one_too() -> None:
    played = Played(plan={"guess": ["right"]})
    assert played.outcome.committed == 3
    assert (played.driver.calls.count("guess"), played.driver.calls.count("spectate")) == (1, 0)


def test_who_shall_not_guess_does_not() -> None:
    played = Played(guess=False)
    assert played.answers == sentences(*COUNTRIES)
    assert "guess" not in played.driver.calls


def test_a_guess_that_fails_costs_nothing_but_a_note() -> None:
    played = Played(plan={"guess": [DriverTimeoutError("the map is covered")]})
    assert played.outcome.committed == 3
    assert "the map is covered" in played.outcome.detail


def test_a_match_of_another_task_is_left() -> None:
    sink = FakeSink()
    sink.owned["m"] = "another task"
    played = Played(sink=sink)
    assert played.outcome.reason is FailReason.DUPLICATE
    assert played.outcome.game == ""
    assert Played(sink=sink, game="m").outcome.reason is FailReason.DUPLICATE
    assert sink.commits == {}


def test_rounds_before_the_first_look_are_missing() -> None:
    played = Played(rounds(*COUNTRIES)[6:])
    assert played.outcome == Outcome(game="m", committed=1, missing=(1, 2))
    assert played.answers == sentences("Chad", first=3)


def test_goes_on_after_a_crash() -> None:
    sink = FakeSink()
    crashed = Played(sink=sink, plan={"read_verdict": [None, PageGoneError("crashed")]})
    assert (crashed.outcome.reason, crashed.outcome.committed) == (FailReason.BROWSER, 1)
    assert list(sink.holds) == [("m", 2)]
    # It comes back when the second answer is still there.
    again = Played(rounds(*COUNTRIES)[6:], sink=sink, game="m")
    assert again.outcome == Outcome(game="m", committed=3)
    assert again.images == images(3)


def test_an_answer_that_nobody_saw_comes_from_the_results_or_stays_unknown() -> None:
    screens = [each for each in rounds(*COUNTRIES) if each.country != "the Netherlands"]
    known = Played(screens, results={2: "https://maps.test/?cbll=1,2"})
    assert known.outcome == Outcome(game="m", committed=3)
    assert known.sink.commits["m", 2][1] == Answer(link="https://maps.test/?cbll=1,2")
    unknown = Played(screens)
    assert unknown.outcome.committed == 3
    assert "does not know" in unknown.outcome.detail
    assert unknown.sink.commits["m", 2][1] == Answer()
    assert unknown.images == images(3)


def test_a_match_may_end_without_its_last_answer() -> None:
    screens = [*rounds(*COUNTRIES)[:-1], screen(Marker.OVER, number=3)]
    played = Played(screens)
    assert played.answers == {**sentences(*COUNTRIES[:2]), 3: ""}


def test_results_that_cannot_be_read_leave_the_picture_held() -> None:
    screens = [each for each in rounds(*COUNTRIES) if each.country != "the Netherlands"]
    played = Played(screens, plan={"open_results": [DriverTimeoutError("no answer")]})
    assert (played.outcome.reason, played.outcome.committed) == (FailReason.ANSWER_MISSING, 2)
    assert list(played.sink.holds) == [("m", 2)]
    walled = Played(screens, plan={"open_results": [PageGoneError("crashed")]})
    assert walled.outcome.reason is FailReason.BROWSER
    refused = Played(screens, results={}, plan={"read_results": [DriverTimeoutError("slow")]})
    assert refused.outcome.reason is FailReason.ANSWER_MISSING


def test_a_wall_in_front_of_the_results_is_a_wall() -> None:
    screens = [each for each in rounds(*COUNTRIES) if each.country != "the Netherlands"]
    watched = Played(screens)
    looks = len(watched.driver.calls) - 1
    looks = sum(call == "see" for call in watched.driver.calls[:looks])
    walled = Played(screens, plan={"see": [*[None] * looks, Marker.WALL]})
    assert walled.outcome.reason is FailReason.WALL


def test_a_round_that_ends_while_it_is_photographed_is_missing() -> None:
    # The page shows the answer, then the next round's picture, by the time the capture is there.
    for late in (12, 25):
        played = Played(plan={"capture": [late]})
        assert played.outcome.missing == (1,), late
        assert played.answers == sentences(*COUNTRIES[1:], first=2)
        assert set(played.images.values()) == {b"m/2", b"m/3"}


def test_rounds_that_follow_each_other_without_a_pause_are_told_apart() -> None:
    screens = [
        screen(Marker.PICTURE, number=1),
        screen(Marker.PICTURE, number=2),
        screen(Marker.VERDICT, Marker.OVER, number=2, country="Chad"),
    ]
    played = Played(screens)
    assert played.images == images(2)
    assert played.answers == {1: "", **sentences("Chad", first=2)}


def test_a_picture_that_does_not_come_is_asked_for_again_once() -> None:
    screens = [
        screen(Marker.LOADING, number=1, seconds=30),
        screen(Marker.VERDICT, number=1, country="Peru"),
        *rounds("Chad", "Chad")[4:],
    ]
    played = Played(screens)
    assert played.driver.calls.count("open_game") == 1
    assert played.outcome == Outcome(game="m", committed=1, missing=(1,))
    never = Played([screen(Marker.LOADING, seconds=1e9)])
    assert never.outcome.reason is FailReason.NO_PICTURE
    assert never.driver.calls.count("open_game") == 1


def test_a_blank_picture_is_asked_for_again_once() -> None:
    played = Played(plan={"capture": ["blank", "blank"]})
    assert played.outcome.committed == 3
    assert played.driver.calls.count("open_game") == 1
    assert played.sink.commits["m", 1][0].blank


def test_small_troubles_cost_a_round_and_great_ones_the_task() -> None:
    slow = DriverTimeoutError("no canvas")
    small = Played(plan={"capture": [slow]})
    assert small.outcome.committed >= 2
    assert "no canvas" in small.outcome.detail
    great = Played(plan={"capture": [slow] * 9})
    assert great.outcome.reason is FailReason.ROUND
    assert "no canvas" in great.outcome.detail


def test_says_when_the_server_failed() -> None:
    screens = [screen(Marker.PICTURE, number=1, seconds=1e9)]
    played = Played(screens, refusal=Refusal(500))
    assert played.outcome.reason is FailReason.SERVER_ERROR
    assert Played(screens).outcome.reason is FailReason.ROUND


@pytest.mark.parametrize(
    ("screens", "changes", "reason"),
    [
        ([screen(Marker.NOT_FOUND)], {"game": "m"}, FailReason.NOT_FOUND),
        ([screen(Marker.NOT_FOUND)], {}, FailReason.NOT_FOUND),
        ([screen(Marker.WAITING, seconds=1e9)], {}, FailReason.ROUND),
        ([screen()], {}, FailReason.ROUND),
        (
            rounds(*["Chad"] * 99),
            {"limits": scripted.Limits(match=100)},
            FailReason.GAME_TIMEOUT,
        ),
    ],
)
def test_every_failure_has_its_reason(
    screens: list[Screen], changes: dict[str, Any], reason: FailReason
) -> None:
    outcome = Played(screens, **changes).outcome
    assert outcome.reason is reason
    assert outcome.detail


SECONDS = st.sampled_from([0, 0.5, 3, 12, 40])
ROUND = st.tuples(SECONDS, SECONDS, SECONDS, SECONDS)
"""Loading, picture, answer, pause."""


@settings(deadline=None)
@given(
    plan=st.lists(ROUND, min_size=1, max_size=6),
    captures=st.lists(st.sampled_from([0, 0, 1, 8, 30, "blank", "covered"]), max_size=8),
    guesses=st.lists(st.sampled_from(["right", "wrong"]), max_size=1),
)
def test_whatever_the_pace_no_round_gets_the_picture_or_answer_of_another(
    plan: list[tuple[float, ...]], captures: list[Any], guesses: list[str]
) -> None:
    screens = [screen(Marker.WAITING, seconds=1)]
    for number, (loading, shown, answer, pause) in enumerate(plan, 1):
        country = f"Country {number}"
        screens += [
            screen(Marker.LOADING, number=number, seconds=loading),
            screen(Marker.PICTURE, number=number, seconds=shown),
            screen(Marker.VERDICT, number=number, country=country, seconds=answer),
            screen(Marker.WAITING, number=number, seconds=pause),
        ]
    screens.append(screen(Marker.VERDICT, Marker.OVER, number=len(plan), country=country))
    played = Played(screens, plan={"capture": captures, "guess": guesses})
    assert played.outcome.reason is None, played.outcome
    assert played.outcome.committed + len(played.outcome.missing) == len(plan)
    assert played.sink.holds == {}
    for number, image in played.images.items():
        assert image == f"m/{number}".encode()
    for number, sentence in played.answers.items():
        assert sentence in ("", SENTENCE.format(f"Country {number}"))
    for number, (_, shown, answer, _) in enumerate(plan, 1):
        if not captures and shown >= 40 and (answer >= 12 or number == len(plan)):
            assert played.answers.get(number), "there was time enough"


def test_an_expired_login_is_renewed_and_the_match_goes_on() -> None:
    played = Played(plan={"see": [None, None, None, None, Marker.SIGNED_OUT, Marker.INSIDE]})
    assert played.outcome.committed == 3
    assert (played.driver.calls.count("sign_in"), played.driver.calls.count("open_game")) == (1, 1)
    assert played.driver.calls.count("start_game") == 1
