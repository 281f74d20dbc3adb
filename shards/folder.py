"""A folder that a command reads and writes: a directory, or one at an address, of which the files
that it reads are at hand for the while."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shards.remote import is_address, open_remote
from shards.working_copy import WorkingCopy


@dataclass(frozen=True, slots=True)
class Folder:
    here: Path
    address: str | None = None

    def where(self, path: Path) -> str:
        """What stands under `path` here, as the user knows it."""
        if self.address is None:
            return str(path)
        return f"{self.address}/{path.relative_to(self.here).as_posix()}".removesuffix("/.")


@contextmanager
def open_folder(where: str | Path, names: Iterable[str] = ()) -> Iterator[Folder]:
    """`names`: the files that are read of a folder at an address, as far as they are there.

    What is written is sent there at the end, unless the work fails. Raises UsageError for an
    address that cannot be used.
    """
    if not is_address(str(where)):
        yield Folder(Path(where))
        return
    remote = open_remote(str(where))
    remote.check_bucket()
    with WorkingCopy.of(remote) as copy:
        copy.receive(names)
        yield Folder(copy.root, remote.url)
        copy.send()
