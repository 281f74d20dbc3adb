"""Where a dataset or a shard set stands: a folder of this machine, or a folder behind an address.

The stages see one interface. Files are made on this machine and then take their final names at
once; what is read by place comes by ranges; what must be a file of this machine is brought to hand.
Names are relative to the store, with forward slashes.
"""

import os
import shutil
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path

from shards.atomic import TEMPORARY_PREFIX, atomic_path, remove_temporaries, sync_directory
from shards.errors import WorkError
from shards.paths import inside, stays_inside
from shards.remote import ENDPOINT_VARIABLE, Remote, is_address, open_remote
from shards.sources import REQUESTS, LocalSources, RangeSources, Sources, read_ahead
from shards.working_copy import WorkingCopy, scratch


class Store(ABC):
    """Whole files under names; `str` shows where it is. Can be sent to other machines by pickle."""

    @abstractmethod
    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes by name of every file below `folder`, which need not exist; not unfinished ones."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """None where there is no such file."""

    @abstractmethod
    def tree(self) -> list[tuple[str, bool]]:
        """Everything that is there, sorted, and whether it is a folder; links are none."""

    @abstractmethod
    def oddity(self, name: str) -> str:
        """Why what has this name is no plain file of this store, or nothing."""

    @abstractmethod
    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises WorkError when the file does not have them.

        The name may come from data: one that leads out of the store is refused in the same way.
        """

    @abstractmethod
    def sha256(self, name: str) -> str:
        """Of a whole file, in hexadecimal."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """A file that is not there is no error."""

    @abstractmethod
    def link(self, name: str, to: str) -> None:
        """Gives a file a second name, which may be a copy; one of that name is replaced."""

    @abstractmethod
    def move(self, names: Mapping[str, str]) -> None:
        """Gives files other names, durably, in any order; files of these names are replaced.

        One that is not there is passed over: it was moved before an interruption.
        """

    @abstractmethod
    def prepare(self, folder: str) -> None:
        """Makes a folder ready to be written into: without what interrupted writers left there."""

    @abstractmethod
    def prune(self, folder: str) -> None:
        """Removes folders, this one and those in it, that have no files."""

    @abstractmethod
    def remove_folder(self, folder: str) -> None:
        """With all that is in it; one that is not there is no error."""

    @abstractmethod
    def keeps_versions(self, name: str) -> bool:
        """Whether the store is known to keep this file's bytes once it is removed or replaced."""

    @abstractmethod
    def writing(self, name: str) -> AbstractContextManager[Path]:
        """A path of this machine to write to; what is there at the end appears as `name`, whole.

        After an exception what was there before is as it was.
        """

    @abstractmethod
    def sources(self, folder: str) -> Sources:
        """Reads by places, many at a time, in the files below `folder`."""

    @abstractmethod
    def read_ahead(self, folder: str, files: Iterable[str]) -> AbstractContextManager[None]:
        """Meanwhile files below `folder`, soon to be read by places, may be made quick to read."""

    @abstractmethod
    def at_hand(self, names: Iterable[str]) -> AbstractContextManager[Path]:
        """A folder of this machine in which these files, if they exist, stand under their names.

        What is written, changed or removed in it is so in the store, at the end at the latest;
        after an exception perhaps not.
        """


class Folder(Store):
    """A folder of this machine: everything is at hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._inside: dict[str, Path | None] = {}
        """What has been asked before: images of one tar come thousands at a time."""

    def __str__(self) -> str:
        return str(self.root)

    def sizes(self, folder: str = "") -> dict[str, int]:
        return {
            path.relative_to(self.root).as_posix(): path.stat().st_size
            for path in (self.root / folder).rglob("*")
            if not path.name.startswith(TEMPORARY_PREFIX) and path.is_file()
        }

    def size(self, name: str) -> int | None:
        path = self.root / name
        return path.stat().st_size if path.is_file() else None

    def tree(self) -> list[tuple[str, bool]]:
        found: dict[Path, bool] = {}
        for place, folders, files in os.walk(self.root):
            paths = [(Path(place, name), name in folders) for name in (*folders, *files)]
            found |= {path: is_folder and not path.is_symlink() for path, is_folder in paths}
        return [(path.relative_to(self.root).as_posix(), found[path]) for path in sorted(found)]

    def oddity(self, name: str) -> str:
        try:
            mode = (self.root / name).lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        if stat.S_ISLNK(mode):
            return "is a symbolic link; shards are plain files"
        if inside(self.root, name) is None:
            return "missing"
        return "" if stat.S_ISREG(mode) else "is not a plain file"

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        from shards.read import read_range

        if name not in self._inside:
            self._inside[name] = inside(self.root, name)
        path = self._inside[name]
        if path is None:
            raise _leads_out(self, name)
        return read_range(path, offset, length)

    def sha256(self, name: str) -> str:
        from shards.manifest import file_sha256

        return file_sha256(self.root / name)

    def remove(self, name: str) -> None:
        path = self.root / name
        with suppress(FileNotFoundError):
            path.unlink()
            sync_directory(path.parent)

    def link(self, name: str, to: str) -> None:
        # In one step: the same task may still run on a machine that was given up for dead.
        with atomic_path(self.root / to) as place:
            try:
                os.link(self.root / name, place)
            except OSError:  # the file system has no links
                shutil.copyfile(self.root / name, place)

    def move(self, names: Mapping[str, str]) -> None:
        folders = {(self.root / to).parent for to in names.values()}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for name, to in names.items():
            if (self.root / name).exists():
                os.replace(self.root / name, self.root / to)
        for folder in folders:
            sync_directory(folder)

    def prepare(self, folder: str) -> None:
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        remove_temporaries(self.root / folder)

    def prune(self, folder: str) -> None:
        for path, _, _ in os.walk(self.root / folder, topdown=False):
            with suppress(OSError):  # it has files
                Path(path).rmdir()

    def remove_folder(self, folder: str) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self.root / folder)

    def keeps_versions(self, name: str) -> bool:  # noqa: ARG002 - a folder keeps none
        return False

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        with atomic_path(self.root / name) as temporary:
            yield temporary

    def sources(self, folder: str) -> Sources:
        return LocalSources(self.root / folder)

    def read_ahead(self, folder: str, files: Iterable[str]) -> AbstractContextManager[None]:
        return read_ahead(self.root / folder, files)

    @contextmanager
    def at_hand(self, names: Iterable[str]) -> Iterator[Path]:  # noqa: ARG002 - all of them are
        yield self.root


class Bucket(Store):
    """A folder behind an address. Failures of the storage are WorkErrors of one line."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._remote: Remote | None = None

    @property
    def remote(self) -> Remote:
        """Opened when it is first needed, in each process."""
        if self._remote is None:
            self._remote = open_remote(self._address)
        return self._remote

    def __reduce__(self) -> tuple[object, ...]:
        return Bucket, (self._address,)

    def __str__(self) -> str:
        return self.remote.url

    def sizes(self, folder: str = "") -> dict[str, int]:
        below = f"{folder}/" if folder else ""
        return {f"{below}{name}": size for name, size in self.remote.sizes(folder).items()}

    def size(self, name: str) -> int | None:
        return self.remote.size(name)

    def tree(self) -> list[tuple[str, bool]]:
        return [(name, False) for name in sorted(self.remote.sizes("", unfinished=True))]

    def oddity(self, name: str) -> str:  # noqa: ARG002 - all files of a storage are plain
        return ""

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        if not stays_inside(name):
            raise _leads_out(self, name)
        data = self.remote.read_range(name, offset, length)
        if len(data) != length:
            raise WorkError(f"{self}/{name}: ends before byte {offset + length}")
        return data

    def sha256(self, name: str) -> str:
        return self.remote.sha256(name)

    def remove(self, name: str) -> None:
        self.remote.remove(name)

    def link(self, name: str, to: str) -> None:
        self.remote.copy(name, to)

    def move(self, names: Mapping[str, str]) -> None:
        def move(name: str) -> None:
            if self.remote.exists(name):
                self.remote.copy(name, names[name])
                self.remote.remove(name)

        with ThreadPoolExecutor(REQUESTS) as threads:
            for _ in threads.map(move, names):
                pass

    def prepare(self, folder: str) -> None:
        """A storage has no folders, but some show a file before it is whole."""
        if not self.remote.atomic:
            there = self.remote.sizes(folder, unfinished=True)
            for name in there.keys() - self.remote.sizes(folder).keys():
                self.remove(f"{folder}/{name}")

    def prune(self, folder: str) -> None:
        self.prepare(folder)

    def remove_folder(self, folder: str) -> None:
        there = self.remote.sizes(folder, unfinished=True)
        with ThreadPoolExecutor(REQUESTS) as threads:
            for _ in threads.map(self.remove, [f"{folder}/{name}" for name in there]):
                pass

    def keeps_versions(self, name: str) -> bool:
        return self.remote.versioned(name)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        with scratch() as folder:
            path = folder / name.rpartition("/")[2]
            yield path
            self.remote.put(path, name)

    def sources(self, folder: str) -> Sources:
        there = Bucket(f"{self._address.rstrip('/')}/{folder}".rstrip("/"))
        return RangeSources(str(there), there.read_range)

    def read_ahead(self, folder: str, files: Iterable[str]) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    @contextmanager
    def at_hand(self, names: Iterable[str]) -> Iterator[Path]:
        with WorkingCopy.of(self.remote) as copy:
            copy.receive(names)
            yield copy.root
            copy.send()


def _leads_out(store: Store, name: str) -> WorkError:
    return WorkError(f"{store}: a row points to {name!r}, outside of it")


def open_store(where: str | Path) -> Store:
    """The store at a path or an address. Raises UsageError for an address that cannot be used."""
    if not is_address(str(where)):
        return Folder(Path(where))
    return _bucket(str(where), os.environ.get(ENDPOINT_VARIABLE))


@lru_cache(maxsize=8)
def _bucket(address: str, _endpoint: str | None) -> Bucket:
    """One connection for all that a process does there, at one service."""
    bucket = Bucket(address)
    _ = bucket.remote
    return bucket
