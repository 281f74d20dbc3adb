"""`raw/<source>/stats.jsonl`: one JSON object per interval, for people who look later."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.history import Snapshot, merge_quality

FILE_NAME = "stats.jsonl"
OLD_FILE_NAME = "stats.old.jsonl"
MAX_BYTES = 8 << 20
TAIL_BYTES = 1 << 20


def to_line(snapshot: Snapshot, at: datetime, *, running: bool = True) -> dict[str, Any]:
    """One moment of a run as plain data; times in UTC. The last line is not `running`."""
    return {
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "running": running,
        "source": snapshot.source,
        "seconds": round(snapshot.seconds, 1),
        "tasks": {str(state): count for state, count in snapshot.tasks.items()},
        "totals": {
            "captures": snapshot.captures,
            "captures_per_minute": round(snapshot.captures_per_minute, 2),
            "requests": sum(worker.requests for worker in snapshot.workers),
            "bytes": sum(worker.bytes for worker in snapshot.workers),
            "failed": dict(snapshot.failed),
            "browser_bytes": snapshot.browser_bytes,
            "quality": merge_quality(worker.quality for worker in snapshot.workers).to_dict(),
        },
        "workers": [
            worker.to_dict()
            | {"captures_per_minute": round(snapshot.per_minute.get(worker.writer, 0.0), 2)}
            for worker in snapshot.workers
        ],
    }


class StatsLog:
    """Appends lines. A full file becomes `stats.old.jsonl`, so that two files are the most."""

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = directory / FILE_NAME
        self._old = directory / OLD_FILE_NAME
        self._max_bytes = max_bytes

    def append(self, line: dict[str, Any]) -> None:
        """Writes one line; without room on the disk it is left out, and the crawl goes on."""
        text = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        with suppress(OSError):
            if self._size() + len(text) > self._max_bytes:
                os.replace(self._path, self._old)
            # What a kill cut off stays a line of its own, which readers skip.
            start = "" if self._ends_a_line() else "\n"
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(f"{start}{text}\n")

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def _ends_a_line(self) -> bool:
        if not self._size():
            return True
        with open(self._path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"


def last_line(directory: Path) -> dict[str, Any] | None:
    """The newest whole line; None when there is none."""
    for name in (FILE_NAME, OLD_FILE_NAME):
        path = directory / name
        if not path.is_file():
            continue
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = file.read().splitlines()
        for text in reversed(lines):
            with suppress(ValueError):
                found = json.loads(text)
                if isinstance(found, dict) and "at" in found:
                    return found
    return None
