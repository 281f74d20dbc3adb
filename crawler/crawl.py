"""One crawl of one source, whatever the source: the core of `lostfound crawl`.

Repairs what an earlier run left, gives the frontier its tasks, runs the fleet, seals every
writer's segment, and counts. What a source adds is a job and its first tasks.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from crawler.fleet import run_fleet
from crawler.frontier import FILE_NAME, NewTask, SqliteFrontier, TaskState
from crawler.job import Job
from crawler.ledger import Ledger, ledger_paths
from crawler.lock import exclusive_lock
from crawler.monitor import MonitorOptions, monitoring
from crawler.queue import open_queue
from crawler.reasons import ENDS_RUN, TRANSIENT, FailReason
from crawler.spool import open_spool, writers
from crawler.stats import WorkerStats
from shards.errors import UsageError, WorkError
from shards.fanout import ensure_ray

LOCK_FILE = "crawl.lock"
WANTED_FILE = "workers"
"""In `raw/<source>`: how many workers a running crawl shall have; `crawl --scale` writes it."""

Watch = Callable[[Sequence[WorkerStats], SqliteFrontier], None]


class WallError(WorkError):
    """The site shut the door: a CAPTCHA, a ban, an anti-cheat notice."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlPlan:
    """What a source asks of the driver."""

    job: Job
    """The job of every worker; its writer is the stem of their names."""
    tasks: Iterable[NewTask]
    address: str
    """What is crawled, for messages."""
    expected: int | None = None
    """Captures that the source will have in the end, if that is known."""
    reconcile: Callable[[SqliteFrontier], None] = lambda _frontier: None
    """Teaches the frontier what the ledgers know."""
    drops: str = ""
    """Tasks of an earlier run with this prefix that are neither begun nor in `tasks` go."""
    watches: Sequence[Watch] = ()
    """Called about twice a second; an error that one of them raises ends the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlSummary:
    source: str
    tasks: int
    """Tasks that are done, by this run and earlier ones."""
    tasks_failed: int
    failed: dict[str, int]
    """Failed tasks by reason."""
    items_failed: dict[str, int] = field(default_factory=dict)
    """Single pictures that will not come, by reason."""
    captures: int
    """All that the dataset has from this source."""
    new_captures: int
    segments: int
    workers: int
    workers_replaced: int
    seconds: float
    captures_per_minute: float

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def run_crawl(
    plan: CrawlPlan,
    *,
    workers: int,
    retry: Iterable[FailReason] = TRANSIENT,
    monitor: MonitorOptions | None = None,
) -> CrawlSummary:
    """Crawls until no task is left. Run again, it goes on where it was stopped or killed.

    Tasks and items that failed for one of the `retry` reasons are tried again. Raises WallError
    when the site shuts the door, WorkError when it refuses the account or its robots.txt the
    crawl, HealthError when what comes is not worth fetching.
    """
    if workers < 1:
        raise UsageError("--workers: give 1 or more")
    directory = plan.job.directory
    start = time.monotonic()
    with (
        exclusive_lock(directory / LOCK_FILE),
        SqliteFrontier(directory / FILE_NAME) as frontier,
    ):
        _recover_writers(directory)
        _prepare(frontier, plan, retry)
        before = count_captures(directory)
        replaced = 0
        if frontier.unfinished():
            with monitoring(directory, monitor, before=before, expected=plan.expected) as watch:
                replaced = _run(plan, frontier, workers, (watch.on_poll, *plan.watches))
        segments = _seal_writers(directory)
        _raise_refusal(plan, frontier)
        counts, failed = frontier.counts(), frontier.failures()
    seconds = time.monotonic() - start
    captures = count_captures(directory)
    return CrawlSummary(
        source=directory.name,
        tasks=counts[TaskState.DONE],
        tasks_failed=counts[TaskState.FAILED],
        failed=failed,
        items_failed=dict(sorted(count_failures(directory).items())),
        captures=captures,
        new_captures=captures - before,
        segments=segments,
        workers=workers,
        workers_replaced=replaced,
        seconds=round(seconds, 1),
        captures_per_minute=round(60 * (captures - before) / seconds, 1),
    )


def _prepare(frontier: SqliteFrontier, plan: CrawlPlan, retry: Iterable[FailReason]) -> None:
    tasks = list(plan.tasks)
    frontier.add(tasks)
    if plan.drops:
        frontier.drop_unbegun(plan.drops, (task.id for task in tasks))
    frontier.begin_run(retry)
    for path in ledger_paths(plan.job.directory):
        with closing(Ledger(path)) as ledger:
            again = ledger.forget_failures(retry)
            frontier.reopen({task_id for _, task_id in again})
    plan.reconcile(frontier)


def _run(plan: CrawlPlan, frontier: SqliteFrontier, workers: int, watches: Sequence[Watch]) -> int:
    """The fleet; returns how many workers died and were replaced."""
    ensure_ray()
    job = replace(plan.job, queue=open_queue(plan.job.directory))
    wanted = job.directory / WANTED_FILE
    wanted.unlink(missing_ok=True)

    def on_poll(stats: Sequence[WorkerStats]) -> None:
        _raise_refusal(plan, frontier)
        for watch in watches:
            watch(stats, frontier)

    return run_fleet(job, lambda: _wanted(wanted, workers), on_poll)


def _wanted(path: Path, workers: int) -> int:
    try:
        return max(1, int(path.read_text()))
    except (OSError, ValueError):
        return workers


def _raise_refusal(plan: CrawlPlan, frontier: SqliteFrontier) -> None:
    """Ends the run for what no other task would fare better with."""
    failed = frontier.failures()
    for reason in ENDS_RUN:
        if reason in failed:
            _refuse(reason, plan.address, frontier.details()[reason])
    if FailReason.ROBOTS in failed and not frontier.counts()[TaskState.DONE]:
        _refuse(FailReason.ROBOTS, plan.address, "")


def _refuse(reason: FailReason, address: str, detail: str) -> None:
    if reason is FailReason.WALL:
        raise WallError(f"{address}: {detail}; the crawl has ended, and does not go around it")
    if reason is FailReason.ROBOTS:
        raise WorkError(f"{address}: its robots.txt disallows this crawl; it was not done")
    raise WorkError(
        f"{address}: {detail}; give --email, and the password in LOSTFOUND_PASSWORD,"
        " then run it again"
    )


def _recover_writers(directory: Path) -> None:
    """Waits until no worker of an earlier run lives, and repairs what it left."""
    for writer in writers(directory):
        open_spool(directory, writer).close()


def _seal_writers(directory: Path) -> int:
    """Seals the segments of all writers, those of earlier runs too; returns how many there are."""
    sealed = 0
    for writer in writers(directory):
        with open_spool(directory, writer) as spool:
            spool.seal()
            sealed += len(spool.ledger.segments())
    return sealed


def count_captures(directory: Path) -> int:
    """Committed captures of all writers in `directory`."""
    total = 0
    for path in ledger_paths(directory):
        with closing(Ledger(path, read_only=True)) as ledger:
            total += len(ledger)
    return total


def count_failures(directory: Path) -> Counter[str]:
    """Items that will not come, of all writers in `directory`, by reason."""
    total: Counter[str] = Counter()
    for path in ledger_paths(directory):
        with closing(Ledger(path, read_only=True)) as ledger:
            total += ledger.failures()
    return total


def scale(directory: Path, workers: int) -> None:
    """Tells the crawl that runs in `directory` to have so many workers from now on."""
    if workers < 1:
        raise UsageError(f"--scale {workers}: give 1 or more")
    if not directory.is_dir():
        raise UsageError(f"{directory}: nothing was crawled there; start a crawl first")
    (directory / WANTED_FILE).write_text(f"{workers}\n")
