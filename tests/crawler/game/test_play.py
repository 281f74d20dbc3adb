"""The game's state machine against a scripted site: every branch, and a crash at every step."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from crawler.game.play import play
from crawler.game.port import DriverTimeoutError, Outcome, Refusal
from crawler.game.site import Marker
from crawler.game.steps import SystemClock
from crawler.reasons import FailReason
from tests.crawler.game import scripted
from tests.crawler.game.scripted import (
    ROUNDS,
    FakeClock,
    FakeDriver,
    FakeSink,
    Server,
    all_committed,
)


def run(
    driver: FakeDriver,
    sink: FakeSink,
    game: str = "",
    clock: FakeClock | None = None,
    **changes: Any,
) -> Outcome:
    return scripted.run(play, driver, sink, clock=clock, game=game, **changes)


def test_plays_a_new_game() -> None:
    driver, sink = FakeDriver(Server()), FakeSink()
    assert run(driver, sink) == Outcome(game="g", committed=ROUNDS)
    assert sink.commits == all_committed()
    assert sink.holds == {}
    assert driver.calls.count("guess") == ROUNDS


def test_a_round_that_is_committed_is_guessed_and_not_photographed_again() -> None:
    # A site that lost what it knew deals a round again that was played before.
    server, sink = Server(), FakeSink()
    first = FakeDriver(server)
    run(first, sink)
    kept = dict(sink.commits)
    del sink.commits["g", 5]
    server.guessed["g"] = 3
    again = FakeDriver(server)
    assert run(again, sink, game="g") == Outcome(game="g", committed=ROUNDS)
    assert (again.calls.count("guess"), again.calls.count("capture")) == (2, 1)
    assert sink.commits == kept


def test_an_answer_to_a_round_without_a_picture_is_passed_by() -> None:
    driver, sink = FakeDriver(Server()), FakeSink()
    number = driver.game_id

    async def guessed_by_another() -> str:
        game = await number()
        driver.server.guessed[game] = 1
        driver.shown = Marker.ANSWER
        return game

    driver.game_id = guessed_by_another  # type: ignore[method-assign]
    assert run(driver, sink) == Outcome(game="g", committed=ROUNDS - 1, missing=(1,))


def test_the_real_clock_goes_on() -> None:
    async def seconds() -> float:
        clock = SystemClock()
        began = clock.monotonic()
        await clock.sleep(0.01)
        return clock.monotonic() - began

    assert asyncio.run(seconds()) >= 0.005


def test_a_picture_is_held_before_its_guess() -> None:
    driver, sink = FakeDriver(Server()), FakeSink()
    guess = driver.guess

    async def watched(seconds: float) -> None:
        assert (driver.game, driver.number) in sink.holds
        await guess(seconds)

    driver.guess = watched  # type: ignore[method-assign]
    assert run(driver, sink).reason is None


def test_a_crash_at_every_step_changes_nothing() -> None:
    undisturbed = FakeDriver(Server())
    run(undisturbed, FakeSink())
    for crash_at in range(len(undisturbed.calls)):
        server, sink = Server(), FakeSink()
        driver = FakeDriver(server)
        driver.crash_at = crash_at
        first = run(driver, sink)
        assert first.reason is FailReason.BROWSER
        again = run(FakeDriver(server), sink, game=next(iter(sink.owned), ""))
        assert again == Outcome(game="g", committed=ROUNDS), crash_at
        assert sink.commits == all_committed(), crash_at
        assert list(server.guessed) == ["g"], "a second game was dealt"


def test_two_crashes_anywhere_change_nothing() -> None:
    for first in range(3, 40, 3):
        for second in range(0, 30, 3):
            server, sink = Server(), FakeSink()
            for crash_at in (first, second, -1):
                driver = FakeDriver(server)
                driver.crash_at = crash_at
                outcome = run(driver, sink, game=next(iter(sink.owned), ""))
            assert outcome.reason is None
            assert sink.commits == all_committed(), (first, second)


def test_signs_in_once_asked() -> None:
    driver = FakeDriver(Server(), see=[Marker.SIGNED_OUT])
    assert run(driver, FakeSink()).reason is None
    assert driver.calls.count("sign_in") == 1


@pytest.mark.parametrize("when", range(6))
def test_accepts_a_banner_whenever_it_comes(when: int) -> None:
    driver = FakeDriver(Server(), see=[*[None] * when, Marker.CONSENT])
    assert run(driver, FakeSink()).committed == ROUNDS
    assert driver.calls.count("accept_consent") == 1


def test_leaves_a_banner_that_cannot_be_accepted() -> None:
    driver = FakeDriver(
        Server(), see=[Marker.CONSENT], accept_consent=[DriverTimeoutError("no button")]
    )
    assert run(driver, FakeSink()).committed == ROUNDS


def test_adopts_a_game_that_nobody_owns() -> None:
    server, sink = Server(), FakeSink()
    sink.owned[server.deal()] = "another task"
    server.deal()
    driver = FakeDriver(server)
    assert run(driver, sink) == Outcome(game="gg", committed=ROUNDS)
    assert "start_game" not in driver.calls


def test_deals_again_when_another_took_the_game() -> None:
    server, sink = Server(), FakeSink()
    sink.owned["g"] = "another task"
    assert run(FakeDriver(server), sink).game == "gg"


def test_gives_up_when_others_take_every_game() -> None:
    sink = FakeSink()
    sink.owned = {"g" * n: "another task" for n in range(1, 20)}
    assert run(FakeDriver(Server()), sink).reason is FailReason.DUPLICATE


def test_rounds_that_others_played_are_reported_missing() -> None:
    server, sink = Server(), FakeSink()
    server.guessed["g"] = 2
    assert run(FakeDriver(server), sink) == Outcome(game="g", committed=3, missing=(1, 2))


def test_unreadable_answers_come_from_the_results() -> None:
    driver = FakeDriver(
        Server(), read_answer=["https://maps.test/?nothing", DriverTimeoutError("no marker")]
    )
    sink = FakeSink()
    assert run(driver, sink).committed == ROUNDS
    assert sink.commits == all_committed()
    assert driver.calls.count("open_results") == 1


def test_a_round_without_any_answer_is_a_capture_without_coordinates() -> None:
    driver = FakeDriver(Server(), read_answer=[DriverTimeoutError("")], read_results=[{2: "x"}])
    sink = FakeSink()
    assert run(driver, sink).committed == ROUNDS
    assert sink.commits["g", 1][1].link == ""


def test_a_page_that_does_not_load_is_opened_again_once() -> None:
    # Seen so far: the lobby, the game; then the first round is asked for, and why it is not there.
    driver = FakeDriver(Server(), see=[None, None, "nothing"])
    assert run(driver, FakeSink()).committed == ROUNDS
    assert driver.calls.count("open_game") == 1
    driver = FakeDriver(Server(), see=[None, None, *["nothing"] * 4])
    assert run(driver, FakeSink()).reason is FailReason.ROUND


def test_a_picture_that_never_comes_has_its_own_reason() -> None:
    plan = [None, None, "nothing", Marker.LOADING]
    driver = FakeDriver(Server(), see=plan)
    assert run(driver, FakeSink()).committed == ROUNDS
    assert driver.calls.count("open_game") == 1
    driver = FakeDriver(Server(), see=[*plan, "nothing", Marker.LOADING])
    assert run(driver, FakeSink()).reason is FailReason.NO_PICTURE


def test_a_blank_picture_is_fetched_again_and_then_believed() -> None:
    sink = FakeSink()
    driver = FakeDriver(Server(), capture=["blank", None, "blank", "blank"])
    assert run(driver, sink).committed == ROUNDS
    assert driver.calls.count("open_game") == 2
    assert not sink.commits["g", 1][0].blank
    assert sink.commits["g", 2][0].blank, "a dark place is a dark place"


def test_a_page_that_says_that_it_failed_is_opened_again_at_once() -> None:
    clock, driver = FakeClock(), FakeDriver(Server(), see=[None, None, Marker.TROUBLE])
    assert run(driver, FakeSink(), clock=clock).committed == ROUNDS
    assert (driver.calls.count("open_game"), clock.time) == (1, 0)
    driver = FakeDriver(Server(), see=[None, None, Marker.TROUBLE, Marker.TROUBLE])
    driver.refusal = Refusal(503, 1.0)
    outcome = run(driver, FakeSink())
    assert (outcome.reason, outcome.retry_after) == (FailReason.SERVER_ERROR, 1.0)


def test_every_round_may_be_begun_again_once() -> None:
    timeout = DriverTimeoutError("no canvas")
    driver = FakeDriver(Server(), capture=[timeout, None] * ROUNDS)
    assert run(driver, FakeSink()).committed == ROUNDS
    assert driver.calls.count("open_game") == ROUNDS


def test_a_covered_picture_is_taken_again() -> None:
    driver, sink = FakeDriver(Server(), capture=[True, True, False]), FakeSink()
    assert run(driver, sink).committed == ROUNDS
    assert driver.calls.count("capture") == ROUNDS + 2
    assert not sink.commits["g", 1][0].covered


def test_a_picture_that_stays_covered_is_kept_and_says_so() -> None:
    driver, sink = FakeDriver(Server(), capture=[True] * 8), FakeSink()
    assert run(driver, sink).committed == ROUNDS
    assert sink.commits["g", 1][0].covered


def test_what_covers_a_picture_and_goes_by_itself_changes_nothing() -> None:
    # lobby, game, round; then a covered picture, after which the page shows something else
    driver = FakeDriver(Server(), capture=[True], see=[None, None, None, "nothing"])
    sink = FakeSink()
    assert run(driver, sink).committed == ROUNDS
    assert sink.commits["g", 1][0].covered


def test_a_guess_that_fails_is_tried_again() -> None:
    covered = DriverTimeoutError("covered by a banner")
    # lobby, game, round; then the page is looked at because the guess failed
    driver = FakeDriver(Server(), guess=[covered], see=[None, None, None, Marker.CONSENT])
    assert run(driver, FakeSink()).committed == ROUNDS
    assert driver.calls.count("accept_consent") == 1
    assert "open_game" not in driver.calls
    error = DriverTimeoutError("no map")
    driver = FakeDriver(Server(), guess=[error] * 6)
    outcome = run(driver, FakeSink())
    assert outcome.reason is FailReason.ROUND
    assert "no map" in outcome.detail


def test_a_guess_that_is_late_but_counted_is_made_once() -> None:
    driver = FakeDriver(Server())
    guess = driver.guess

    async def late(seconds: float) -> None:
        await guess(seconds)
        if driver.number == 1:
            raise DriverTimeoutError("too late")

    driver.guess = late  # type: ignore[method-assign]
    assert run(driver, FakeSink()) == Outcome(game="g", committed=ROUNDS)
    assert driver.calls.count("guess") == ROUNDS


def test_an_expired_login_is_renewed_once_and_the_game_goes_on() -> None:
    # lobby, game, round 1, answer 1, then the login is asked for
    driver = FakeDriver(Server(), see=[None, None, None, None, Marker.SIGNED_OUT])
    sink = FakeSink()
    assert run(driver, sink) == Outcome(game="g", committed=ROUNDS)
    assert sink.commits == all_committed()
    assert driver.calls.count("sign_in") == 1
    assert driver.calls[driver.calls.index("sign_in") :].count("open_game") == 1
    assert driver.calls.count("start_game") == 1

    plan = [None, None, None, None, Marker.SIGNED_OUT, None, Marker.SIGNED_OUT]
    outcome = run(FakeDriver(Server(), see=plan), FakeSink())
    assert (outcome.reason, outcome.committed) == (FailReason.SESSION, 1)


def test_a_login_that_expires_while_a_game_is_asked_for_is_there_for_the_next_try() -> None:
    driver = FakeDriver(Server(), see=[None, Marker.SIGNED_OUT])
    assert run(driver, FakeSink()).reason is FailReason.START
    assert driver.calls.count("sign_in") == 1
    assert driver.calls.count("open_lobby") == 1


def test_a_login_that_expires_with_a_guess_costs_no_waiting() -> None:
    clock, sink = FakeClock(), FakeSink()
    driver = FakeDriver(Server(), see=[None, None, None, Marker.SIGNED_OUT])
    assert run(driver, sink, clock=clock) == Outcome(game="g", committed=ROUNDS)
    assert clock.time == 0
    assert driver.calls.count("sign_in") == 1
    again = FakeDriver(Server(), see=[None, None, None, Marker.SIGNED_OUT, "nothing"])
    assert run(again, FakeSink()).reason is FailReason.SESSION


def test_waits_for_room_and_drops_nothing() -> None:
    class Room:
        looks = 0

        @property
        def low(self) -> bool:
            self.looks += 1
            return self.looks < 1000

    clock, sink = FakeClock(), FakeSink()
    assert run(FakeDriver(Server()), sink, clock=clock, room=Room()).committed == ROUNDS
    assert sink.commits == all_committed()
    assert clock.time > scripted.LIMITS.game, "the wait is not the game's fault"


def test_is_polite_where_it_must() -> None:
    clock = FakeClock()
    assert run(FakeDriver(Server()), FakeSink(), clock=clock, pause=7).committed == ROUNDS
    assert clock.time == 7 * ROUNDS


@pytest.mark.parametrize(
    ("status", "reason"),
    [(429, FailReason.RATE_LIMITED), (500, FailReason.SERVER_ERROR)],
)
def test_what_the_server_answered_is_the_reason(status: int, reason: FailReason) -> None:
    driver = FakeDriver(Server(), see=[None, None, *["nothing"] * 4])
    driver.refusal = Refusal(status, 12.5)
    outcome = run(driver, FakeSink())
    assert outcome.reason is reason
    assert str(status) in outcome.detail
    assert outcome.retry_after == 12.5


def test_a_rate_limit_in_mid_game_says_how_long() -> None:
    driver, sink = FakeDriver(Server(), see=[None] * 6 + [Marker.RATE_LIMITED]), FakeSink()
    driver.refusal = Refusal(429, 3.0)
    outcome = run(driver, sink)
    assert (outcome.reason, outcome.retry_after) == (FailReason.RATE_LIMITED, 3.0)
    assert run(FakeDriver(driver.server), sink, game="g") == Outcome(game="g", committed=ROUNDS)
    assert sink.commits == all_committed()


def test_a_game_that_never_ends_is_left() -> None:
    clock, driver = FakeClock(), FakeDriver(Server())
    number = driver.round_number

    async def slow(seconds: float) -> int:
        clock.time += 60
        return await number(seconds)

    driver.round_number = slow  # type: ignore[method-assign]
    outcome = run(driver, FakeSink(), clock=clock)
    assert outcome.reason is FailReason.GAME_TIMEOUT
    assert outcome.committed == 2


def _unknown_game() -> tuple[FakeDriver, str]:
    return FakeDriver(Server()), "unknown"


def _no_results() -> tuple[FakeDriver, str]:
    server = Server()
    driver = FakeDriver(server, read_answer=[DriverTimeoutError("")])

    async def forget(game: str, seconds: float) -> None:
        driver.shown = Marker.NOT_FOUND

    driver.open_results = forget  # type: ignore[method-assign]
    return driver, ""


def _unfinished_results() -> tuple[FakeDriver, str]:
    driver, game = _no_results()
    shown = driver.open_results

    async def forget(game: str, seconds: float) -> None:
        await shown(game, seconds)
        driver.shown = Marker.UNFINISHED

    driver.open_results = forget  # type: ignore[method-assign]
    return driver, game


def _scripted(**plan: Sequence[Any]) -> Callable[[], tuple[FakeDriver, str]]:
    return lambda: (FakeDriver(Server(), **plan), "")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_scripted(see=["nothing"]), FailReason.UNREACHABLE),
        (_scripted(see=[Marker.WALL]), FailReason.WALL),
        (_scripted(see=[None, None, None, Marker.WALL]), FailReason.WALL),
        (_scripted(see=[Marker.SIGNED_OUT, Marker.REFUSED]), FailReason.SIGN_IN),
        (_scripted(see=[Marker.SIGNED_OUT, "nothing"]), FailReason.SIGN_IN),
        (
            _scripted(see=[Marker.SIGNED_OUT], sign_in=[DriverTimeoutError("no form")]),
            FailReason.SIGN_IN,
        ),
        (_scripted(see=[None, Marker.RATE_LIMITED]), FailReason.RATE_LIMITED),
        (_scripted(start_game=[DriverTimeoutError("no button")]), FailReason.START),
        (_scripted(see=[None, "nothing"]), FailReason.START),
        (
            _scripted(see=[Marker.SIGNED_OUT, Marker.RATE_LIMITED]),
            FailReason.RATE_LIMITED,
        ),
        (_scripted(see=[Marker.SIGNED_OUT, Marker.WALL]), FailReason.WALL),
        (_scripted(capture=[DriverTimeoutError("no canvas")] * 2), FailReason.ROUND),
        (_unknown_game, FailReason.NOT_FOUND),
        (_unfinished_results, FailReason.ANSWER_MISSING),
        (_no_results, FailReason.ANSWER_MISSING),
    ],
)
def test_every_failure_has_its_reason(
    make: Callable[[], tuple[FakeDriver, str]], reason: FailReason
) -> None:
    driver, game = make()
    outcome = run(driver, FakeSink(), game=game)
    assert outcome.reason is reason
    assert outcome.detail
    assert "secret" not in outcome.detail
