"""A full disk: told from other failures, and explained in one line."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shards.errors import WorkError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFullError(WorkError):
    """There is no room for more; what was committed before stays."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"{path}: the disk is full; nothing that was fetched is lost: free some room,"
            " then run the same command again"
        )

    def __reduce__(self) -> tuple[type[WorkError], tuple[str]]:
        """Travels between processes as the message that it is."""
        return (WorkError, (str(self),))


def is_full(error: BaseException) -> bool:
    """Whether an error says that there was no room: of a file system, or of SQLite."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL


@contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Turns "no space left" on `path` into DiskFullError; other errors pass."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if is_full(error):
            raise DiskFullError(path) from error
        raise
