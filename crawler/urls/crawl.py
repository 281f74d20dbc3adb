"""Crawls the addresses of a list into a dataset: the core of `lostfound crawl urls`."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from crawler.crawl import CrawlPlan, CrawlSummary, run_crawl
from crawler.frontier import Item, SqliteFrontier
from crawler.ledger import Ledger, ledger_paths
from crawler.monitor import MonitorOptions
from crawler.queue import Queue
from crawler.reasons import TRANSIENT, FailReason
from crawler.spool import SEGMENT_BYTES
from crawler.urls.lists import TASK_ROWS, enlist
from crawler.urls.remote import obtain
from crawler.urls.rows import SOURCE
from crawler.urls.selection import Selection
from crawler.urls.worker import UrlJob
from crawler.web.client import ClientRules
from crawler.web.identity import user_agent
from shards.denyfile import load_denylist
from shards.errors import UsageError
from shards.layout import DatasetLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """What the user says about one list."""

    address: str
    """A path, a web address, or an address that fsspec knows."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field to column, for those that have unusual names."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Capture fields, like `license`, for rows that have none of their own."""
    follow: bool = False
    """Rows that were added since the last run are taken."""
    limit: int = 0
    """Only so many rows from the beginning; 0 for all."""
    task_rows: int = TASK_ROWS
    selection: Selection = field(default_factory=Selection)


def crawl_urls(
    dataset: DatasetLayout,
    options: ListOptions,
    *,
    workers: int,
    contact: str = "",
    rules: ClientRules | None = None,
    segment_bytes: int = SEGMENT_BYTES,
    retry: Iterable[FailReason] = TRANSIENT,
    monitor: MonitorOptions | None = None,
) -> CrawlSummary:
    """Fetches what the list names. Run again, it goes on where it was stopped or killed.

    Without a contact only addresses of this machine are fetched, and only where `rules` allow
    private ones. Raises UsageError for a list that is not there, malformed or changed, WorkError
    for a remote one that cannot be fetched.
    """
    if min(options.task_rows, options.limit + 1) < 1:
        raise UsageError("rows per task and limit: give 1 or more")
    rules = rules or ClientRules()
    agent = user_agent(contact, loopback=rules.allow_private)
    directory = dataset.raw_source(SOURCE)
    directory.mkdir(parents=True, exist_ok=True)
    origin = obtain(directory, options.address, user_agent=agent)
    state, tasks = enlist(
        directory,
        origin,
        columns=options.columns,
        defaults=options.defaults,
        follow=options.follow,
        limit=options.limit,
        task_rows=options.task_rows,
    )
    job = UrlJob(
        directory=directory,
        queue=Queue(directory),
        user_agent=agent,
        has_contact=bool(contact),
        selection=options.selection,
        denylist=load_denylist(dataset),
        rules=rules,
        segment_bytes=segment_bytes,
    )
    plan = CrawlPlan(
        job=job,
        tasks=tasks,
        address=origin.name,
        expected=state.rows,
        reconcile=lambda frontier: readmit(directory, frontier),
    )
    return run_crawl(plan, workers=workers, retry=retry, monitor=monitor)


def readmit(directory: Path, frontier: SqliteFrontier) -> None:
    """Tells a frontier that is new which task each address belongs to, as the ledgers know it."""
    if frontier.admitted():
        return
    for task_id, keys in _settled(directory):
        frontier.admit([Item(key) for key in keys], task_id)


def _settled(directory: Path) -> Iterator[tuple[str, list[str]]]:
    """The captured keys of each task, of all writers."""
    for path in ledger_paths(directory):
        with closing(Ledger(path, read_only=True)) as ledger:
            rows = sorted((row.task_id, row.key) for row in ledger.rows())
        for task_id, group in groupby(rows, key=lambda row: row[0]):
            yield task_id, [key for _, key in group]
