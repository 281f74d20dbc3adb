"""Worker statistics for tests: a fleet as it looks in the middle of a run."""

from collections import Counter

from crawler.frontier import TaskState
from crawler.history import Snapshot
from crawler.stats import Quality, WorkerState, WorkerStats

MIB = 1 << 20


def worker(number: int, **changes: object) -> WorkerStats:
    """A worker with figures that differ from those of the others."""
    stats = WorkerStats(
        writer=f"game-{number}",
        node=f"node-{number}",
        state=WorkerState.WORKING,
        captures=100 * (number + 1),
        tasks=20 * (number + 1),
        requests=900 * (number + 1),
        bytes=5 * MIB * (number + 1),
        failed=Counter({"round": number, "game_timeout": 1}),
        browser_bytes=400 * MIB + number,
        quality=Quality(
            captures=100 * (number + 1),
            with_position=90 * (number + 1),
            located=95 * (number + 1),
            looked_at=100,
            blank=3,
            repeated=2,
            places=Counter({"Sweden": 50, "+30-010": 45}),
        ),
    )
    for name, value in changes.items():
        setattr(stats, name, value)
    return stats


def snapshot() -> Snapshot:
    """Two workers and a queue."""
    return Snapshot(
        source="geoguessr",
        workers=[worker(0), worker(1)],
        tasks={
            TaskState.PENDING: 40,
            TaskState.LEASED: 6,
            TaskState.DONE: 60,
            TaskState.FAILED: 2,
        },
        seconds=245.7,
        per_minute={"game-0": 20.5, "game-1": 41.0},
    )
