"""Crawls an open source into a dataset: what may start, its tasks, and what was deleted there."""

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from crawler.crawl import LOCK_FILE, CrawlPlan, CrawlSummary, run_crawl
from crawler.frontier import FILE_NAME, NewTask, SqliteFrontier
from crawler.lock import exclusive_lock
from crawler.monitor import MonitorOptions
from crawler.queue import Queue
from crawler.reasons import TRANSIENT, FailReason
from crawler.sources.captured import captures_of, reconcile
from crawler.sources.job import SourceJob
from crawler.sources.source import Query, Source
from crawler.sources.worker import in_pass
from crawler.spool import SEGMENT_BYTES
from crawler.terms import settle_terms
from crawler.web.client import ClientRules
from crawler.web.identity import is_loopback, user_agent
from shards.atomic import write_json
from shards.console import print_line
from shards.denyfile import add_rules, load_denylist
from shards.denylist import Kind, Rule
from shards.errors import UsageError
from shards.layout import DatasetLayout

DESCRIPTION = "source.json"
CLOCK_MARGIN = timedelta(hours=1)
"""The source's clock may be wrong by that much, or tell its changes so much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """How an open source is crawled, whatever it is."""

    contact: str = ""
    """Where the operators of the source can reach us."""
    accept_terms: bool = False
    workers: int = 1
    recheck: bool = False
    """Also finds out which captured photographs are deleted at the source."""
    rules: ClientRules = field(default_factory=ClientRules)
    segment_bytes: int = SEGMENT_BYTES
    retry: Iterable[FailReason] = TRANSIENT
    monitor: MonitorOptions | None = None


def crawl_source(
    dataset: DatasetLayout, source: Source, query: Query, options: SourceOptions
) -> CrawlSummary:
    """Fetches what the query wants. Run again, it goes on where it was stopped or killed.

    A query that is not that of the last run is worked through from its beginning; what is
    captured stays and is not fetched again. Raises UsageError for what may not start.
    """
    return _Crawl(dataset, source, query, options).run()


def follow_source(
    dataset: DatasetLayout,
    source: Source,
    query: Query,
    options: SourceOptions,
    *,
    every: float,
    sleep: Callable[[float], None] = time.sleep,
    passes: int = 0,
) -> CrawlSummary:
    """Like `crawl_source`, then looks again every so many seconds, until it is interrupted.

    passes: how often to look in all; 0 for ever.
    """
    if every <= 0:
        raise UsageError(f"--follow {every:g}: give the seconds from one look to the next")
    crawl = _Crawl(dataset, source, query, options)
    summary = crawl.run()
    # That was the rest of an earlier run, or nothing: so the first look lists everything.
    since: datetime | None = None
    looks = 1
    while not passes or looks < passes:
        print_line(f"{source.name}: {summary.new_captures} new; looking again in {every:g} s")
        sleep(every)
        began = datetime.now(UTC)
        summary = crawl.run(f"look-{time.time_ns()}", since)
        since = began - CLOCK_MARGIN
        looks += 1
    return summary


class _Crawl:
    """One command: checked, described in `source.json`, then run once or again and again."""

    def __init__(
        self, dataset: DatasetLayout, source: Source, query: Query, options: SourceOptions
    ) -> None:
        if min(query.limit, query.max_per_km2) < 0:
            raise UsageError("--limit and --max-per-km2: give 0 for all, or more")
        self._dataset = dataset
        self._source = source
        self._query = query
        self._options = options
        self._directory = dataset.raw_source(source.name)
        ours = is_loopback(source.base_url)
        agent = user_agent(options.contact, loopback=ours)
        key = api_key(source)
        settle_terms(
            self._directory,
            source.name,
            source.terms,
            accept=options.accept_terms,
            contact=options.contact,
        )
        self._job = SourceJob(
            directory=self._directory,
            queue=Queue(self._directory),
            source=source,
            query=query,
            user_agent=agent,
            key=key,
            has_contact=bool(options.contact.strip()),
            rules=replace(options.rules, allow_private=ours) if ours else options.rules,
            segment_bytes=options.segment_bytes,
        )
        self._directory.mkdir(parents=True, exist_ok=True)
        self._describe()

    def run(self, look: str = "", changed_since: datetime | None = None) -> CrawlSummary:
        """One look at everything, or at what changed. Without a name, only tasks that are new."""
        since = changed_since or self._query.changed_since
        query = replace(self._query, changed_since=since)
        tasks = in_pass(look, [*self._source.seeds(query), *self._checks(look)])
        job = replace(self._job, denylist=load_denylist(self._dataset))
        plan = CrawlPlan(
            job=job,
            tasks=tasks,
            address=self._source.base_url,
            expected=self._query.limit or None,
            reconcile=lambda frontier: reconcile(self._directory, frontier),
        )
        options = self._options
        summary = run_crawl(
            plan,
            workers=options.workers,
            retry=options.retry,
            monitor=_monitor(options.monitor or MonitorOptions()),
        )
        self._bury(look)
        return summary

    def _describe(self) -> None:
        """Records the query; where it is another than last time, the frontier starts anew."""
        path = self._directory / DESCRIPTION
        now = describe(self._source, self._query)
        try:
            before = json.loads(path.read_bytes())
        except (OSError, ValueError):
            before = None
        if before == now:
            return
        with exclusive_lock(self._directory / LOCK_FILE):
            for suffix in ("", "-wal", "-shm"):
                (self._directory / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
            write_json(path, now)

    def _checks(self, look: str) -> Iterable[NewTask]:
        if not self._options.recheck:
            return []
        known = load_denylist(self._dataset)
        groups: dict[str, set[str]] = {}
        for capture in captures_of(self._directory):
            if known.refusal(capture) is None and self._source.has_listed(capture):
                groups.setdefault(capture.group_id, set()).add(capture.source_id)
        tasks = [*self._source.checks(groups)]
        # Without a look of its own, a check that was done would never be done again.
        return tasks if look else in_pass(f"check-{time.time_ns()}", tasks)

    def _bury(self, look: str) -> None:
        """What the source says is deleted, and was captured, goes on the deny-list."""
        with SqliteFrontier(self._directory / FILE_NAME) as frontier:
            found = frontier.remarks()
        remarks = [json.loads(text) for name, text in found.items() if name.startswith(look)]
        ids = {one for remark in remarks for one in remark.get("deleted", ())}
        groups = {one for remark in remarks for one in remark.get("deleted_groups", ())}
        if not ids | groups:
            return
        captured = [(one.source_id, one.group_id) for one in captures_of(self._directory)]
        rule = {
            "source": self._source.name,
            "reason": "deleted at the source",
            "added_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        rules = [
            *(Rule(Kind.ID, one, **rule) for one in sorted(ids & {one for one, _ in captured})),
            *(Rule(Kind.GROUP, one, **rule) for one in sorted(groups & {g for _, g in captured})),
        ]
        if added := add_rules(self._dataset, rules):
            print_line(
                f"{self._source.name}: {added} photographs or sequences are deleted there;"
                f" {self._dataset.denylist.name} names them, and the next enrich rejects them"
            )


def api_key(source: Source) -> str:
    """From the environment alone. Raises UsageError where it is needed and missing."""
    key = os.environ.get(source.key_variable, "").strip() if source.key_variable else ""
    if source.key_variable and source.key_required and not key:
        raise UsageError(f"{source.name}: put its API key into {source.key_variable}")
    return key


def describe(source: Source, query: Query) -> dict[str, Any]:
    """What makes a run's tasks, as plain data for `source.json`."""
    return {
        "source": source.name,
        "options": _plain_fields(source),
        "query": {
            "boxes": [list(box) for box in query.area.boxes],
            "country": query.area.country,
            "since": query.since.isoformat() if query.since else "",
            "until": query.until.isoformat() if query.until else "",
            "limit": query.limit,
            "max_per_km2": query.max_per_km2,
        },
    }


def _monitor(options: MonitorOptions) -> MonitorOptions:
    """Without the check for one place: an area is worked through place by place."""
    return replace(options, health=replace(options.health, max_one_place=1.0))


def _plain_fields(source: Source) -> dict[str, Any]:
    """The adapter's own settings that change what is found; budgets do not."""
    values = {one.name: getattr(source, one.name) for one in fields(source)}  # type: ignore[arg-type]
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if isinstance(value, str | int | float | tuple)
    }
