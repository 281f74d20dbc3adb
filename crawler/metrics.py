"""The fleet's counters for Prometheus, served on loopback in its text format."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crawler.history import Snapshot, merge_quality
from crawler.stats import WorkerState, WorkerStats
from shards.errors import UsageError

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

HOST = "127.0.0.1"
_WORKER_COUNTERS: tuple[tuple[str, str, Callable[[WorkerStats], int]], ...] = (
    ("lostfound_captures", "Captures committed in this run.", lambda one: one.captures),
    ("lostfound_tasks_ended", "Tasks that ended well in this run.", lambda one: one.tasks),
    ("lostfound_requests", "Requests sent in this run.", lambda one: one.requests),
    ("lostfound_received_bytes", "Bytes received in this run.", lambda one: one.bytes),
)
_QUALITY_COUNTERS = (
    ("located", "Captures with coordinates or a country."),
    ("looked_at", "Pictures that were decoded to see what they show."),
    ("blank", "Pictures of one colour among those that were decoded."),
    ("repeated", "Pictures whose bytes came before."),
)


def collect(snapshot: Snapshot) -> "Iterator[Metric]":
    """The metric families of one snapshot."""
    yield from _worker_counters(snapshot)
    yield from _worker_gauges(snapshot)
    yield from _totals(snapshot)


def _worker_counters(snapshot: Snapshot) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily

    source = snapshot.source
    for name, text, value in _WORKER_COUNTERS:
        counter = CounterMetricFamily(name, text, labels=("source", "worker"))
        for worker in snapshot.workers:
            counter.add_metric((source, worker.writer), value(worker))
        yield counter
    failures = CounterMetricFamily(
        "lostfound_failures",
        "Tasks and items that failed in this run.",
        labels=("source", "worker", "reason"),
    )
    for worker in snapshot.workers:
        for reason, count in sorted(worker.failed.items()):
            failures.add_metric((source, worker.writer, reason), count)
    yield failures


def _worker_gauges(snapshot: Snapshot) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    source = snapshot.source
    browser = GaugeMetricFamily(
        "lostfound_browser_bytes",
        "Memory of the browser's process tree (PSS).",
        labels=("source", "worker", "node"),
    )
    state = GaugeMetricFamily(
        "lostfound_worker_state",
        "1 for the state that the worker is in.",
        labels=("source", "worker", "state"),
    )
    for worker in snapshot.workers:
        browser.add_metric((source, worker.writer, worker.node), worker.browser_bytes)
        for one in WorkerState:
            state.add_metric((source, worker.writer, one), worker.state is one)
    yield browser
    yield state


def _totals(snapshot: Snapshot) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    source = (snapshot.source,)
    quality = merge_quality(worker.quality for worker in snapshot.workers)
    for name, text in _QUALITY_COUNTERS:
        counter = CounterMetricFamily(f"lostfound_pictures_{name}", text, labels=("source",))
        counter.add_metric(source, getattr(quality, name))
        yield counter
    tasks = GaugeMetricFamily("lostfound_tasks", "Tasks by state.", labels=("source", "state"))
    for state, count in snapshot.tasks.items():
        tasks.add_metric((*source, state), count)
    yield tasks
    for name, text, value in (
        ("captures_per_minute", "Over the last two minutes.", snapshot.captures_per_minute),
        ("run_seconds", "Time since the run began.", snapshot.seconds),
    ):
        gauge = GaugeMetricFamily(f"lostfound_{name}", text, labels=("source",))
        gauge.add_metric(source, value)
        yield gauge


class _Collector:
    """What the registry asks at each scrape."""

    def __init__(self, current: Callable[[], Snapshot | None]) -> None:
        self._current = current

    def collect(self) -> "Iterable[Metric]":
        snapshot = self._current()
        return collect(snapshot) if snapshot else ()


@contextmanager
def serve_metrics(port: int, current: Callable[[], Snapshot | None]) -> Iterator[int]:
    """Serves `http://127.0.0.1:PORT/metrics` while the block runs; yields the port.

    Port 0 takes a free one. Raises UsageError when the port is taken.
    """
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    registry.register(_Collector(current))
    try:
        server, thread = start_http_server(port, addr=HOST, registry=registry)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"--metrics-port {port}: cannot listen on {HOST} ({error}); choose another port"
        ) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
