"""What a worker says of itself while it runs: plain counters, for views, metrics and checks."""

import socket
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class WorkerState(StrEnum):
    STARTING = "starting"
    WORKING = "working"
    WAITING = "waiting"
    """For a task, a budget, or room on the disk."""
    STOPPED = "stopped"


@dataclass(slots=True)
class Quality:
    """What the captures of one worker are like; the health checks read it."""

    captures: int = 0
    with_position: int = 0
    with_country: int = 0
    blank: int = 0
    """Pictures of one colour."""
    repeated: int = 0
    """Pictures whose bytes came before."""
    places: Counter[str] = field(default_factory=Counter)
    """Captures by country as found, or by cell of 10 degrees where no country is given."""


@dataclass(slots=True)
class WorkerStats:
    writer: str
    node: str = field(default_factory=socket.gethostname)
    state: WorkerState = WorkerState.STARTING
    captures: int = 0
    """Committed by this worker in this run."""
    tasks: int = 0
    """Brought to their end in this run."""
    requests: int = 0
    bytes: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By FailReason: tasks and items together."""
    browser_bytes: int = 0
    """Memory of the browser's process tree (PSS); 0 without a browser."""
    quality: Quality = field(default_factory=Quality)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "writer": self.writer,
            "node": self.node,
            "state": str(self.state),
            "captures": self.captures,
            "tasks": self.tasks,
            "requests": self.requests,
            "bytes": self.bytes,
            "failed": dict(self.failed),
            "browser_bytes": self.browser_bytes,
        }
