"""What the state machines of the game and the world around them say to each other.

The machines (`play`, `multiplayer`, `results`, `shadow`) import this and nothing of Playwright,
Scrapy or SQLite; `driver.py` and `records.py` plug them into those.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from crawler.game.site import Marker
from crawler.reasons import FailReason


class DriverTimeoutError(Exception):
    """A verb did not come to its end in the time it was given."""


class PageGoneError(Exception):
    """The page, its context or the browser crashed or was closed."""


@dataclass(frozen=True, slots=True)
class Account:
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Picture:
    image: bytes
    extension: str
    captured_at: datetime
    """UTC."""
    settled: bool = True
    """Two frames were equal and nothing was loading; else what there was when time ran out."""
    covered: bool = False
    """Something else on the page overlapped the photograph."""
    blank: bool = False
    """All of one colour: nothing was drawn, or the place is dark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the page told of a round's place, as it was found."""

    link: str = ""
    """Map link with the coordinates; empty when there was none."""
    sentence: str = ""
    """`The right answer was Peru. …`; only matches have one."""
    wrong_guesses: tuple[str, ...] = ()
    """Countries that other players guessed."""
    players: int = 0
    """How many took part. Their names are nobody's business here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of a match's round, read in one go, so that all of it is of one round."""

    number: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Refusal:
    """The last request of the current page that the server answered with 429 or 5xx."""

    status: int
    retry_after: float | None = None
    """Seconds that the server asked for."""


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
    lobby: float = 300
    """A match waits for its players."""
    verdict: float = 200
    """The round of a match ends when all have guessed or their time is up."""
    match: float = 60 * 60


class Room(Protocol):
    """Whether the disk has room for another picture."""

    @property
    def low(self) -> bool: ...


class AlwaysRoom:
    """For a sink that needs none."""

    low = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a mode is told beside its ports."""

    account: Account
    rounds: int = 5
    """Of a single-player game; a match has as many as it has."""
    game: str = ""
    """The game to go on with, to follow or to read again; empty for another or a new one."""
    limits: Limits = field(default_factory=Limits)
    pause: float = 0
    """Seconds before each photograph, out of politeness to a site that is not ours."""
    guess: bool = True
    """Whether to guess in a match. Who does not only watches."""
    room: Room = field(default_factory=AlwaysRoom)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a task ended. `reason` is None when every round that could be had is committed."""

    game: str = ""
    committed: int = 0
    """Rounds of the game that are committed, by this task or earlier ones."""
    missing: tuple[int, ...] = ()
    """Rounds whose picture nobody kept: they were played by others, or before."""
    reason: FailReason | None = None
    detail: str = ""
    retry_after: float | None = None
    """Seconds that the server asked us to wait, with a refusal."""
    found: tuple[str, ...] = ()
    """Games that the site lists, for a task that was to find some."""


class GameDriver(Protocol):
    """Coroutine verbs on a page. Each ends within `seconds` or raises DriverTimeoutError."""

    @property
    def refusal(self) -> Refusal | None: ...

    async def see(self, wanted: Sequence[Marker], seconds: float) -> Marker | None:
        """The first of `wanted` that the page shows; None when none comes in time."""

    async def accept_consent(self, seconds: float) -> None: ...
    async def sign_in(self, account: Account, seconds: float) -> None: ...
    async def open_lobby(self, seconds: float) -> None: ...
    async def open_game(self, game: str, seconds: float) -> None: ...
    async def open_results(self, game: str, seconds: float) -> None: ...
    async def ongoing_games(self, seconds: float) -> list[str]: ...
    async def past_games(self, seconds: float) -> list[str]: ...
    async def start_game(self, seconds: float) -> None:
        """Goes from the lobby to a new game, or to a match that others are in."""

    async def game_id(self) -> str: ...
    async def round_number(self, seconds: float) -> int: ...
    async def capture(self, seconds: float) -> Picture: ...
    async def guess(self, seconds: float) -> None: ...
    async def spectate(self, seconds: float) -> None: ...
    async def read_answer(self, seconds: float) -> str:
        """The link that the true place's marker opens."""

    async def read_verdict(self, seconds: float) -> Verdict: ...
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
    def commit(self, game: str, number: int, picture: Picture, answer: Answer) -> None:
        """`answer` is empty when the site never told where the place is."""
