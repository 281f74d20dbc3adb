"""Reads stored bytes from the tars of a dataset or of a shard directory."""

import os
from collections import OrderedDict
from pathlib import Path
from typing import Self

from shards.errors import WorkError
from shards.paths import inside

MAX_OPEN = 128
"""Files kept open at a time; systems allow a process at least 256."""


class Sources:
    """The files under one folder, the last used ones open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, int] = OrderedDict()

    def read(self, tar: str, offset: int, into: memoryview) -> None:
        """Fills `into` with the bytes at `offset` of a file; what it lacks becomes zeros.

        Raises WorkError for a path that leads out of the folder and a file that cannot be read.
        """
        try:
            found = os.preadv(self._descriptor(tar), [into], max(offset, 0))
        except OSError as error:
            raise WorkError(
                f"{self.folder / tar}: cannot be read ({error.strerror}); run `lostfound enrich`"
                " again"
            ) from None
        if found < len(into):
            into[found:] = bytes(len(into) - found)

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
