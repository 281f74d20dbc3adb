"""What a dataset's crawls have and lack, from their files alone: `lostfound crawl --status`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.frontier import FILE_NAME, SqliteFrontier, TaskState
from crawler.ledger import Ledger, ledger_paths
from crawler.statslog import last_line
from shards.errors import UsageError
from shards.layout import DatasetLayout

RUNNING_SECONDS = 60.0
"""A crawl that was killed wrote no last line: without a newer one, it is taken for ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    tasks: dict[str, int]
    """By state."""
    failed_tasks: dict[str, int]
    """By reason."""
    failed_items: dict[str, int]
    """Single pictures that will not come, by reason."""
    oldest_pending_seconds: float | None
    """How long the task that waits longest has waited; None when none waits."""
    oldest_leased_seconds: float | None
    captures: int
    segments_sealed: int
    segments_open: int
    running: bool
    last_seen_seconds: float | None
    """Since the last stats line."""
    captures_per_minute: float
    """Over the last two minutes of a crawl that runs; 0 when none does."""
    workers: dict[str, dict[str, Any]]
    """What each worker of the last run said last, by its name."""
    nodes: dict[str, dict[str, float]]
    """The same for each machine: its workers, their captures, and how many those are a minute."""


@dataclass(frozen=True, slots=True)
class Status:
    sources: dict[str, SourceStatus]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {name: asdict(source) for name, source in self.sources.items()}

    def to_table(self) -> dict[str, Any]:
        """The same for people: one line for each worker."""
        return {
            name: {
                **values,
                "workers": {w: in_words(said) for w, said in values["workers"].items()},
            }
            for name, values in self.to_dict().items()
        }


def in_words(worker: Mapping[str, Any]) -> str:
    """What a worker said last, in a line."""
    words = [str(worker.get("state", "")), f"{worker.get('captures', 0):,} captures"]
    if node := worker.get("node"):
        words.insert(1, f"on {node}")
    if size := worker.get("browser_bytes", 0):
        words.append(f"browser {size >> 20:,} MiB")
    words += [f"{reason} {count:,}" for reason, count in worker.get("failed", {}).items()]
    return ", ".join(words)


def crawl_status(layout: DatasetLayout, *, now: datetime | None = None) -> Status:
    """Reads every source of the dataset; changes nothing, whether or not a crawl runs.

    Raises UsageError when nothing was ever crawled there.
    """
    directories = sorted(path for path in layout.raw.glob("*") if _was_crawled(path))
    if not directories:
        raise UsageError(f"{layout.root}: nothing was crawled there; `lostfound crawl` does it")
    at = now or datetime.now(UTC)
    return Status({path.name: _source_status(path, at) for path in directories})


def _was_crawled(directory: Path) -> bool:
    return (directory / FILE_NAME).is_file() or bool(ledger_paths(directory))


def _source_status(directory: Path, now: datetime) -> SourceStatus:
    tasks, failed, oldest = _tasks(directory / FILE_NAME)
    captures, sealed, opened = 0, 0, 0
    items: Counter[str] = Counter()
    for path in ledger_paths(directory):
        with closing(Ledger(path, read_only=True)) as ledger:
            captures += len(ledger)
            items += ledger.failures()
            states = [segment.sealed for segment in ledger.segments()]
            sealed += sum(states)
            opened += len(states) - sum(states)
    line = last_line(directory) or {}
    age = (now - datetime.fromisoformat(line["at"])).total_seconds() if line else None
    running = age is not None and age < RUNNING_SECONDS and bool(line.get("running"))
    return SourceStatus(
        tasks={str(state): tasks.get(state, 0) for state in TaskState},
        failed_tasks=failed,
        failed_items=dict(sorted(items.items())),
        oldest_pending_seconds=_age(oldest.get(TaskState.PENDING), now),
        oldest_leased_seconds=_age(oldest.get(TaskState.LEASED), now),
        captures=captures,
        segments_sealed=sealed,
        segments_open=opened,
        running=running,
        last_seen_seconds=None if age is None else round(age, 1),
        captures_per_minute=line["totals"]["captures_per_minute"] if running else 0.0,
        workers={worker["writer"]: worker for worker in line.get("workers", [])},
        nodes=by_node(line.get("workers", [])),
    )


def by_node(workers: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Sums over the workers of a stats line, by the name of the machine."""
    nodes: dict[str, dict[str, float]] = {}
    for worker in workers:
        zero = {"workers": 0, "captures": 0, "captures_per_minute": 0.0}
        node = nodes.setdefault(str(worker.get("node", "")), zero)
        node["workers"] += 1
        node["captures"] += worker.get("captures", 0)
        node["captures_per_minute"] += worker.get("captures_per_minute", 0.0)
    return dict(sorted(nodes.items()))


def _tasks(path: Path) -> tuple[dict[TaskState, int], dict[str, int], dict[TaskState, float]]:
    """Tasks by state, failed ones by reason, and since when the oldest is in each state."""
    if not path.is_file():
        return {}, {}, {}
    with closing(SqliteFrontier(path, read_only=True)) as frontier:
        return frontier.counts(), frontier.failures(), frontier.oldest()


def _age(since: float | None, now: datetime) -> float | None:
    return None if since is None else round(max(0.0, now.timestamp() - since), 1)
