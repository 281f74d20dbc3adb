"""Room on the disk: a picture waits while there is too little, and none is dropped."""

import shutil
from collections.abc import Callable
from pathlib import Path

FLOOR_BYTES = 1 << 30
RESUME_BYTES = 3 << 29
"""More than the floor, so that work does not stop and go with every picture."""


class DiskRoom:
    """`Room` of the file system that `free_bytes` measures."""

    def __init__(
        self,
        free_bytes: Callable[[], int],
        *,
        floor: int = FLOOR_BYTES,
        resume: int = RESUME_BYTES,
    ) -> None:
        if not 0 <= floor <= resume:
            raise ValueError(f"floor {floor} and resume {resume}: need 0 <= floor <= resume")
        self._free_bytes = free_bytes
        self._floor = floor
        self._resume = resume
        self._low = False

    @property
    def low(self) -> bool:
        """True from when less than the floor is free until as much as `resume` is again."""
        free = self._free_bytes()
        self._low = free < (self._resume if self._low else self._floor)
        return self._low


def free_bytes_of(directory: Path) -> Callable[[], int]:
    """Bytes that are free for us where `directory` lies."""
    return lambda: shutil.disk_usage(directory).free
