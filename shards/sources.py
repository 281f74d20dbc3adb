"""Reads stored bytes from the tars of a dataset or of a shard directory."""

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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

_STEP = 1 << 20
"""What is read ahead at a time; the system cuts off larger wishes."""


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


class Sources:
    """The files under one folder, the last used ones open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, int] = OrderedDict()

    def read(self, tar: str, places: Sequence[tuple[int, memoryview]]) -> None:
        """Fills each memory with the bytes at its offset; what the file lacks becomes zeros.

        Raises WorkError for a path that leads out of the folder and a file that cannot be read.
        """
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
