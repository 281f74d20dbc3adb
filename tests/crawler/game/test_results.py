"""Results: pictures that wait for their answers, games that wait for their end, lists of both."""

from typing import Any

from crawler.game.play import play
from crawler.game.port import Answer, DriverTimeoutError, Outcome
from crawler.game.results import read_again
from crawler.game.site import Marker
from crawler.reasons import FailReason
from tests.crawler.game import scripted
from tests.crawler.game.scripted import (
    ROUNDS,
    FakeDriver,
    FakeSink,
    Server,
    all_committed,
    link,
    picture,
)


def run(driver: FakeDriver, sink: FakeSink, **changes: Any) -> Outcome:
    return scripted.run(read_again, driver, sink, **changes)


def finished(*held: int) -> tuple[Server, FakeSink]:
    """A game that is over; the pictures of the rounds `held` wait for their answers."""
    server, sink = Server(), FakeSink()
    server.guessed["g"] = ROUNDS
    for number in range(1, ROUNDS + 1):
        sink.holds["g", number] = picture("g", number)
        if number not in held:
            answer = Answer(link=link("g", number))
            sink.commit("g", number, picture("g", number), answer)
    return server, sink


def test_pictures_get_their_answers_and_are_captured_once() -> None:
    server, sink = finished(2, 4)
    before = dict(sink.commits)
    assert run(FakeDriver(server), sink, game="g") == Outcome(game="g", committed=ROUNDS)
    assert sink.commits == all_committed()
    assert before.items() <= sink.commits.items(), "what was committed stays as it was"
    again = FakeDriver(server)
    assert run(again, sink, game="g").committed == ROUNDS
    assert "read_results" not in again.calls


def test_an_unfinished_game_is_finished_first() -> None:
    server, sink = Server(), FakeSink()
    crashed = FakeDriver(server)
    crashed.crash_at = 30
    assert scripted.run(play, crashed, sink).reason is FailReason.BROWSER
    assert 0 < len(sink.commits) < ROUNDS
    assert run(FakeDriver(server), sink, game="g") == Outcome(game="g", committed=ROUNDS)
    assert sink.commits == all_committed()


def test_rounds_without_a_picture_are_missing() -> None:
    server = Server()
    server.guessed["g"] = ROUNDS
    outcome = run(FakeDriver(server), FakeSink(), game="g")
    assert outcome == Outcome(game="g", missing=(1, 2, 3, 4, 5))


def test_a_game_that_the_site_does_not_know_keeps_its_pictures() -> None:
    _, sink = finished(3)
    outcome = run(FakeDriver(Server()), sink, game="g")
    assert outcome.reason is FailReason.NOT_FOUND
    assert "g" in outcome.detail
    assert list(sink.holds) == [("g", 3)]


def test_a_game_that_vanishes_between_two_looks() -> None:
    server, sink = finished(3)
    # lobby, results; then the results again
    outcome = run(FakeDriver(server, see=[None, None, Marker.NOT_FOUND]), sink, game="g")
    assert outcome.reason is FailReason.NOT_FOUND


def test_results_that_do_not_come_are_tried_again() -> None:
    server, sink = finished(3)
    slow = FakeDriver(server, read_results=[DriverTimeoutError("no markers")])
    assert run(slow, sink, game="g").reason is FailReason.ANSWER_MISSING
    assert run(FakeDriver(server), sink, game="g").committed == ROUNDS
    assert sink.commits == all_committed()


def test_a_place_that_the_results_do_not_tell_is_none() -> None:
    server, sink = finished(3)
    outcome = run(FakeDriver(server, read_results=[{}]), sink, game="g")
    assert outcome == Outcome(game="g", committed=ROUNDS)
    assert sink.commits["g", 3][1] == Answer()


def test_the_game_of_another_task_is_left_to_it() -> None:
    server, sink = finished(3)
    sink.owned["g"] = "another task"
    driver = FakeDriver(server)
    assert run(driver, sink, game="g").reason is None
    assert "open_results" not in driver.calls
    assert list(sink.holds) == [("g", 3)]


def test_lists_the_games_of_the_site() -> None:
    server = Server()
    server.guessed = {"over": ROUNDS, "begun": 2}
    outcome = run(FakeDriver(server), FakeSink())
    assert outcome == Outcome(found=("begun", "over"))


def test_an_expired_login_opens_the_results_again() -> None:
    server, sink = finished(3)
    driver = FakeDriver(server, see=[None, Marker.SIGNED_OUT])
    assert run(driver, sink, game="g").committed == ROUNDS
    assert driver.calls.count("sign_in") == 1
