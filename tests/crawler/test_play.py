"""The game's state machine against a scripted site: every branch, and a crash at every step."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from crawler.game.play import (
    Account,
    DriverTimeoutError,
    Limits,
    Outcome,
    PageGoneError,
    Picture,
    play,
)
from crawler.game.site import Marker
from crawler.reasons import FailReason

ROUNDS = 5
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(capture=2, game=100)


def link(game: str, number: int) -> str:
    return f"https://maps.test/?q&layer=c&cbll={number}.5,-{len(game)}.25&cbp=11,0,0,0,0"


class Server:
    """What the site remembers of its games: how many rounds of each are guessed."""

    def __init__(self) -> None:
        self.guessed: dict[str, int] = {}

    def deal(self) -> str:
        game = "g" * (len(self.guessed) + 1)
        self.guessed[game] = 0
        return game

    def ongoing(self) -> list[str]:
        return [game for game, count in self.guessed.items() if count < ROUNDS]


class FakeClock:
    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class FakeSink:
    """Claims, held pictures and commits in memory, as durable as the test's variables."""

    def __init__(self) -> None:
        self.owned: dict[str, str] = {}
        self.holds: dict[tuple[str, int], Picture] = {}
        self.commits: dict[tuple[str, int], tuple[Picture, str]] = {}
        self.task = "task"

    def claim(self, game: str) -> bool:
        return self.owned.setdefault(game, self.task) == self.task

    def committed(self, game: str, number: int) -> bool:
        return (game, number) in self.commits

    def hold(self, game: str, number: int, picture: Picture) -> None:
        self.holds[game, number] = picture

    def held(self, game: str, number: int) -> Picture | None:
        return self.holds.get((game, number))

    def commit(self, game: str, number: int, picture: Picture, link: str) -> None:
        assert (game, number) not in self.commits
        self.commits[game, number] = (picture, link)
        del self.holds[game, number]


class FakeDriver:
    """A page of the scripted site. `plan` maps a verb to what its next calls do instead."""

    def __init__(self, server: Server, **plan: Sequence[Any]) -> None:
        self.server = server
        self.plan = {verb: list(steps) for verb, steps in plan.items()}
        self.calls: list[str] = []
        self.crash_at = -1
        self.shown = Marker.SIGNED_IN
        self.game = ""
        self.number = 0

    def _step(self, verb: str) -> Any:
        if len(self.calls) == self.crash_at:
            raise PageGoneError("crashed")
        self.calls.append(verb)
        steps = self.plan.get(verb)
        step = steps.pop(0) if steps else None
        if isinstance(step, Exception):
            raise step
        return step

    async def see(self, wanted: Sequence[Marker], seconds: float) -> Marker | None:
        step = self._step("see")
        if isinstance(step, Marker):
            return step
        if step == "nothing":
            return None
        return self.shown if self.shown in wanted else None

    async def accept_consent(self, seconds: float) -> None:
        self._step("accept_consent")

    async def sign_in(self, account: Account, seconds: float) -> None:
        self._step("sign_in")
        self.shown = Marker.SIGNED_IN

    async def open_lobby(self, seconds: float) -> None:
        self._step("open_lobby")
        self.shown = Marker.SIGNED_IN

    async def open_game(self, game: str, seconds: float) -> None:
        self._step("open_game")
        self.game = game
        self._show_round()

    async def open_results(self, game: str, seconds: float) -> None:
        self._step("open_results")
        over = self.server.guessed.get(game) == ROUNDS
        self.shown = Marker.FINISHED if over else Marker.NOT_FOUND

    async def ongoing_games(self, seconds: float) -> list[str]:
        self._step("ongoing_games")
        return self.server.ongoing()

    async def start_game(self, seconds: float) -> None:
        self._step("start_game")
        self.game = self.server.deal()
        self.shown = Marker.GAME

    async def game_id(self) -> str:
        self._step("game_id")
        self._show_round()
        return self.game

    async def round_number(self, seconds: float) -> int:
        self._step("round_number")
        return self.number

    async def capture(self, seconds: float) -> Picture:
        covered = bool(self._step("capture"))
        image = f"{self.game}/{self.number}".encode()
        return Picture(image, "jpg", WHEN, covered=covered)

    async def guess(self, seconds: float) -> None:
        self._step("guess")
        self.server.guessed[self.game] = self.number
        self.shown = Marker.ANSWER

    async def read_answer(self, seconds: float) -> str:
        return self._step("read_answer") or link(self.game, self.number)

    async def next_round(self, seconds: float) -> None:
        self._step("next_round")
        self._show_round()

    async def read_results(self, seconds: float) -> dict[int, str]:
        step = self._step("read_results")
        return {n: link(self.game, n) for n in range(1, ROUNDS + 1)} if step is None else step

    def _show_round(self) -> None:
        played = self.server.guessed.get(self.game)
        if played is None:
            self.shown = Marker.NOT_FOUND
        elif played == ROUNDS:
            self.shown = Marker.FINISHED
        else:
            self.shown, self.number = Marker.ROUND, played + 1


def run(
    driver: FakeDriver, sink: FakeSink, game: str = "", clock: FakeClock | None = None
) -> Outcome:
    return asyncio.run(
        play(
            driver,
            clock or FakeClock(),
            sink,
            account=Account("a@b.test", "secret"),
            rounds=ROUNDS,
            game=game,
            limits=LIMITS,
        )
    )


def all_committed(game: str = "g") -> dict[tuple[str, int], tuple[Picture, str]]:
    return {
        (game, n): (Picture(f"{game}/{n}".encode(), "jpg", WHEN), link(game, n))
        for n in range(1, ROUNDS + 1)
    }


def test_plays_a_new_game() -> None:
    driver, sink = FakeDriver(Server()), FakeSink()
    assert run(driver, sink) == Outcome(game="g", committed=ROUNDS)
    assert sink.commits == all_committed()
    assert sink.holds == {}
    assert driver.calls.count("guess") == ROUNDS


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
    assert sink.commits["g", 1][1] == ""


def test_a_page_that_does_not_load_is_opened_again_once() -> None:
    # Seen so far: the lobby, the game; then the first round is asked for.
    driver = FakeDriver(Server(), see=[None, None, "nothing"])
    assert run(driver, FakeSink()).committed == ROUNDS
    assert driver.calls.count("open_game") == 1
    driver = FakeDriver(Server(), see=[None, None, "nothing", "nothing"])
    assert run(driver, FakeSink()).reason is FailReason.ROUND


def test_a_covered_picture_is_taken_again() -> None:
    driver, sink = FakeDriver(Server(), capture=[True, True, False]), FakeSink()
    assert run(driver, sink).committed == ROUNDS
    assert driver.calls.count("capture") == ROUNDS + 2
    assert not sink.commits["g", 1][0].covered


def test_a_picture_that_stays_covered_is_kept_and_says_so() -> None:
    driver, sink = FakeDriver(Server(), capture=[True] * 8), FakeSink()
    assert run(driver, sink).committed == ROUNDS
    assert sink.commits["g", 1][0].covered


def test_a_guess_that_fails_is_tried_once_more() -> None:
    driver = FakeDriver(Server(), guess=[DriverTimeoutError("covered by a banner")])
    assert run(driver, FakeSink()).committed == ROUNDS
    error = DriverTimeoutError("no map")
    driver = FakeDriver(Server(), guess=[error, error])
    outcome = run(driver, FakeSink())
    assert outcome.reason is FailReason.ROUND
    assert "no map" in outcome.detail


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
        (_scripted(capture=[DriverTimeoutError("no canvas")]), FailReason.ROUND),
        (_unknown_game, FailReason.START),
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
