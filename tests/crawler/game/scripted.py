"""A site on paper for the state machines: it remembers its games, and does what a test plans."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from crawler.game.port import (
    Account,
    Answer,
    Clock,
    GameDriver,
    Limits,
    Options,
    Outcome,
    PageGoneError,
    Picture,
    Refusal,
    Sink,
    Verdict,
)
from crawler.game.site import Marker

ROUNDS = 5
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(capture=2, game=100)


def link(game: str, number: int) -> str:
    return f"https://maps.test/?q&layer=c&cbll={number}.5,-{len(game)}.25&cbp=11,0,0,0,0"


def picture(game: str, number: int) -> Picture:
    return Picture(f"{game}/{number}".encode(), "jpg", WHEN)


def options(**changes: Any) -> Options:
    given = {"account": Account("a@b.test", "secret"), "rounds": ROUNDS, "limits": LIMITS}
    return Options(**{**given, **changes})


def run(
    mode: Callable[[GameDriver, Clock, Sink, Options], Awaitable[Outcome]],
    driver: GameDriver,
    sink: Sink,
    *,
    clock: "FakeClock | None" = None,
    **changes: Any,
) -> Outcome:
    async def end() -> Outcome:
        return await mode(driver, clock or FakeClock(), sink, options(**changes))

    return asyncio.run(end())


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

    def past(self) -> list[str]:
        return [game for game, count in self.guessed.items() if count == ROUNDS]


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
        self.commits: dict[tuple[str, int], tuple[Picture, Answer]] = {}
        self.task = "task"

    def claim(self, game: str) -> bool:
        return self.owned.setdefault(game, self.task) == self.task

    def committed(self, game: str, number: int) -> bool:
        return (game, number) in self.commits

    def hold(self, game: str, number: int, picture: Picture) -> None:
        self.holds[game, number] = picture

    def held(self, game: str, number: int) -> Picture | None:
        return self.holds.get((game, number))

    def commit(self, game: str, number: int, picture: Picture, answer: Answer) -> None:
        assert (game, number) not in self.commits
        self.commits[game, number] = (picture, answer)
        del self.holds[game, number]


def all_committed(game: str = "g") -> dict[tuple[str, int], tuple[Picture, Answer]]:
    return {(game, n): (picture(game, n), Answer(link=link(game, n))) for n in range(1, ROUNDS + 1)}


class FakeDriver:
    """A page of the site. `plan` maps a verb to what its next calls do instead."""

    def __init__(self, server: Server, **plan: Sequence[Any]) -> None:
        self.server = server
        self.plan = {verb: list(steps) for verb, steps in plan.items()}
        self.calls: list[str] = []
        self.crash_at = -1
        self.shown = Marker.SIGNED_IN
        self.game = ""
        self.number = 0
        self.refusal: Refusal | None = None

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
        return next((marker for marker in wanted if self._shows(marker)), None)

    def _shows(self, marker: Marker) -> bool:
        if marker is Marker.INSIDE:
            return self.shown is not Marker.SIGNED_OUT
        return marker is self.shown

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
        played = self.server.guessed.get(game)
        if played is None:
            self.shown = Marker.NOT_FOUND
        else:
            self.shown = Marker.FINISHED if played == ROUNDS else Marker.UNFINISHED
        self.game = game

    async def ongoing_games(self, seconds: float) -> list[str]:
        self._step("ongoing_games")
        return self.server.ongoing()

    async def past_games(self, seconds: float) -> list[str]:
        self._step("past_games")
        return self.server.past()

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
        step = self._step("capture")
        image = f"{self.game}/{self.number}".encode()
        return Picture(image, "jpg", WHEN, covered=step is True, blank=step == "blank")

    async def guess(self, seconds: float) -> None:
        self._step("guess")
        self.server.guessed[self.game] = self.number
        self.shown = Marker.ANSWER

    async def spectate(self, seconds: float) -> None:
        raise AssertionError("nobody else plays here")

    async def read_verdict(self, seconds: float) -> Verdict:
        raise AssertionError("nobody else plays here")

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
