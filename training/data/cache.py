"""A folder of files that can be made again: remote shards, and canvases decoded once.

Shared by processes: one makes a file while the others that want it wait. What was used least
recently goes when the folder would grow beyond its limit, or the disk would fill up.
"""

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shards.atomic import TEMPORARY_PREFIX, atomic_path
from shards.errors import WorkError

FOLDER_VARIABLE = "LOSTFOUND_CACHE"
SPARE_BYTES = 1 << 30
"""Left free on the disk."""
_GB = 1e9


def cache_folder() -> Path:
    """`LOSTFOUND_CACHE`, else `lostfound` where the machine keeps its caches (XDG)."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(base) / "lostfound").resolve()


class Cache:
    """Files that are counted lie in `*/` and `*/*/data/` of the folder, under names of one use."""

    def __init__(self, folder: Path, limit_gb: float) -> None:
        self.folder = folder
        self._limit = int(limit_gb * _GB)
        self._right: set[Path] = set()
        """Files that this process has found, or made, to be what they should be."""
        self._lock = threading.Lock()

    def get(
        self,
        path: Path,
        size: int,
        make: Callable[[Path], None],
        is_right: Callable[[Path], bool] = lambda _: True,
    ) -> Path:
        """`path`, a file of `size` bytes; `make` writes it where there is none, or a wrong one.

        Raises WorkError when there is no room for it.
        """
        with self._lock:
            known = path in self._right
        if known and path.is_file():
            return path
        with _locked(path.with_name(f".{path.name}.lock")):
            if not (path.is_file() and path.stat().st_size == size and is_right(path)):
                path.unlink(missing_ok=True)
                # Nobody else writes this file now, so these are a killed process's.
                for leftover in path.parent.glob(f"{TEMPORARY_PREFIX}*-{path.name}"):
                    leftover.unlink(missing_ok=True)
                self._make_room(size)
                with atomic_path(path) as temporary:
                    make(temporary)
            os.utime(path)
        with self._lock:
            self._right.add(path)
        return path

    def _make_room(self, size: int) -> None:
        where = f"{self.folder}: {size / _GB:.2f} GB are needed"
        if size > self._limit:
            raise WorkError(
                f"{where}, more than the limit of {self._limit / _GB:g} GB; raise data.cache_gb,"
                " or train with data.mode=stream"
            )
        with _locked(self.folder / ".lock"):
            kept = sorted(self._files())
            total = sum(held for _, _, held in kept)
            for _, path, held in kept:
                free = shutil.disk_usage(self.folder).free
                if total + size <= self._limit and free >= size + SPARE_BYTES:
                    break
                path.unlink(missing_ok=True)
                total -= held
        free = shutil.disk_usage(self.folder).free
        if free < size + SPARE_BYTES:
            raise WorkError(
                f"{where}, {free / _GB:.2f} GB are free on its disk, of which"
                f" {SPARE_BYTES / _GB:.0f} stay so; free some, or set {FOLDER_VARIABLE} to a folder"
                " on another disk"
            )

    def _files(self) -> Iterator[tuple[int, Path, int]]:
        """When each file was used, its path and its bytes."""
        for pattern in ("*/*", "*/*/data/*"):
            for path in self.folder.glob(pattern):
                with suppress(FileNotFoundError):
                    found = path.stat()
                    if path.is_file() and not path.name.startswith("."):
                        yield found.st_mtime_ns, path, found.st_size


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The lock goes with the process that holds it, also when it is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
