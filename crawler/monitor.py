"""What the driver tells the world while a crawl runs: view, stats lines, metrics, health."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from crawler.frontier import SqliteFrontier, TaskState
from crawler.health import HealthCheck, Thresholds
from crawler.history import History, Snapshot, merge_lives, merge_quality
from crawler.live import Show, live_view
from crawler.metrics import collect, serve_metrics
from crawler.stats import WorkerStats
from crawler.statslog import StatsLog, to_line
from shards.metrics import publish

TASKS_SECONDS = 2.0
"""How old the number of tasks may be, which takes a while to count when there are millions."""
PUBLISH_SECONDS = 5.0
"""From one round of figures for Ray's metrics endpoint to the next."""
COUNTING_SHARE = 0.05
"""Of the driver's time, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorOptions:
    stats_seconds: float = 10.0
    """From one stats line to the next."""
    metrics_port: int | None = None
    """Where Prometheus finds the counters, on loopback; None for nowhere."""
    health: Thresholds = field(default_factory=Thresholds)


class Monitor:
    """Takes what the fleet says at each poll and passes it on; `latest` is what metrics read."""

    def __init__(
        self,
        directory: Path,
        options: MonitorOptions,
        show: Show,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latest: Snapshot | None = None
        self.metrics_port = 0
        """Where the metrics are served; 0 for nowhere."""
        self._source = directory.name
        self._options = options
        self._show = show
        self._clock = clock
        self._began = clock()
        self._history = History()
        self._log = StatsLog(directory)
        self._health = HealthCheck(options.health, str(directory))
        self._tasks: dict[TaskState, int] = {}
        self._count_at = self._log_at = self._publish_at = self._began

    def on_poll(self, stats: Sequence[WorkerStats], frontier: SqliteFrontier) -> None:
        """A `Watch` of the driver. Raises HealthError when the captures are not worth fetching."""
        now = self._clock()
        if now >= self._count_at:
            self._tasks = frontier.counts()
            self._count_at = self._after(now, TASKS_SECONDS)
        workers = merge_lives(stats)
        self.latest = Snapshot(
            source=self._source,
            workers=workers,
            tasks=self._tasks,
            seconds=now - self._began,
            per_minute=self._history.add(now, workers),
        )
        self._show(self.latest)
        if now >= self._publish_at:
            publish(collect(self.latest))
            self._publish_at = self._after(now, PUBLISH_SECONDS)
        if now >= self._log_at:
            self._log_at = now + self._options.stats_seconds
            self.log()
        self._health.update(merge_quality(worker.quality for worker in workers))

    def _after(self, began: float, pause: float) -> float:
        """When to do again what began then: so seldom that it takes its share of time at most."""
        return began + max(pause, (self._clock() - began) / COUNTING_SHARE)

    def log(self, *, running: bool = True) -> None:
        """Writes a stats line of the newest snapshot; the last one is published too."""
        if self.latest is not None:
            if not running:
                publish(collect(self.latest))
            self._log.append(to_line(self.latest, datetime.now(UTC), running=running))


@contextmanager
def monitoring(
    directory: Path,
    options: MonitorOptions | None = None,
    *,
    before: int = 0,
    expected: int | None = None,
) -> Iterator[Monitor]:
    """A monitor of the crawl in `directory` (`raw/<source>`); its last line tells the end."""
    options = options or MonitorOptions()
    with ExitStack() as stack:
        show = stack.enter_context(live_view(before, expected))
        monitor = Monitor(directory, options, show)
        if options.metrics_port is not None:
            serving = serve_metrics(options.metrics_port, lambda: monitor.latest)
            monitor.metrics_port = stack.enter_context(serving)
        try:
            yield monitor
        finally:
            monitor.log(running=False)
