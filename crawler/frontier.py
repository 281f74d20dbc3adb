"""What is to be fetched: tasks that workers lease, and claims that make a game one task's own.

The frontier is only a queue. Which captures exist is the ledgers' knowledge, and a task whose
captures are all committed is done whatever stands here.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

from shards.errors import UsageError, WorkError

FILE_NAME = "frontier.sqlite"
VERSION = 1
BUSY_SECONDS = 30.0
SCHEMA = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '',
    expires_at REAL NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX tasks_by_state ON tasks (state, position);
CREATE TABLE claims (
    item TEXT PRIMARY KEY,
    task_id TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
"""


class TaskState(StrEnum):
    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


class FailReason(StrEnum):
    """Why a task failed: a closed list, so that counts add up. The detail stands beside it."""

    UNREACHABLE = "unreachable"
    ROBOTS = "robots"
    """The site's robots.txt disallows the page."""
    SIGN_IN = "sign_in"
    RATE_LIMITED = "rate_limited"
    WALL = "wall"
    """A CAPTCHA, a ban or an anti-cheat notice: the run must end."""
    START = "start"
    """No game began."""
    DUPLICATE = "duplicate"
    """Another task owns the game that the site dealt."""
    ROUND = "round"
    """A round did not come, could not be photographed, or took no guess."""
    ANSWER_MISSING = "answer_missing"
    PICTURE_MISSING = "picture_missing"
    """Rounds were played without their picture being kept: they cannot be seen again."""
    GAME_TIMEOUT = "game_timeout"
    BROWSER = "browser"
    """The page or the browser crashed."""
    LEASE_EXPIRED = "lease_expired"
    ERROR = "error"
    """A defect of this program."""


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    attempts: int
    """This lease included."""
    item: str
    """What an earlier attempt claimed (a game id); empty when nothing was claimed yet."""


class Frontier(Protocol):
    """The port that workers use. `SqliteFrontier` serves the processes of one machine."""

    def lease(self, owner: str, seconds: float) -> Task | None:
        """The next pending task, owned until `seconds` from now; None when none is pending."""

    def renew(self, task_id: str, owner: str, seconds: float) -> bool:
        """Prolongs a lease; False when it is no longer the owner's."""

    def claim(self, item: str, task_id: str) -> bool:
        """Makes `item` the task's own; False when another task has it or the task has another."""

    def done(self, task_id: str, detail: str = "") -> None: ...

    def failed(self, task_id: str, reason: FailReason, detail: str = "") -> None: ...

    def put_back(
        self, task_id: str, reason: FailReason, detail: str = "", *, delay: float = 0
    ) -> TaskState:
        """Pending again, not before `delay` seconds; failed once the attempts are used up."""

    def unfinished(self) -> int:
        """Tasks that are pending or leased."""


class SqliteFrontier:
    """`raw/<source>/frontier.sqlite`; every method is one transaction. `clock` gives seconds."""

    def __init__(
        self, path: Path, *, max_attempts: int = 5, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self.max_attempts = max_attempts
        self._clock = clock
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
            self._db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            raise _broken(path, error) from error
        with self._transaction():
            self._prepare()

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise UsageError(
                f"{self.path}: frontier version {version}, but this release knows {VERSION};"
                " update lostfound"
            )
        if version < VERSION:
            for statement in filter(str.strip, SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    def add(self, task_ids: Iterable[str]) -> None:
        """Adds tasks that are not there yet, to be leased in this order."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO tasks (id, position)"
                " VALUES (?, (SELECT ifnull(max(position), 0) + 1 FROM tasks))"
                " ON CONFLICT (id) DO NOTHING",
                ((task_id,) for task_id in task_ids),
            )

    def begin_run(self, wanted: Iterable[str]) -> None:
        """Prepares a run of the `wanted` tasks while no worker lives.

        Leases of an earlier run end, failed tasks get a new chance, tasks that are missing are
        added, and those that are neither wanted nor begun are dropped.
        """
        self.add(wanted := list(wanted))
        with self._transaction():
            self._db.execute(
                "DELETE FROM tasks WHERE state <> 'done'"
                " AND id NOT IN (SELECT task_id FROM claims)"
                " AND id NOT IN (SELECT value FROM json_each(?))",
                (json.dumps(wanted),),
            )
            self._db.execute(
                "UPDATE tasks SET state = 'pending', attempts = 0, owner = '', not_before = 0,"
                " reason = '', detail = '' WHERE state IN ('leased', 'failed')"
            )

    def lease(self, owner: str, seconds: float) -> Task | None:
        now = self._clock()
        with self._transaction():
            self._expire(now)
            row = self._db.execute(
                "SELECT id, attempts, ifnull(item, '') FROM tasks"
                " LEFT JOIN claims ON claims.task_id = tasks.id"
                " WHERE state = 'pending' AND not_before <= ?"
                # Games that were begun go first, so that few stay unfinished.
                " ORDER BY item IS NULL, position LIMIT 1",
                (now,),
            ).fetchone()
            if row is None:
                return None
            self._db.execute(
                "UPDATE tasks SET state = 'leased', attempts = attempts + 1, owner = ?,"
                " expires_at = ? WHERE id = ?",
                (owner, now + seconds, row[0]),
            )
            return Task(id=row[0], attempts=row[1] + 1, item=row[2])

    def _expire(self, now: float) -> None:
        self._db.execute(
            "UPDATE tasks SET owner = '', reason = ?,"
            " state = iif(attempts < ?, 'pending', 'failed')"
            " WHERE state = 'leased' AND expires_at <= ?",
            (FailReason.LEASE_EXPIRED, self.max_attempts, now),
        )

    def release(self, task_id: str) -> None:
        """Pending again, as if this lease had never been."""
        with self._transaction():
            self._db.execute(
                "UPDATE tasks SET state = 'pending', owner = '', attempts = attempts - 1"
                " WHERE id = ? AND state = 'leased'",
                (task_id,),
            )

    def release_owner(self, owner: str) -> None:
        """Returns the leases of a worker that is known to be dead."""
        with self._transaction():
            self._db.execute(
                "UPDATE tasks SET state = 'pending', owner = ''"
                " WHERE state = 'leased' AND owner = ?",
                (owner,),
            )

    def renew(self, task_id: str, owner: str, seconds: float) -> bool:
        with self._transaction():
            changed = self._db.execute(
                "UPDATE tasks SET expires_at = ? WHERE id = ? AND state = 'leased' AND owner = ?",
                (self._clock() + seconds, task_id, owner),
            )
            return changed.rowcount == 1

    def claim(self, item: str, task_id: str) -> bool:
        with self._transaction():
            self._db.execute(
                "INSERT INTO claims (item, task_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (item, task_id),
            )
            row = self._db.execute(
                "SELECT 1 FROM claims WHERE item = ? AND task_id = ?", (item, task_id)
            ).fetchone()
            return row is not None

    def claimed(self) -> dict[str, str]:
        """Item to task, for everything that was ever claimed."""
        with self._transaction():
            return dict(self._db.execute("SELECT item, task_id FROM claims"))

    def done(self, task_id: str, detail: str = "") -> None:
        self._finish(task_id, TaskState.DONE, "", detail)

    def failed(self, task_id: str, reason: FailReason, detail: str = "") -> None:
        self._finish(task_id, TaskState.FAILED, reason, detail)

    def _finish(self, task_id: str, state: TaskState, reason: str, detail: str) -> None:
        with self._transaction():
            self._db.execute(
                "UPDATE tasks SET state = ?, owner = '', reason = ?, detail = ? WHERE id = ?",
                (state, reason, detail, task_id),
            )

    def put_back(
        self, task_id: str, reason: FailReason, detail: str = "", *, delay: float = 0
    ) -> TaskState:
        with self._transaction():
            (state,) = self._db.execute(
                "UPDATE tasks SET state = iif(attempts < ?, 'pending', 'failed'), owner = '',"
                " reason = ?, detail = ?, not_before = ? WHERE id = ? RETURNING state",
                (self.max_attempts, reason, detail, self._clock() + delay, task_id),
            ).fetchone()
            return TaskState(state)

    def unfinished(self) -> int:
        counts = self.counts()
        return counts[TaskState.PENDING] + counts[TaskState.LEASED]

    def counts(self) -> dict[TaskState, int]:
        """Tasks by state."""
        with self._transaction():
            rows = dict(self._db.execute("SELECT state, count(*) FROM tasks GROUP BY state"))
        return {state: rows.get(state, 0) for state in TaskState}

    def failures(self) -> dict[str, int]:
        """Failed tasks by reason."""
        with self._transaction():
            return dict(
                self._db.execute(
                    "SELECT reason, count(*) FROM tasks WHERE state = 'failed'"
                    " GROUP BY reason ORDER BY reason"
                )
            )

    def details(self) -> dict[str, str]:
        """For each reason of a failed task, what one of them said."""
        with self._transaction():
            return dict(
                self._db.execute(
                    "SELECT reason, max(detail) FROM tasks WHERE state = 'failed' GROUP BY reason"
                )
            )

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _broken(self.path, error) from error


def _broken(path: Path, error: sqlite3.Error) -> WorkError:
    return WorkError(f"{path}: {error}; delete it and run again: the ledgers hold what was fetched")
