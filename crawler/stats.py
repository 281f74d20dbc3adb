"""What a worker says of itself while it runs: plain counters, for views, metrics and checks."""

import socket
from collections import Counter
from dataclasses import dataclass, field, fields
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
    located: int = 0
    """Captures with a position, a country, or both."""
    looked_at: int = 0
    """Pictures that were decoded to see what they show."""
    blank: int = 0
    """Those of them that have one colour, or no picture in them."""
    repeated: int = 0
    """Pictures whose bytes came before."""
    places: Counter[str] = field(default_factory=Counter)
    """Captures by country as found, or by cell of 10 degrees where no country is given."""

    def add(self, other: "Quality") -> None:
        """Adds the counts of `other` to these."""
        for name in QUALITY_COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.places.update(other.places)

    def since(self, before: "Quality") -> "Quality":
        """What was counted after `before`."""
        counts = {name: getattr(self, name) - getattr(before, name) for name in QUALITY_COUNTERS}
        return Quality(**counts, places=self.places - before.places)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; of the places only their number."""
        counts = {name: getattr(self, name) for name in QUALITY_COUNTERS}
        return {**counts, "places": len(self.places)}


QUALITY_COUNTERS = tuple(field.name for field in fields(Quality) if field.name != "places")


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
            "quality": self.quality.to_dict(),
        }
