"""Reads stored bytes from the tars of a dataset or of a shard directory."""

import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Event, Thread
from typing import Self

import psutil

from shards.errors import WorkError
from shards.paths import inside

# Linux then fetches all places at once, in the disk's own order.
_HAS_ADVICE = hasattr(os, "posix_fadvise")
MAX_OPEN = 128
"""Files kept open at a time; systems allow a process at least 256."""

GAP_BYTES = 1 << 17
"""Over a network, places as near as this come in one request, with what lies between them."""
REQUESTS = 16
"""Over a network, at a time."""

_STEP = 1 << 20
"""What is read ahead at a time; the system cuts off larger wishes."""

Wanted = tuple[str, int, memoryview]
"""A file, an offset in it, and where the bytes go."""


@contextmanager
def read_ahead(folder: Path, tars: Iterable[str]) -> Iterator[None]:
    """Meanwhile the system reads files into its cache, from front to end.

    Shards want the images in another order than the disk has them, which is slow for small ones.
    Where the files would fill more than half of the memory that is free, nothing is read.
    """
    files = [path for path in (inside(folder, tar) for tar in tars) if path and path.is_file()]
    size = sum(path.stat().st_size for path in files)
    if not _HAS_ADVICE or size > psutil.virtual_memory().available // 2:
        yield
        return
    stop = Event()
    thread = Thread(target=_read_ahead, args=(files, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _read_ahead(files: list[Path], stop: Event) -> None:
    for path in files:
        try:
            with open(path, "rb") as file:
                for offset in range(0, path.stat().st_size, _STEP):
                    if stop.is_set():
                        return
                    os.posix_fadvise(file.fileno(), offset, _STEP, os.POSIX_FADV_WILLNEED)
        except OSError:
            continue  # whoever needs the file says what is wrong with it


class Sources(ABC):
    """The files under one folder; `str` shows where it is."""

    @abstractmethod
    def read(self, wanted: Sequence[Wanted]) -> None:
        """Fills each memory with the bytes at its offset, asked for in the order of their places.

        What a file of this machine lacks becomes zeros. Raises WorkError for a path that leads out
        of the folder and a file that cannot be read.
        """

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None: ...


class LocalSources(Sources):
    """Of a folder of this machine; the last used files are open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, int] = OrderedDict()

    def __str__(self) -> str:
        return str(self.folder)

    def read(self, wanted: Sequence[Wanted]) -> None:
        for tar, group in groupby(wanted, key=itemgetter(0)):
            self._read(tar, [(offset, memory) for _, offset, memory in group])

    def _read(self, tar: str, places: Sequence[tuple[int, memoryview]]) -> None:
        try:
            descriptor = self._descriptor(tar)
            for offset, memory in places:
                if _HAS_ADVICE:
                    os.posix_fadvise(descriptor, offset, len(memory), os.POSIX_FADV_WILLNEED)
            for offset, memory in places:
                found = os.preadv(descriptor, [memory], offset)
                if found < len(memory):
                    memory[found:] = bytes(len(memory) - found)
        except OSError as error:
            raise WorkError(
                f"{self.folder / tar}: cannot be read ({error.strerror}); run `lostfound enrich`"
                " again"
            ) from None

    def _descriptor(self, tar: str) -> int:
        descriptor = self._open.get(tar)
        if descriptor is not None:
            self._open.move_to_end(tar)
            return descriptor
        path = inside(self.folder, tar)
        if path is None:
            raise WorkError(f"{self.folder}: a row points to {tar!r}, outside of it")
        if len(self._open) == MAX_OPEN:
            os.close(self._open.popitem(last=False)[1])
        descriptor = os.open(path, os.O_RDONLY)
        self._open[tar] = descriptor
        return descriptor

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()


class RangeSources(Sources):
    """Of a folder behind an address: many requests at a time, each for places that are near."""

    def __init__(self, where: str, read_range: Callable[[str, int, int], bytes]) -> None:
        """`read_range` gives exactly so many bytes (third) of a file (first) from an offset."""
        self._where = where
        self._read_range = read_range
        self._threads = ThreadPoolExecutor(REQUESTS)

    def __str__(self) -> str:
        return self._where

    def read(self, wanted: Sequence[Wanted]) -> None:
        for _ in self._threads.map(self._fill, near_places(wanted)):
            pass

    def _fill(self, places: list[Wanted]) -> None:
        tar, start, _ = places[0]
        end = max(offset + len(memory) for _, offset, memory in places)
        data = memoryview(self._read_range(tar, start, end - start))
        for _, offset, memory in places:
            memory[:] = data[offset - start :][: len(memory)]

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)


def near_places(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Groups places, which come in order, so that no gap in a group exceeds GAP_BYTES."""
    group: list[Wanted] = []
    end = 0
    for one in wanted:
        tar, offset, memory = one
        if group and not (tar == group[0][0] and end <= offset <= end + GAP_BYTES):
            yield group
            group = []
        group.append(one)
        end = offset + len(memory)
    if group:
        yield group
