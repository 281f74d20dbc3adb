"""How often a source may be asked, kept by the whole fleet: exact, persisted, one file.

A request counts from the moment at which it may start to the moment at which its answer is there.
The n-th request of a budget starts no earlier than `seconds` after request n - `count` has ended.
So whatever happens in between (a slow connection followed by a quick one, a process that is not
scheduled, a packet sent twice), the server never sees more than `count` requests in any window of
`seconds`: a request reaches it no earlier than its start and no later than its end. The price is
one answer time for each window. `seconds` = 0 means: at most `count` requests at a time.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from crawler.sqlite import SqliteFile

FILE_NAME = "budgets.sqlite"
PAUSE_SECONDS = 0.02
"""Until one asks again while the request that is waited for has no answer yet."""
STRETCH, MARGIN_SECONDS = 1.001, 0.001
"""Windows are this much longer than asked, because no two clocks run equally fast."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests in any window of `seconds`; 0 seconds: at most `count` at a time."""

    count: int
    seconds: float


Claims = Mapping[str, Sequence[Limit]]
"""What one request counts against: the limits of each budget, by the budget's name. All who use
a budget give it the same limits."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The answer to `reserve`: granted when `wait` is 0."""

    wait: float
    """Seconds after which to ask again."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Of the request in each of its budgets; empty when not granted."""

    @property
    def granted(self) -> bool:
        return not self.wait


class Budgets(Protocol):
    def reserve(self, claims: Claims, *, hold: float) -> Turn:
        """Grants the request the right to start now, or says when to ask again.

        A granted request that is never finished counts as ended after `hold` seconds, which is
        more than it can last.
        """

    def finish(self, turn: Turn) -> None:
        """The request has its answer, or was given up."""

    def block(self, name: str, seconds: float) -> None:
        """No request of this budget starts for `seconds` (Retry-After), or longer if it was so."""

    def blocked_for(self, name: str) -> float:
        """Seconds; 0 when not blocked."""

    def blocked(self) -> dict[str, float]:
        """The budgets that are blocked now, with the seconds that remain."""

    def close(self) -> None: ...


_SCHEMA = """
CREATE TABLE budgets (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL DEFAULT 0,
    keep INTEGER NOT NULL DEFAULT 0,
    blocked_until REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE requests (
    budget TEXT NOT NULL,
    number INTEGER NOT NULL,
    until REAL NOT NULL,
    flying INTEGER NOT NULL,
    PRIMARY KEY (budget, number)
) WITHOUT ROWID;
"""


class SqliteBudgets:
    """`Budgets` in one file that any number of processes of a machine may open."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        advice = "free the disk, or remove it: the budgets then start anew"
        self._file = SqliteFile(path, _SCHEMA, version=1, kind="budgets", advice=advice)

    def reserve(self, claims: Claims, *, hold: float) -> Turn:
        with self._file.transaction() as db:
            now = self._clock()
            budgets = {name: _Budget.load(db, name) for name in claims}
            wait = max(
                (budgets[name].wait(db, limits, now, hold) for name, limits in claims.items()),
                default=0.0,
            )
            if wait > 0:
                return Turn(wait)
            return Turn(
                0.0,
                {
                    name: budgets[name].grant(db, limits, now + hold)
                    for name, limits in claims.items()
                },
            )

    def finish(self, turn: Turn) -> None:
        if not turn.numbers:
            return
        with self._file.transaction() as db:
            now = self._clock()
            db.executemany(
                "UPDATE requests SET until = ?, flying = 0 WHERE budget = ? AND number = ?",
                [(now, name, number) for name, number in turn.numbers.items()],
            )

    def block(self, name: str, seconds: float) -> None:
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO budgets (name, blocked_until) VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET blocked_until = max(blocked_until, excluded.blocked_until)",
                (name, self._clock() + seconds),
            )

    def blocked_for(self, name: str) -> float:
        return self.blocked().get(name, 0.0)

    def blocked(self) -> dict[str, float]:
        now = self._clock()
        with self._file.explained():
            rows = self._file.db.execute(
                "SELECT name, blocked_until FROM budgets WHERE blocked_until > ?", (now,)
            ).fetchall()
        return {name: until - now for name, until in rows}

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Budget:
    name: str
    last: int
    keep: int
    blocked_until: float

    @classmethod
    def load(cls, db: sqlite3.Connection, name: str) -> Self:
        row = db.execute(
            "SELECT last, keep, blocked_until FROM budgets WHERE name = ?", (name,)
        ).fetchone()
        return cls(name, *(row or (0, 0, 0.0)))

    def wait(
        self, db: sqlite3.Connection, limits: Sequence[Limit], now: float, hold: float
    ) -> float:
        """Seconds until the next request may start, or may ask again; 0 or less: now."""
        waits = [self.blocked_until - now]
        for limit in limits:
            row = db.execute(
                "SELECT until, flying FROM requests WHERE budget = ? AND number = ?",
                (self.name, self.last + 1 - limit.count),
            ).fetchone()
            if row is not None:
                until, flying = row[0], bool(row[1])
                waits.append(_wait_for(until, flying, limit.seconds, now, hold))
        return max(waits)

    def grant(self, db: sqlite3.Connection, limits: Sequence[Limit], until: float) -> int:
        """Counts the next request; forgets what no limit looks back to any more."""
        number = self.last + 1
        keep = max(self.keep, *(limit.count for limit in limits), 0)
        db.execute(
            "INSERT INTO budgets (name, last, keep) VALUES (?, ?, ?) ON CONFLICT (name)"
            " DO UPDATE SET last = excluded.last, keep = excluded.keep",
            (self.name, number, keep),
        )
        db.execute("INSERT INTO requests VALUES (?, ?, ?, 1)", (self.name, number, until))
        db.execute(
            "DELETE FROM requests WHERE budget = ? AND number <= ?", (self.name, number - keep)
        )
        return number


def _wait_for(until: float, flying: bool, seconds: float, now: float, hold: float) -> float:
    """Seconds until a window after one earlier request is over."""
    # A clock that was set back must not stop the crawl until it has caught up.
    until = min(until, now + hold if flying else now)
    if flying and until > now:
        return min(PAUSE_SECONDS, until - now)
    window = seconds * STRETCH + MARGIN_SECONDS if seconds else 0.0
    return until + window - now
