"""The modes of the game as a table: how a task of each is run, and what its tasks are called.

A task's mode stands in its id, so it is never run as another one, whatever the command that
continues it was told.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from crawler.frontier import NewTask, Task, payload_text
from crawler.game.multiplayer import spectate
from crawler.game.play import play
from crawler.game.port import Clock, GameDriver, Options, Outcome, Sink
from crawler.game.results import read_again
from crawler.game.shadow import shadow
from crawler.game.site import Site
from crawler.reasons import FailReason
from shards.errors import UsageError

LISTING = "list"
Run = Callable[[GameDriver, Clock, Sink, Options], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    name: str
    run: Run
    prefix: str
    """Of its tasks' ids."""
    listed: bool = False
    """Its tasks are games that somebody names; else they are counted."""
    matches: bool = False
    """Played against others: another source, with places dealt evenly over countries."""

    def site(self, base_url: str, round_pause: float = 0) -> Site:
        site = Site(base_url=base_url, round_pause=round_pause)
        return site.for_matches() if self.matches else site

    def tasks(self, count: int) -> list[NewTask]:
        """The first `count` tasks of a mode that is counted."""
        return [NewTask(f"{self.prefix}-{number:06d}") for number in range(count)]

    def tasks_of(self, games: Iterable[str]) -> list[NewTask]:
        """A task for each game that is named."""
        return [
            NewTask(f"{self.prefix}-{game}", payload_text({"game": game}))
            for game in dict.fromkeys(games)
        ]

    def listing(self) -> NewTask:
        """The task that asks the site which games there are; they become its children."""
        return NewTask(f"{self.prefix}-{LISTING}")


MODES = {
    mode.name: mode
    for mode in (
        Mode(name="singleplayer", run=play, prefix="game"),
        Mode(name="multiplayer", run=spectate, prefix="match", matches=True),
        Mode(name="results", run=read_again, prefix="results", listed=True),
        Mode(name="shadow", run=shadow, prefix="shadow", listed=True, matches=True),
    )
}
_BY_PREFIX = {mode.prefix: mode for mode in MODES.values()}


def find_mode(name: str) -> Mode:
    """Raises UsageError for a name that no mode has."""
    if name not in MODES:
        raise UsageError(f"--mode {name}: not known; known are {', '.join(MODES)}")
    return MODES[name]


def mode_of(task_id: str) -> Mode:
    """The mode of a task. Raises KeyError for an id of no mode."""
    return _BY_PREFIX[task_id.partition("-")[0]]


def game_of(task: Task) -> str:
    """The game that the task is about, as claimed or as named; empty when any will do."""
    named = json.loads(task.payload).get("game", "") if task.payload else ""
    return task.item or str(named)


def children(task: Task, outcome: Outcome) -> Sequence[NewTask]:
    """What a task that was to find games found."""
    return mode_of(task.id).tasks_of(outcome.found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Seconds until a task that was put back is tried again."""

    rate_limit: float = 40
    """Doubled with every attempt; what the server asks for wins."""
    duplicate: float = 10
    """A match that is taken is over, or full, after a while."""
    other: float = 1

    def after(self, outcome: Outcome, attempts: int) -> float:
        if outcome.retry_after is not None:
            return outcome.retry_after
        if outcome.reason is FailReason.RATE_LIMITED:
            return self.rate_limit * 2.0 ** (attempts - 1)
        return self.duplicate if outcome.reason is FailReason.DUPLICATE else self.other
