"""How much memory a process tree really takes: shared pages count once, not for every process."""

from contextlib import suppress
from pathlib import Path

import psutil


def tree_bytes(pid: int) -> int:
    """The proportional set size (PSS) of a process and all its descendants; 0 when it is gone.

    Chromium's processes share most of their pages, so the sum of their resident sets is two or
    three times as much. Where the system tells no PSS, a process counts with what it has alone.
    """
    total = 0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += process_bytes(process)
    return total


def process_bytes(process: psutil.Process) -> int:
    """PSS from `/proc/<pid>/smaps_rollup` (proc(5)), else what `unshared_bytes` says."""
    try:
        return parse_pss(Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return unshared_bytes(process)


def parse_pss(rollup: str) -> int:
    """Bytes. Raises ValueError for a text without a line like `Pss:  1234 kB`."""
    for line in rollup.splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            return int(value.removesuffix("kB")) << 10
    raise ValueError("no line Pss")


def unshared_bytes(process: psutil.Process) -> int:
    """Resident pages that no other process has: of Linux's statm, else the unique set size.

    A sandboxed renderer hides its maps from other users but not its statm.
    """
    memory = process.memory_info()
    if hasattr(memory, "shared"):
        return int(max(0, memory.rss - memory.shared))
    try:
        return int(process.memory_full_info().uss)
    except psutil.AccessDenied:
        return int(memory.rss)
