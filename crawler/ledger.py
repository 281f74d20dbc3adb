"""The ledger of one spool writer: which captures count, and where their bytes stand.

One SQLite file, `raw/<source>/<writer>.ledger.sqlite`. A row here is what makes a capture exist;
bytes in a segment without a row are the rest of a write that a crash interrupted. Items that will
not come stand here too, with the reason, so that nothing that was listed vanishes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from crawler.reasons import FailReason
from crawler.sqlite import SqliteFile

SUFFIX = ".ledger.sqlite"
VERSION = 2
FAILURES = """
CREATE TABLE failures (
    key TEXT PRIMARY KEY,
    task_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX failures_by_task ON failures (task_id);
"""
SCHEMA = (
    """
CREATE TABLE segments (
    number INTEGER PRIMARY KEY,
    committed INTEGER NOT NULL,
    sealed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE captures (
    key TEXT PRIMARY KEY,
    task_id TEXT NOT NULL,
    segment INTEGER NOT NULL REFERENCES segments (number),
    image_offset INTEGER NOT NULL,
    image_size INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX captures_by_task ON captures (task_id);
CREATE TABLE held (
    key TEXT PRIMARY KEY,
    task_id TEXT NOT NULL,
    extension TEXT NOT NULL,
    details TEXT NOT NULL,
    image BLOB NOT NULL
);
"""
    + FAILURES
)


class Row(NamedTuple):
    """One committed capture."""

    key: str
    task_id: str
    segment: int
    image_offset: int
    image_size: int
    sha256: str


class Failure(NamedTuple):
    """An item that will not come."""

    key: str
    task_id: str
    reason: FailReason
    detail: str = ""


class SegmentRow(NamedTuple):
    number: int
    committed: int
    """Bytes of the segment that count."""
    sealed: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A picture taken before the rest of its capture is known."""

    image: bytes
    extension: str
    task_id: str
    details: str
    """Whatever the holder wants back with the picture, as text."""


class Ledger:
    """The SQLite file. Every method is one transaction; errors of the file are WorkError."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Opens or makes the file; `read_only` is for other processes than the writer's owner."""
        self.path = path
        self._file = SqliteFile(
            path,
            SCHEMA,
            version=VERSION,
            kind="ledger",
            advice="restore the ledger from a backup",
            upgrades={1: FAILURES},
            read_only=read_only,
            durable=True,
        )
        self.is_new = self._file.is_new

    def __contains__(self, key: str) -> bool:
        return self._one("SELECT 1 FROM captures WHERE key = ?", key) is not None

    def __len__(self) -> int:
        return int(self._one("SELECT count(*) FROM captures")[0])

    def rows(self) -> list[Row]:
        """Every committed capture, in the order of the segments."""
        found = self._all("SELECT * FROM captures ORDER BY segment, image_offset")
        return [Row(*row) for row in found]

    def keys_of_task(self, task_id: str) -> set[str]:
        found = self._all("SELECT key FROM captures WHERE task_id = ?", task_id)
        return {key for (key,) in found}

    def settled_of_task(self, task_id: str) -> set[str]:
        """Keys of a task's items that are committed or failed for good."""
        query = "SELECT key FROM failures WHERE task_id = ?"
        return self.keys_of_task(task_id) | {key for (key,) in self._all(query, task_id)}

    def settled(self, after: str, limit: int) -> list[tuple[str, bool]]:
        """The next keys behind `after`, in their order, with whether the item came or failed."""
        query = (
            "SELECT key, 1 FROM captures WHERE key > ?1 UNION ALL"
            " SELECT key, 0 FROM failures WHERE key > ?1 ORDER BY key LIMIT ?2"
        )
        with self._file.explained():
            found = self._file.db.execute(query, (after, limit)).fetchall()
        return [(key, bool(came)) for key, came in found]

    def tasks(self) -> dict[str, int]:
        """Committed captures by task; 0 for a task that only holds a picture."""
        query = (
            "SELECT task_id, count(*) FROM captures GROUP BY task_id UNION ALL"
            " SELECT DISTINCT task_id, 0 FROM held"
            " WHERE task_id NOT IN (SELECT task_id FROM captures)"
        )
        return dict(self._all(query))

    def last_segment(self) -> SegmentRow | None:
        row = self._one("SELECT * FROM segments ORDER BY number DESC LIMIT 1")
        return SegmentRow(row[0], row[1], bool(row[2])) if row else None

    def segments(self) -> list[SegmentRow]:
        """Every segment that was begun, in order."""
        found = self._all("SELECT number, committed, sealed FROM segments ORDER BY number")
        return [SegmentRow(number, committed, bool(sealed)) for number, committed, sealed in found]

    def rows_of_segment(self, number: int) -> list[Row]:
        """Its committed captures, in file order."""
        with self._file.explained():
            found = self._file.db.execute(
                "SELECT * FROM captures WHERE segment = ? ORDER BY image_offset", (number,)
            )
            return [Row(*row) for row in found]

    def commit(self, rows: Sequence[Row], committed: int) -> None:
        """Makes captures of one segment count, moves its end, and drops their held pictures.

        What failed before under the same key has come after all.
        """
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO segments (number, committed) VALUES (?, ?)"
                " ON CONFLICT (number) DO UPDATE SET committed = excluded.committed",
                (rows[0].segment, committed),
            )
            keys = [(row.key,) for row in rows]
            db.executemany("INSERT INTO captures VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.executemany("DELETE FROM held WHERE key = ?", keys)
            db.executemany("DELETE FROM failures WHERE key = ?", keys)

    def fail(self, failures: Iterable[Failure]) -> None:
        """Records items that will not come; one that was captured or recorded stays as it is."""
        with self._file.transaction() as db:
            db.executemany(
                "INSERT INTO failures SELECT ?1, ?2, ?3, ?4"
                " WHERE NOT EXISTS (SELECT 1 FROM captures WHERE key = ?1)"
                " ON CONFLICT DO NOTHING",
                failures,
            )

    def failures(self) -> Counter[str]:
        """Items that will not come, by reason."""
        query = "SELECT reason, count(*) FROM failures GROUP BY reason ORDER BY reason"
        return Counter(dict(self._all(query)))

    def failure(self, key: str) -> Failure | None:
        row = self._one("SELECT * FROM failures WHERE key = ?", key)
        return Failure(row[0], row[1], FailReason(row[2]), row[3]) if row else None

    def forget_failures(self, reasons: Iterable[FailReason]) -> list[tuple[str, str]]:
        """Removes the failures with these reasons; returns their keys and tasks."""
        removed: list[tuple[str, str]] = []
        with self._file.transaction() as db:
            for reason in reasons:
                removed += db.execute(
                    "DELETE FROM failures WHERE reason = ? RETURNING key, task_id", (reason,)
                ).fetchall()
        return removed

    def mark_sealed(self, number: int) -> None:
        with self._file.transaction() as db:
            db.execute("UPDATE segments SET sealed = 1 WHERE number = ?", (number,))

    def hold(self, key: str, held: Held) -> None:
        """Keeps a picture; one that is held already under the key is replaced."""
        values = (key, held.task_id, held.extension, held.details, held.image)
        with self._file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", values)

    def held(self, key: str) -> Held | None:
        row = self._one("SELECT image, extension, task_id, details FROM held WHERE key = ?", key)
        return Held(*row) if row else None

    def release(self, key: str) -> None:
        """Forgets a held picture that no capture will follow."""
        with self._file.transaction() as db:
            db.execute("DELETE FROM held WHERE key = ?", (key,))

    def close(self) -> None:
        self._file.close()

    def _one(self, query: str, *values: str) -> Any:
        """The first row of the answer, or None."""
        with self._file.explained():
            return self._file.db.execute(query, values).fetchone()

    def _all(self, query: str, *values: str) -> list[Any]:
        with self._file.explained():
            return self._file.db.execute(query, values).fetchall()


def ledger_paths(directory: Path) -> list[Path]:
    """The ledgers of all writers in `raw/<source>`."""
    return sorted(directory.glob(f"*{SUFFIX}"))


def keys_elsewhere(directory: Path, task_id: str, own_path: Path) -> set[str]:
    """What other writers settled of a task that was theirs before."""
    keys: set[str] = set()
    for path in ledger_paths(directory):
        if path != own_path:
            with closing(Ledger(path, read_only=True)) as ledger:
                keys |= ledger.settled_of_task(task_id)
    return keys
