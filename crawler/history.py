"""What the workers said over the last minutes: lives put together, totals and rates."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crawler.frontier import TaskState
from crawler.stats import Quality, WorkerState, WorkerStats

WINDOW_SECONDS = 120.0
STEP_SECONDS = 2.0


def merge_quality(parts: Iterable[Quality]) -> Quality:
    """The sum of all counters."""
    total = Quality()
    for part in parts:
        total.add(part)
    return total


def merge_lives(stats: Iterable[WorkerStats]) -> list[WorkerStats]:
    """One entry for each writer, by name: counts of all its lives, the rest from its last one.

    A worker that died and was replaced says nothing of what its predecessor did.
    """
    lives: dict[str, list[WorkerStats]] = {}
    for one in stats:
        lives.setdefault(one.writer, []).append(one)
    return [_merged(lives[writer]) for writer in sorted(lives)]


def _merged(lives: Sequence[WorkerStats]) -> WorkerStats:
    last = lives[-1]
    running = last.state is not WorkerState.STOPPED
    return replace(
        last,
        captures=sum(one.captures for one in lives),
        tasks=sum(one.tasks for one in lives),
        requests=sum(one.requests for one in lives),
        bytes=sum(one.bytes for one in lives),
        failed=sum((one.failed for one in lives), Counter()),
        browser_bytes=last.browser_bytes if running else 0,
        quality=merge_quality(one.quality for one in lives),
    )


@dataclass(frozen=True, slots=True)
class NodeTotals:
    workers: int
    """Those that run."""
    captures: int
    per_minute: float
    browser_bytes: int
    failed: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The fleet at one moment; what views, lines and metrics show."""

    source: str
    workers: Sequence[WorkerStats]
    """One for each writer: see `merge_lives`."""
    tasks: Mapping[TaskState, int]
    seconds: float
    """Since the run began."""
    per_minute: Mapping[str, float] = field(default_factory=dict)
    """Captures per minute by writer, over the last two minutes."""

    @property
    def nodes(self) -> dict[str, "NodeTotals"]:
        """What the workers of each machine did together, by its name."""
        names = sorted({worker.node for worker in self.workers})
        return {name: self._on(name) for name in names}

    def _on(self, name: str) -> "NodeTotals":
        here = [worker for worker in self.workers if worker.node == name]
        return NodeTotals(
            workers=sum(worker.state is not WorkerState.STOPPED for worker in here),
            captures=sum(worker.captures for worker in here),
            per_minute=sum(self.per_minute.get(worker.writer, 0.0) for worker in here),
            browser_bytes=sum(worker.browser_bytes for worker in here),
            failed=sum(worker.failed.total() for worker in here),
        )

    @property
    def captures(self) -> int:
        return sum(worker.captures for worker in self.workers)

    @property
    def captures_per_minute(self) -> float:
        return sum(self.per_minute.values())

    @property
    def browser_bytes(self) -> int:
        return sum(worker.browser_bytes for worker in self.workers)

    @property
    def failed(self) -> Counter[str]:
        return sum((worker.failed for worker in self.workers), Counter())


class History:
    """Counts of captures over a sliding window; `at` is in seconds of any clock that only grows."""

    def __init__(self, window: float = WINDOW_SECONDS, step: float = STEP_SECONDS) -> None:
        self._window = window
        self._step = step
        self._points: deque[tuple[float, dict[str, int]]] = deque()

    def add(self, at: float, workers: Iterable[WorkerStats]) -> dict[str, float]:
        """Notes the counts and returns captures per minute by writer.

        A worker that joined within the window counts from 0 at the window's beginning.
        """
        counts = {worker.writer: worker.captures for worker in workers}
        if not self._points or at - self._points[-1][0] >= self._step:
            self._points.append((at, counts))
        # One point stays at or before the window's beginning.
        while len(self._points) > 1 and self._points[1][0] <= at - self._window:
            self._points.popleft()
        begin, before = self._points[0]
        if at <= begin:
            return dict.fromkeys(counts, 0.0)
        return {
            writer: 60 * (count - before.get(writer, 0)) / (at - begin)
            for writer, count in counts.items()
        }
