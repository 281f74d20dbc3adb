"""Disks that are full, told from other failures and explained in one line; and shared ones."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shards.errors import WorkError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "lustre", "glusterfs", "beegfs", "gpfs", "9p"}
)


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


def is_network_disk(path: Path) -> bool:
    """Whether `path` is on a file system that other machines may have mounted, too."""
    import psutil

    place = path.resolve()
    mounts = {
        Path(mount.mountpoint): mount.fstype
        for mount in psutil.disk_partitions(all=True)
        if place.is_relative_to(mount.mountpoint)
    }
    nearest = max(mounts, key=lambda mount: len(mount.parts), default=None)
    return nearest is not None and mounts[nearest].lower() in NETWORK_FILE_SYSTEMS


@contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Turns "no space left" on `path` into DiskFullError; other errors pass."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if is_full(error):
            raise DiskFullError(path) from error
        raise
