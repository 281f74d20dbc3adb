"""Lock files: one process at a time, and the lock ends with the process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shards.errors import UsageError


class BusyError(UsageError):
    """Another living process owns the lock."""


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Holds the lock file `path`. Raises BusyError when another process has it."""
    descriptor = take_lock(path)
    try:
        yield
    finally:
        os.close(descriptor)


def take_lock(path: Path) -> int:
    """An exclusive lock that ends with this process, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise BusyError(
            f"{path}: another process is writing here; wait for it to end, or stop it"
        ) from None
    return descriptor
