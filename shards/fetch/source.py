"""Where a shard set is read from: a folder of this machine, a web server, a storage, the Hub."""

import asyncio
import re
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from shards.errors import UsageError, WorkError
from shards.paths import inside
from shards.remote import Remote, is_address, open_remote


class Source(ABC):
    """The files of one shard set, by their paths in it. Counts what it transfers."""

    def __init__(self, name: str) -> None:
        self.name = name
        """For messages; holds no secret."""
        self.transferred = 0
        """Bytes that came, of whatever was asked for."""
        self.requests = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    async def whole(self, path: str) -> bytes:
        """A small file. Raises UsageError where there is none."""
        return self._count(await self._whole(path))

    async def read(self, path: str, start: int, length: int) -> bytes:
        """Exactly these bytes. Raises WorkError when the file does not have them."""
        data = self._count(await self._read(path, start, length))
        if len(data) != length:
            raise WorkError(
                f"{self.name}/{path}: ends before byte {start + length}, which its manifest"
                " promises; run `lostfound verify` where it stands"
            )
        return data

    @abstractmethod
    async def _whole(self, path: str) -> bytes: ...

    @abstractmethod
    async def _read(self, path: str, start: int, length: int) -> bytes: ...

    def _count(self, data: bytes) -> bytes:
        self.requests += 1
        self.transferred += len(data)
        return data


class LocalSource(Source):
    """A folder of this machine."""

    def __init__(self, directory: Path) -> None:
        super().__init__(str(directory))
        self._directory = directory

    async def _whole(self, path: str) -> bytes:
        try:
            return await asyncio.to_thread((self._directory / path).read_bytes)
        except FileNotFoundError:
            raise no_shards(self.name) from None
        except OSError as error:
            raise WorkError(f"{self.name}/{path}: cannot be read ({error.strerror})") from None

    async def _read(self, path: str, start: int, length: int) -> bytes:
        return await asyncio.to_thread(self._range, path, start, length)

    def _range(self, path: str, start: int, length: int) -> bytes:
        file_path = inside(self._directory, path)
        if file_path is None:
            raise WorkError(f"{self.name}/{path}: leads out of the folder; it is not read")
        try:
            with open(file_path, "rb") as file:
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise WorkError(f"{self.name}/{path}: cannot be read ({error.strerror})") from None


class StoredSource(Source):
    """A folder behind an address that `shards.remote` opens."""

    def __init__(self, remote: Remote) -> None:
        super().__init__(remote.url)
        self._remote = remote

    async def _whole(self, path: str) -> bytes:
        if not await asyncio.to_thread(self._remote.exists, path):
            raise no_shards(self.name)
        return await asyncio.to_thread(self._remote.read, path)

    async def _read(self, path: str, start: int, length: int) -> bytes:
        return await asyncio.to_thread(self._remote.read_range, path, start, length)


def no_shards(name: str) -> UsageError:
    return UsageError(
        f"{name}: no manifest.json there; give a shard directory, such as DATASET/shards/NAME"
    )


def open_source(where: str) -> Source:
    """The shard set at a path or address. Raises UsageError for one that cannot be used."""
    from shards.fetch.http import HttpSource, hub_source

    if re.match(r"https?://", where, re.IGNORECASE):
        return HttpSource(where)
    if where.startswith("hf://"):
        return hub_source(where)
    if is_address(where):
        return StoredSource(open_remote(where))
    if not Path(where).is_dir():
        raise UsageError(f"{where}: no such directory; give a shard directory or its address")
    return LocalSource(Path(where))
