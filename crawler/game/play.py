"""How one game is played: a state machine that knows neither Playwright nor Scrapy nor SQLite.

consent → sign in → start, adopt or resume a game → claim it → for each round: load, photograph,
hold, guess, read the answer, commit → next. A picture is held before its guess is made, so a
crash at any point loses nothing: the answer of a round that was guessed but not committed is
read from the page of results when the game is over.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crawler.game.pages import parse_map_link
from crawler.game.site import Marker
from crawler.reasons import FailReason

LOBBY_TRIES = 5
CONSENT_TRIES = 3
COVERED_PAUSE = 0.3


class DriverTimeoutError(Exception):
    """A verb did not come to its end in the time it was given."""


class PageGoneError(Exception):
    """The page, its context or the browser crashed or was closed."""


@dataclass(frozen=True, slots=True)
class Account:
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Picture:
    image: bytes
    extension: str
    captured_at: datetime
    """UTC."""
    settled: bool = True
    """Two consecutive frames were equal; else the picture is what there was when time ran out."""
    covered: bool = False
    """Something else on the page overlapped the photograph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds that each state may take."""

    open: float = 60
    consent: float = 15
    auth: float = 30
    start: float = 60
    round: float = 20
    capture: float = 10
    guess: float = 15
    answer: float = 15
    results: float = 30
    game: float = 20 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a game ended. `reason` is None when every round that could be had is committed."""

    game: str = ""
    committed: int = 0
    missing: tuple[int, ...] = ()
    """Rounds whose picture nobody kept: they were played by others, or before."""
    reason: FailReason | None = None
    detail: str = ""


class GameDriver(Protocol):
    """Coroutine verbs on a page. Each ends within `seconds` or raises DriverTimeoutError."""

    async def see(self, wanted: Sequence[Marker], seconds: float) -> Marker | None:
        """The first of `wanted` that the page shows; None when none comes in time."""

    async def accept_consent(self, seconds: float) -> None: ...
    async def sign_in(self, account: Account, seconds: float) -> None: ...
    async def open_lobby(self, seconds: float) -> None: ...
    async def open_game(self, game: str, seconds: float) -> None: ...
    async def open_results(self, game: str, seconds: float) -> None: ...
    async def ongoing_games(self, seconds: float) -> list[str]: ...
    async def start_game(self, seconds: float) -> None: ...
    async def game_id(self) -> str: ...
    async def round_number(self, seconds: float) -> int: ...
    async def capture(self, seconds: float) -> Picture: ...
    async def guess(self, seconds: float) -> None: ...
    async def read_answer(self, seconds: float) -> str:
        """The link that the true place's marker opens."""

    async def next_round(self, seconds: float) -> None: ...
    async def read_results(self, seconds: float) -> dict[int, str]:
        """Links to the true places by round, from a finished game's page of results."""


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds."""

    async def sleep(self, seconds: float) -> None: ...


class Sink(Protocol):
    """Where claims, held pictures and captures go; every method is durable when it returns."""

    def claim(self, game: str) -> bool: ...
    def committed(self, game: str, number: int) -> bool: ...
    def hold(self, game: str, number: int, picture: Picture) -> None: ...
    def held(self, game: str, number: int) -> Picture | None: ...
    def commit(self, game: str, number: int, picture: Picture, link: str) -> None:
        """`link` is empty when the site never told where the place is."""


class _Stop(Exception):  # noqa: N818 - an end, not always an error
    def __init__(self, reason: FailReason, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail


async def play(
    driver: GameDriver,
    clock: Clock,
    sink: Sink,
    *,
    account: Account,
    rounds: int,
    game: str = "",
    limits: Limits | None = None,
    pause: float = 0,
) -> Outcome:
    """Plays one game on a page that shows the lobby: `game` if given, else another or a new one.

    `pause` seconds pass before each photograph, out of politeness.
    """
    state = _Play(driver, clock, sink, account, rounds, limits or Limits(), pause)
    reason, detail = None, ""
    try:
        await state.run(game)
    except _Stop as stop:
        reason, detail = stop.reason, stop.detail
    except DriverTimeoutError as error:
        reason, detail = state.reason, f"{state.doing}: {error}"
    except PageGoneError as error:
        reason, detail = FailReason.BROWSER, f"{state.doing}: {error}"
    return Outcome(
        game=state.game,
        committed=state.committed(),
        missing=state.missing() if reason is None else (),
        reason=reason,
        detail=detail,
    )


class _Play:
    """One game in progress. `doing` and `reason` say what a verb that times out now means."""

    def __init__(
        self,
        driver: GameDriver,
        clock: Clock,
        sink: Sink,
        account: Account,
        rounds: int,
        limits: Limits,
        pause: float,
    ) -> None:
        self.driver = driver
        self.clock = clock
        self.sink = sink
        self.account = account
        self.numbers = range(1, rounds + 1)
        self.limits = limits
        self.pause = pause
        self.game = ""
        self.doing = ""
        self.reason = FailReason.UNREACHABLE
        self._consents = 0
        self._ends_at = clock.monotonic() + limits.game

    def committed(self) -> int:
        return sum(self.sink.committed(self.game, n) for n in self.numbers) if self.game else 0

    def missing(self) -> tuple[int, ...]:
        return tuple(n for n in self.numbers if not self.sink.committed(self.game, n))

    async def run(self, game: str) -> None:
        self._enter("opening the lobby", FailReason.UNREACHABLE)
        await self._sign_in()
        self._enter("starting a game", FailReason.START)
        await (self._resume(game) if game else self._find_game())
        self._enter("playing", FailReason.ROUND)
        await self._rounds()
        self._enter("reading the results", FailReason.ANSWER_MISSING)
        await self._recover()

    def _enter(self, doing: str, reason: FailReason) -> None:
        self.doing, self.reason = doing, reason

    async def _see(self, wanted: Sequence[Marker], seconds: float) -> Marker:
        """Waits for one of `wanted`; accepts a consent banner that comes before it."""
        while True:
            banner = (Marker.CONSENT,) if self._consents < CONSENT_TRIES else ()
            found = await self.driver.see((Marker.WALL, *banner, *wanted), seconds)
            if found is Marker.WALL:
                raise _Stop(FailReason.WALL, f"{self.doing}: the site shows a wall")
            if found is None:
                raise _Stop(self.reason, f"{self.doing}: no {' or '.join(wanted)} in {seconds:g} s")
            if found is not Marker.CONSENT:
                return found
            await self._accept_consent()

    async def _accept_consent(self) -> None:
        """A banner that cannot be accepted is left where it is."""
        self._consents += 1
        try:
            await self.driver.accept_consent(self.limits.consent)
        except DriverTimeoutError:
            self._consents = CONSENT_TRIES

    async def _sign_in(self) -> None:
        seen = await self._see((Marker.SIGNED_IN, Marker.SIGNED_OUT), self.limits.open)
        if seen is Marker.SIGNED_IN:
            return
        self._enter("signing in", FailReason.SIGN_IN)
        await self.driver.sign_in(self.account, self.limits.auth)
        if await self._see((Marker.SIGNED_IN, Marker.REFUSED), self.limits.auth) is Marker.REFUSED:
            raise _Stop(FailReason.SIGN_IN, "the site refused the account; check it")

    async def _resume(self, game: str) -> None:
        self.game = game
        await self.driver.open_game(game, self.limits.open)

    async def _find_game(self) -> None:
        """Adopts a game that was dealt but belongs to no task, else has a new one dealt."""
        for _ in range(LOBBY_TRIES):
            for ongoing in await self.driver.ongoing_games(self.limits.open):
                if self.sink.claim(ongoing):
                    return await self._resume(ongoing)
            await self.driver.start_game(self.limits.start)
            if await self._see((Marker.RATE_LIMITED, Marker.GAME), self.limits.start) is (
                Marker.RATE_LIMITED
            ):
                raise _Stop(FailReason.RATE_LIMITED, "the site asks for a pause")
            game = await self.driver.game_id()
            if self.sink.claim(game):
                self.game = game
                return None
            await self.driver.open_lobby(self.limits.open)
            await self._see((Marker.SIGNED_IN,), self.limits.open)
        raise _Stop(FailReason.DUPLICATE, "every game belongs to another task")

    async def _rounds(self) -> None:
        """Plays on until every round is committed or the game is over."""
        while self.missing():
            if self.clock.monotonic() > self._ends_at:
                raise _Stop(FailReason.GAME_TIMEOUT, f"not over after {self.limits.game:g} s")
            seen = await self._round_page()
            if seen is Marker.FINISHED:
                return
            number = await self.driver.round_number(self.limits.round)
            if seen is Marker.ROUND:
                await self._photograph(number)
                await self._guess()
            await self._record(number)
            if self.missing():
                await self.driver.next_round(self.limits.round)

    async def _round_page(self) -> Marker:
        wanted = (Marker.NOT_FOUND, Marker.ANSWER, Marker.ROUND, Marker.FINISHED)
        try:
            seen = await self._see(wanted, self.limits.round)
        except _Stop as stop:
            if stop.reason is not FailReason.ROUND:
                raise
            await self.driver.open_game(self.game, self.limits.open)
            seen = await self._see(wanted, self.limits.round)
        if seen is Marker.NOT_FOUND:
            raise _Stop(FailReason.START, f"the site does not know the game {self.game}")
        return seen

    async def _photograph(self, number: int) -> None:
        """Takes and holds the picture. One that stays covered is kept, and says so."""
        if self.sink.committed(self.game, number):
            return
        await self.clock.sleep(self.pause)
        ends_at = self.clock.monotonic() + self.limits.capture
        while True:
            picture = await self.driver.capture(self.limits.capture)
            if not picture.covered or self.clock.monotonic() >= ends_at:
                break
            await self._see((Marker.ROUND,), self.limits.round)
            await self.clock.sleep(COVERED_PAUSE)
        self.sink.hold(self.game, number, picture)

    async def _guess(self) -> None:
        """A consent banner that comes in the way is accepted, and the guess tried once more."""
        try:
            await self.driver.guess(self.limits.guess)
            await self._see((Marker.ANSWER,), self.limits.answer)
        except (DriverTimeoutError, _Stop) as error:
            if isinstance(error, _Stop) and error.reason is not FailReason.ROUND:
                raise
            if await self._see((Marker.ANSWER, Marker.ROUND), self.limits.round) is Marker.ROUND:
                await self.driver.guess(self.limits.guess)
                await self._see((Marker.ANSWER,), self.limits.answer)

    async def _record(self, number: int) -> None:
        """Commits a round whose answer the page shows; an unreadable one waits for the results."""
        picture = self._uncommitted(number)
        if picture is None:
            return
        try:
            link = await self.driver.read_answer(self.limits.answer)
            parse_map_link(link)
        except (DriverTimeoutError, ValueError):
            return
        self.sink.commit(self.game, number, picture, link)

    async def _recover(self) -> None:
        """Commits what was guessed but not committed; without an answer rather than never."""
        waiting = {n: p for n in self.numbers if (p := self._uncommitted(n)) is not None}
        if not waiting:
            return
        await self.driver.open_results(self.game, self.limits.results)
        seen = await self._see((Marker.FINISHED, Marker.NOT_FOUND), self.limits.results)
        if seen is Marker.NOT_FOUND:
            raise _Stop(FailReason.ANSWER_MISSING, f"the game {self.game} has no results")
        links = await self.driver.read_results(self.limits.results)
        for number, picture in waiting.items():
            self.sink.commit(self.game, number, picture, links.get(number, ""))

    def _uncommitted(self, number: int) -> Picture | None:
        if self.sink.committed(self.game, number):
            return None
        return self.sink.held(self.game, number)


class SystemClock:
    """The real one."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
