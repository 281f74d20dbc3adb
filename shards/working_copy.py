"""The part of a store that is at hand: a scratch folder of this machine with copies of its files.

A stage works in it as in the store itself; then what it has changed is sent. The folder goes at the
end; a process that is killed leaves it in the temporary folder of the system (TMPDIR).
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from shards.atomic import TEMPORARY_PREFIX
from shards.errors import LostFoundError, WorkError
from shards.paths import inside
from shards.remote import Remote

CONNECTIONS = 16
"""Files that travel at a time."""
_MARK = re.compile(r"(.*/)?(manifest|selection|evaluation)\.json|enriched/.*\.parquet")
"""Files that say that those beside them are whole: they go first and come last."""

Stamp = tuple[int, int, int]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of this machine that goes at the end."""
    with tempfile.TemporaryDirectory(prefix="lostfound-") as folder:
        yield Path(folder)


class WorkingCopy:
    """Copies of some files of `remote` below `root`, under their names."""

    def __init__(self, remote: Remote, root: Path) -> None:
        self.remote = remote
        self.root = root
        self._known: dict[str, Stamp] = {}
        """The files that the storage has as they are here."""

    @classmethod
    @contextmanager
    def of(cls, remote: Remote) -> Iterator[Self]:
        """An empty copy. Errors raised meanwhile name the store instead of the scratch folder."""
        with scratch() as root:
            try:
                yield cls(remote, root)
            except LostFoundError as error:
                raise type(error)(str(error).replace(str(root), remote.url)) from None

    def receive(self, names: Iterable[str]) -> None:
        """Takes these files as they stand in the storage; what is not there goes here, too."""
        self._each(self._receive, sorted({*names}))

    def _receive(self, name: str) -> None:
        path = inside(self.root, name)
        if path is None:
            raise WorkError(f"{self.remote.url}: has a file {name!r}, which leads out of it")
        if self.remote.fetched(name, path):
            self._known[name] = _stamp(path)
        else:
            path.unlink(missing_ok=True)
            self._known.pop(name, None)

    def send(self) -> None:
        """Brings the storage to what is here. A file that marks others as whole is never beside
        others than those that it was written for."""
        now = {
            path.relative_to(self.root).as_posix(): _stamp(path)
            for path in self.root.rglob("*")
            if path.is_file() and not path.name.startswith(TEMPORARY_PREFIX)
        }
        changed = {name for name, stamp in now.items() if self._known.get(name) != stamp}
        marks = {name for name in changed if _MARK.fullmatch(name)}
        gone = self._known.keys() - now.keys()
        stale = marks & self._known.keys() if changed - marks else set[str]()
        self._each(self._remove, sorted(gone | stale))
        for group in (changed - marks, marks):
            self._each(self._send, sorted(group))

    def _remove(self, name: str) -> None:
        self.remote.remove(name)
        del self._known[name]

    def _send(self, name: str) -> None:
        stamp = _stamp(self.root / name)
        self.remote.put(self.root / name, name)
        self._known[name] = stamp

    def _each(self, act: Callable[[str], None], names: list[str]) -> None:
        """Many at a time: each waits for the storage most of its time."""
        if len(names) < 2:
            for name in names:
                act(name)
            return
        with ThreadPoolExecutor(min(CONNECTIONS, len(names))) as pool:
            try:
                for _ in pool.map(act, names):
                    pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
