"""What people answered: JSON lines that are only ever added to, each on disk before it counts."""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from shards.errors import UsageError, WorkError

JOURNAL_NAME = "answers.jsonl"
Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Every whole line. A last line without its end is one that a killed server was writing."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WorkError(f"{path}: cannot be read ({error.strerror})") from None
    return list(_rows(path, lines))


def _rows(path: Path, lines: list[bytes]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            return
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise WorkError(f"{path}: line {number} is not JSON; repair it or use another --out")
        yield row


class Journal:
    """One writer's open file; a second server on the same file is refused."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = open(path, "ab")  # noqa: SIM115 - open as long as the server runs
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise UsageError(
                f"{path}: another server writes it; stop that one, or use another --out"
            ) from None
        self.rows = read_rows(path)
        # What a killed server left of a line would run into the next one.
        whole = path.read_bytes().rfind(b"\n") + 1
        if whole != path.stat().st_size:
            self._file.truncate(whole)

    def add(self, row: Row) -> None:
        """On disk when this returns."""
        line = json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
        self._file.write(line.encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows.append(row)

    def close(self) -> None:
        self._file.close()
