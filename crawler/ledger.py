"""The ledger of one spool writer: which captures count, and where their bytes stand.

One SQLite file, `raw/<source>/<writer>.ledger.sqlite`. A row here is what makes a capture exist;
bytes in a segment without a row are the rest of a write that a crash interrupted.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from shards.errors import UsageError, WorkError

SUFFIX = ".ledger.sqlite"
VERSION = 1
SCHEMA = """
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


class Row(NamedTuple):
    """One committed capture."""

    key: str
    task_id: str
    segment: int
    image_offset: int
    image_size: int
    sha256: str


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
        with _explained(path):
            address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
            self._db = sqlite3.connect(address, uri=True, isolation_level=None)
            try:
                self.is_new = self._version() == 0
                if self.is_new and read_only:  # its owner is just about to make the tables
                    self._db.close()
                    self._db = sqlite3.connect(":memory:", isolation_level=None)
                if not read_only:
                    self._db.execute("PRAGMA journal_mode = WAL")
                    self._db.execute("PRAGMA synchronous = FULL")
                if self.is_new:
                    self._db.executescript(
                        f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
                    )
            except BaseException:
                self._db.close()
                raise

    def _version(self) -> int:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise _newer(self.path, version)
        return int(version)

    def __contains__(self, key: str) -> bool:
        return self._one("SELECT 1 FROM captures WHERE key = ?", key) is not None

    def __len__(self) -> int:
        return int(self._one("SELECT count(*) FROM captures")[0])

    def rows(self) -> list[Row]:
        """Every committed capture, in the order of the segments."""
        with _explained(self.path):
            found = self._db.execute("SELECT * FROM captures ORDER BY segment, image_offset")
            return [Row(*row) for row in found]

    def keys_of_task(self, task_id: str) -> set[str]:
        with _explained(self.path):
            found = self._db.execute("SELECT key FROM captures WHERE task_id = ?", (task_id,))
            return {key for (key,) in found}

    def tasks(self) -> dict[str, int]:
        """Committed captures by task; 0 for a task that only holds a picture."""
        query = (
            "SELECT task_id, count(*) FROM captures GROUP BY task_id UNION ALL"
            " SELECT DISTINCT task_id, 0 FROM held"
            " WHERE task_id NOT IN (SELECT task_id FROM captures)"
        )
        with _explained(self.path):
            return dict(self._db.execute(query))

    def last_segment(self) -> SegmentRow | None:
        row = self._one("SELECT * FROM segments ORDER BY number DESC LIMIT 1")
        return SegmentRow(row[0], row[1], bool(row[2])) if row else None

    def commit(self, row: Row, committed: int) -> None:
        """Makes a capture count, moves its segment's end, and drops its held picture."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO segments (number, committed) VALUES (?, ?)"
                " ON CONFLICT (number) DO UPDATE SET committed = excluded.committed",
                (row.segment, committed),
            )
            self._db.execute("INSERT INTO captures VALUES (?, ?, ?, ?, ?, ?)", row)
            self._db.execute("DELETE FROM held WHERE key = ?", (row.key,))

    def mark_sealed(self, number: int) -> None:
        with self._transaction():
            self._db.execute("UPDATE segments SET sealed = 1 WHERE number = ?", (number,))

    def hold(self, key: str, held: Held) -> None:
        """Keeps a picture; one that is held already under the key is replaced."""
        values = (key, held.task_id, held.extension, held.details, held.image)
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", values)

    def held(self, key: str) -> Held | None:
        row = self._one("SELECT image, extension, task_id, details FROM held WHERE key = ?", key)
        return Held(*row) if row else None

    def release(self, key: str) -> None:
        """Forgets a held picture that no capture will follow."""
        with self._transaction():
            self._db.execute("DELETE FROM held WHERE key = ?", (key,))

    def close(self) -> None:
        self._db.close()

    def _one(self, query: str, *values: str) -> Any:
        """The first row of the answer, or None."""
        with _explained(self.path):
            return self._db.execute(query, values).fetchone()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _newer(path: Path, version: int) -> UsageError:
    return UsageError(
        f"{path}: ledger version {version}, but this release knows {VERSION}; update lostfound"
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise WorkError(f"{path}: {error}; restore the ledger from a backup") from error
