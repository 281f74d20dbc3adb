"""What every SQLite file of the crawler does the same way: open, check the version, transact."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from crawler.disk import DiskFullError, is_full, is_network_disk
from shards.errors import UsageError, WorkError

BUSY_SECONDS = 60.0
BUSY_PAUSE = 0.01


class SqliteFile:
    """A file with a schema version. Every error of the file is one line that ends in `advice`."""

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        version: int,
        kind: str,
        advice: str,
        upgrades: Mapping[int, str] | None = None,
        read_only: bool = False,
        durable: bool = False,
    ) -> None:
        """Opens or makes the file. `durable`: a commit survives a power cut, not only a kill.

        `upgrades` holds the statements that lead from an older version to the next one. Raises
        UsageError for a file of a newer release, WorkError for one that is no database.
        """
        self.path = path
        self._advice = advice
        self._steps = {0: schema, **(upgrades or {})}
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        with self.explained():
            self.db = self._connect(read_only=read_only)
            try:
                self.is_new = self._prepare(version, kind, read_only=read_only, durable=durable)
            except BaseException:
                self.db.close()
                raise

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        return sqlite3.connect(
            address, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
        )

    def _prepare(self, version: int, kind: str, *, read_only: bool, durable: bool) -> bool:
        """Makes the tables where there are none; True when the file is new."""
        if not read_only:
            # Other machines read what is durable. A write-ahead log needs memory shared with all.
            self._use_journal("DELETE" if durable and is_network_disk(self.path) else "WAL")
            self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        found = self._version()
        if found > version:
            raise UsageError(
                f"{self.path}: {kind} version {found}, but this release knows {version};"
                " update lostfound"
            )
        if read_only and found < version:  # only its owner may write it
            copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self.db.backup(copy)
            self.db.close()
            self.db = copy
        if found < version:
            self._upgrade(version)
        return found == 0

    def _version(self) -> int:
        (found,) = self.db.execute("PRAGMA user_version").fetchone()
        return int(found)

    def _upgrade(self, version: int) -> None:
        """Two processes may come here at once: the second one finds it done."""
        with self.transaction():
            found = self._version()
            steps = [0] if found == 0 else range(found, version)
            for statement in _statements(";".join(self._steps[step] for step in steps)):
                if found < version:
                    self.db.execute(statement)
            self.db.execute(f"PRAGMA user_version = {version}")

    def _use_journal(self, mode: str) -> None:
        """SQLite does not wait by itself here while others open the same new file."""
        ends_at = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.db.execute(f"PRAGMA journal_mode = {mode}")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > ends_at:
                    raise
                time.sleep(BUSY_PAUSE)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction that takes the write lock at its beginning."""
        with self.explained():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns errors of the file into one line for the user."""
        try:
            yield
        except sqlite3.Error as error:
            if is_full(error):
                raise DiskFullError(self.path) from error
            raise WorkError(f"{self.path}: {error}; {self._advice}") from error

    def close(self) -> None:
        self.db.close()


def _statements(script: str) -> Iterator[str]:
    """One by one: a trigger holds statements of its own. A transaction forbids `executescript`."""
    statement = ""
    for piece in f"{script};".split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            if statement.strip("; \n"):
                yield statement
            statement = ""
