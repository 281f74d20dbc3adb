"""Reads stored bytes from the tars of a dataset or of a shard directory."""

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from shards.errors import WorkError
from shards.paths import inside

# Linux then fetches all places at once, in the disk's own order.
_HAS_ADVICE = hasattr(os, "posix_fadvise")
MAX_OPEN = 128
"""Files kept open at a time; systems allow a process at least 256."""


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
