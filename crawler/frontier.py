"""What is to be fetched: tasks that workers lease, and items that belong to one task each.

A task is a game, a map cell, a sequence or a range of a list; an item is one photograph. The
frontier is only a queue. Which captures exist is the ledgers' knowledge, and a task whose captures
are all committed is done whatever stands here.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from crawler.frontier_schema import SCHEMA, TOTAL, UPGRADES, VERSION
from crawler.reasons import TRANSIENT, FailReason
from crawler.sqlite import SqliteFile

FILE_NAME = "frontier.sqlite"
MAX_ATTEMPTS = 5
PAGE = 10_000
"""Items that are read at a time."""


class TaskState(StrEnum):
    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    attempts: int
    """This lease included."""
    item: str
    """What an earlier attempt claimed (a game id); empty when nothing was claimed yet."""
    payload: str = ""


class NewTask(NamedTuple):
    id: str
    payload: str = ""
    """What is to be fetched, as the text of a JSON object; a game has none."""


class Item(NamedTuple):
    key: str
    bucket: str = ""
    """Items of one bucket count against the same limit; "" for none."""


def payload_text(values: dict[str, Any]) -> str:
    """The canonical text for `NewTask.payload`."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Frontier(Protocol):
    """The port that workers use; every call is one transaction, whatever the backend."""

    def add(self, tasks: Iterable[NewTask]) -> None:
        """Adds tasks that are not there yet, to be leased in this order."""

    def lease(self, owner: str, seconds: float) -> Task | None:
        """The next pending task, owned until `seconds` from now; None when none is pending."""

    def renew(self, task_id: str, owner: str, seconds: float) -> bool:
        """Prolongs a lease; False when it is no longer the owner's."""

    def release(self, task_id: str, owner: str) -> None:
        """Pending again, as if this lease had never been; nothing unless it is `owner`'s."""

    def release_owner(self, owner: str) -> None:
        """Returns the leases of a worker that is known to be dead."""

    def claim(self, item: str, task_id: str) -> bool:
        """Makes `item` the task's one game; False when another has it or the task has another."""

    def admit(
        self, items: Sequence[Item], task_id: str, *, per_bucket: int = 0, total: int = 0
    ) -> set[str]:
        """The keys of those `items` that are the task's to fetch.

        The first task that asks gets an item, for ever, so asking again changes nothing. At most
        `per_bucket` items of one bucket and `total` of all are given out; 0 is no limit.
        """

    def disown(self, keys: Iterable[str], task_id: str) -> None:
        """Gives back items that failed for good: others may take their places."""

    def done(self, task_id: str, detail: str = "", children: Iterable[NewTask] = ()) -> None:
        """Ends a task; its `children`, like the quarters of a cell, appear with it."""

    def failed(self, task_id: str, owner: str, reason: FailReason, detail: str = "") -> None:
        """Failed; nothing when the lease is no longer `owner`'s."""

    def put_back(
        self, task_id: str, owner: str, reason: FailReason, detail: str = "", *, delay: float = 0
    ) -> TaskState | None:
        """Pending again, not before `delay` seconds; failed once the attempts are used up.

        None, and nothing done, when the lease is no longer `owner`'s: another has the task.
        """

    def unfinished(self) -> int:
        """Tasks that are pending or leased."""

    def admitted(self) -> int:
        """How many items are given out."""

    def close(self) -> None: ...


class SqliteFrontier:
    """`raw/<source>/frontier.sqlite`; every method is one transaction. `clock` gives seconds."""

    def __init__(
        self,
        path: Path,
        *,
        max_attempts: int = MAX_ATTEMPTS,
        clock: Callable[[], float] = time.time,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self.max_attempts = max_attempts
        self._clock = clock
        self._file = SqliteFile(
            path,
            SCHEMA,
            version=VERSION,
            kind="frontier",
            advice="delete it and run again: the ledgers hold what was fetched",
            upgrades=UPGRADES,
            read_only=read_only,
        )

    def add(self, tasks: Iterable[NewTask]) -> None:
        now = self._clock()
        with self._file.transaction() as db:
            # By the queue's order in each state, not by a look at every task.
            (last,) = db.execute(
                "SELECT ifnull(max((SELECT max(position) FROM tasks"
                " WHERE state = states.state AND begun = column1)), 0)"
                " FROM states, (VALUES (0), (1))"
            ).fetchone()
            self._insert((task, now, at) for at, task in enumerate(tasks, last + 1))

    def _insert(self, tasks: Iterable[tuple[NewTask, float, int]]) -> None:
        """Those that are not there yet, each with the time and its position."""
        inserted = self._file.db.executemany(
            "INSERT INTO tasks (id, payload, changed_at, position, begun)"
            " VALUES (?1, ?2, ?3, ?4, EXISTS (SELECT 1 FROM claims WHERE task_id = ?1))"
            " ON CONFLICT (id) DO NOTHING",
            ((task.id, task.payload, now, position) for task, now, position in tasks),
        )
        # In one step: a trigger for each row would take longer than the rows.
        self._file.db.execute(
            "INSERT INTO states VALUES ('pending', ?)"
            " ON CONFLICT (state) DO UPDATE SET tasks = tasks + excluded.tasks",
            (max(0, inserted.rowcount),),
        )

    def begin_run(self, retry: Iterable[FailReason] = TRANSIENT) -> None:
        """Prepares a run while no worker lives: ends old leases, gives failed tasks a new chance.

        Only tasks that failed for one of the `retry` reasons are tried again.
        """
        with self._file.transaction() as db:
            db.execute(
                "UPDATE tasks SET state = 'pending', attempts = 0, owner = '', not_before = 0,"
                " reason = '', detail = '', changed_at = ?"
                " WHERE state = 'leased' OR (state = 'failed'"
                " AND reason IN (SELECT value FROM json_each(?)))",
                (self._clock(), json.dumps([*retry])),
            )

    def drop_unbegun(self, prefix: str, wanted: Iterable[str]) -> None:
        """Removes the tasks of this prefix that are neither `wanted` nor begun nor done."""
        with self._file.transaction() as db:
            db.execute(
                "DELETE FROM tasks WHERE state <> 'done' AND substr(id, 1, ?) = ?"
                " AND id NOT IN (SELECT task_id FROM claims)"
                " AND id NOT IN (SELECT value FROM json_each(?))",
                (len(prefix), prefix, json.dumps([*wanted])),
            )

    def reopen(self, task_ids: Iterable[str]) -> None:
        """Makes tasks pending that were done or failed: some of their items are wanted again."""
        with self._file.transaction() as db:
            db.executemany(
                "UPDATE tasks SET state = 'pending', attempts = 0, owner = '', not_before = 0,"
                " reason = '', detail = '', changed_at = ? WHERE id = ?",
                ((self._clock(), task_id) for task_id in task_ids),
            )

    def lease(self, owner: str, seconds: float) -> Task | None:
        now = self._clock()
        with self._file.transaction() as db:
            self._expire(now)
            row = db.execute(
                "SELECT id, attempts, ifnull(claimed, ''), payload FROM tasks"
                " LEFT JOIN claims ON claims.task_id = tasks.id"
                " WHERE state = 'pending' AND not_before <= ?"
                # Games that were begun go first, so that few stay unfinished.
                " ORDER BY begun DESC, position, id LIMIT 1",
                (now,),
            ).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE tasks SET state = 'leased', attempts = attempts + 1, owner = ?,"
                " expires_at = ?, changed_at = ? WHERE id = ?",
                (owner, now + seconds, now, row[0]),
            )
            return Task(id=row[0], attempts=row[1] + 1, item=row[2], payload=row[3])

    def _expire(self, now: float) -> None:
        self._file.db.execute(
            "UPDATE tasks INDEXED BY tasks_by_expiry SET owner = '', reason = ?, changed_at = ?,"
            " state = iif(attempts < ?, 'pending', 'failed')"
            " WHERE state = 'leased' AND expires_at <= ?",
            (FailReason.LEASE_EXPIRED, now, self.max_attempts, now),
        )

    def release(self, task_id: str, owner: str) -> None:
        with self._file.transaction() as db:
            db.execute(
                "UPDATE tasks SET state = 'pending', owner = '', attempts = attempts - 1"
                " WHERE id = ? AND state = 'leased' AND owner = ?",
                (task_id, owner),
            )

    def release_owner(self, owner: str) -> None:
        with self._file.transaction() as db:
            db.execute(
                "UPDATE tasks INDEXED BY tasks_by_owner SET state = 'pending', owner = ''"
                " WHERE state = 'leased' AND owner = ?",
                (owner,),
            )

    def renew(self, task_id: str, owner: str, seconds: float) -> bool:
        with self._file.transaction() as db:
            changed = db.execute(
                "UPDATE tasks SET expires_at = ? WHERE id = ? AND state = 'leased' AND owner = ?",
                (self._clock() + seconds, task_id, owner),
            )
            return changed.rowcount == 1

    def claim(self, item: str, task_id: str) -> bool:
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO claims (claimed, task_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (item, task_id),
            )
            row = db.execute(
                "SELECT 1 FROM claims WHERE claimed = ? AND task_id = ?", (item, task_id)
            ).fetchone()
            return row is not None

    def claimed(self) -> dict[str, str]:
        """Item to task, for everything that was ever claimed."""
        with self._file.transaction() as db:
            return dict(db.execute("SELECT claimed, task_id FROM claims"))

    def admit(
        self, items: Sequence[Item], task_id: str, *, per_bucket: int = 0, total: int = 0
    ) -> set[str]:
        with self._file.transaction():
            return {item.key for item in items if self._admit(item, task_id, per_bucket, total)}

    def _admit(self, item: Item, task_id: str, per_bucket: int, total: int) -> bool:
        db = self._file.db
        owner = db.execute("SELECT task_id FROM items WHERE key = ?", (item.key,)).fetchone()
        if owner is not None:
            return bool(owner[0] == task_id)
        limits = [(item.bucket, per_bucket if item.bucket else 0), (TOTAL, total)]
        if any(limit and self._tally(bucket) >= limit for bucket, limit in limits):
            return False
        db.execute("INSERT INTO items VALUES (?, ?, ?)", (item.key, task_id, item.bucket))
        self._count(item.bucket, 1)
        return True

    def _tally(self, bucket: str) -> int:
        found = self._file.db.execute("SELECT admitted FROM tally WHERE bucket = ?", (bucket,))
        return int((found.fetchone() or (0,))[0])

    def _count(self, bucket: str, step: int) -> None:
        for name in {bucket, TOTAL}:
            self._file.db.execute(
                "INSERT INTO tally VALUES (?, ?)"
                " ON CONFLICT (bucket) DO UPDATE SET admitted = admitted + excluded.admitted",
                (name, step),
            )

    def disown(self, keys: Iterable[str], task_id: str) -> None:
        with self._file.transaction() as db:
            for key in keys:
                row = db.execute(
                    "DELETE FROM items WHERE key = ? AND task_id = ? RETURNING bucket",
                    (key, task_id),
                ).fetchone()
                if row is not None:
                    self._count(row[0], -1)

    def admitted(self) -> int:
        with self._file.transaction():
            return self._tally(TOTAL)

    def items(self) -> Iterator[tuple[str, str]]:
        """Item and task of everything that was admitted, in the order of the items' keys."""
        query = "SELECT key, task_id FROM items WHERE key > ? ORDER BY key LIMIT ?"
        after = ""
        while page := self._all(query, after, PAGE):
            yield from page
            after = page[-1][0]

    def done(self, task_id: str, detail: str = "", children: Iterable[NewTask] = ()) -> None:
        now = self._clock()
        with self._file.transaction() as db:
            # At their parent's place in the queue, so that the queue stays short.
            found = db.execute("SELECT position FROM tasks WHERE id = ?", (task_id,)).fetchone()
            (position,) = found or (0,)
            self._insert((child, now, position) for child in children)
            db.execute(
                "UPDATE tasks SET state = 'done', owner = '', reason = '', detail = ?,"
                " changed_at = ? WHERE id = ?",
                (detail, now, task_id),
            )

    def failed(self, task_id: str, owner: str, reason: FailReason, detail: str = "") -> None:
        with self._file.transaction() as db:
            db.execute(
                "UPDATE tasks SET state = 'failed', owner = '', reason = ?, detail = ?,"
                " changed_at = ? WHERE id = ? AND state = 'leased' AND owner = ?",
                (reason, detail, self._clock(), task_id, owner),
            )

    def put_back(
        self, task_id: str, owner: str, reason: FailReason, detail: str = "", *, delay: float = 0
    ) -> TaskState | None:
        now = self._clock()
        with self._file.transaction() as db:
            row = db.execute(
                "UPDATE tasks SET state = iif(attempts < ?, 'pending', 'failed'), owner = '',"
                " reason = ?, detail = ?, not_before = ?, changed_at = ?"
                " WHERE id = ? AND state = 'leased' AND owner = ? RETURNING state",
                (self.max_attempts, reason, detail, now + delay, now, task_id, owner),
            ).fetchone()
            return TaskState(row[0]) if row else None

    def unfinished(self) -> int:
        counts = self.counts()
        return counts[TaskState.PENDING] + counts[TaskState.LEASED]

    def counts(self) -> dict[TaskState, int]:
        """Tasks by state."""
        rows = dict(self._all("SELECT state, tasks FROM states"))
        return {state: rows.get(state, 0) for state in TaskState}

    def failures(self) -> dict[str, int]:
        """Failed tasks by reason."""
        return dict(
            self._all(
                "SELECT reason, count(*) FROM tasks INDEXED BY tasks_by_reason"
                " WHERE state = 'failed'"
                " GROUP BY reason ORDER BY reason"
            )
        )

    def details(self) -> dict[str, str]:
        """For each reason of a failed task, what one of them said."""
        return dict(
            self._all(
                "SELECT reason, max(detail) FROM tasks WHERE state = 'failed' GROUP BY reason"
            )
        )

    def remarks(self) -> dict[str, str]:
        """What tasks that are done have said of themselves, by task."""
        return dict(self._all("SELECT id, detail FROM tasks WHERE state = 'done' AND detail <> ''"))

    def oldest(self) -> dict[TaskState, float]:
        """When the task that is longest in each state came into it, in seconds of the clock."""
        rows = self._all("SELECT state, min(changed_at) FROM tasks GROUP BY state")
        return {TaskState(state): since for state, since in rows}

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._file.explained():
            return self._file.db.execute(query, values).fetchall()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
