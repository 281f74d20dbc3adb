"""A verb as a job, from submitting it to its exit code: each id's work is done once.

A job may take several attempts, `ID`, `ID-2`, `ID-3`: Ray knows each under its own id. One that
runs is followed, one that is done is not done again, after one that failed comes the next.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jobs.entry import Entry, attempt_id
from jobs.outcome import JobState, code_of, explain
from shards.console import print_line
from shards.errors import UsageError

MAX_LINE = 1 << 20


class Server(Protocol):
    """What `jobs.client.JobServer` does."""

    def state(self, job: str) -> JobState | None: ...

    def submit(self, job: str, entry: Entry, folder: Path) -> None: ...

    def follow(self, job: str, write: Callable[[str], None]) -> JobState: ...


@dataclass(slots=True)
class LastLine:
    """The last whole line of a log that comes in pieces."""

    text: str = ""
    _open: str = field(default="", repr=False)

    def add(self, piece: str) -> None:
        *whole, rest = (self._open + piece).split("\n")
        self._open = rest[-MAX_LINE:]
        self.text = next((line for line in reversed(whole) if line.strip()), self.text)

    def as_object(self) -> dict[str, Any] | None:
        """What the verb printed because of `--json`."""
        try:
            found = json.loads(self._open.strip() or self.text)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


def begin(server: Server, entry: Entry, job: str, folder: Path) -> int:
    """Makes sure that the job's last attempt runs or is done; returns that attempt's number."""
    number, last = _last_attempt(server, job)
    if last is not None and last.command != entry.command:
        raise UsageError(
            f"--id {job}: is the job `{last.command}`; give another --id for another command"
        )
    if last is not None and last.status not in ("FAILED", "STOPPED"):
        done = "is done already" if last.is_over else "runs already; following it"
        print_line(f"{attempt_id(job, number)}: {done}")
        return number
    number += 1
    server.submit(attempt_id(job, number), entry, folder)
    print_line(f"{attempt_id(job, number)}: submitted")
    return number


def run_job(
    server: Server,
    entry: Entry,
    job: str,
    folder: Path,
    *,
    retries: int,
    write: Callable[[str], None],
) -> dict[str, Any]:
    """Waits for the job, and submits it again where its driver died.

    Returns `job`, `attempts`, `status`, `exit_code`, `seconds` and `summary`, the object that the
    verb printed last, if it did.
    """
    began, first = time.monotonic(), begin(server, entry, job, folder)
    number = first
    while True:
        last = LastLine()

        def pass_on(piece: str, last: LastLine = last) -> None:
            last.add(piece)
            write(piece)

        state = server.follow(attempt_id(job, number), pass_on)
        if code := code_of(state):
            print_line(explain(attempt_id(job, number), state))
        if not state.died or number - first >= retries:
            break
        number = begin(server, entry, job, folder)
    return {
        "job": attempt_id(job, number),
        "attempts": number,
        "status": state.status.lower(),
        "exit_code": code,
        "seconds": round(time.monotonic() - began, 1),
        "summary": last.as_object(),
    }


def _last_attempt(server: Server, job: str) -> tuple[int, JobState | None]:
    number, last = 0, None
    while (state := server.state(attempt_id(job, number + 1))) is not None:
        number, last = number + 1, state
    return number, last
