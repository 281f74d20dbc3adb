"""One worker of a list: leases ranges of rows, keeps its connections busy, commits in groups."""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from crawler.commits import GroupCommits
from crawler.download import as_picture
from crawler.frontier import Item, Task
from crawler.leases import IDLE_SECONDS, Leases, first_error
from crawler.ledger import Failure, keys_elsewhere
from crawler.probe import Probe
from crawler.queue import Queue
from crawler.spool import SEGMENT_BYTES, Ready, Spool, open_spool
from crawler.stats import WorkerState, WorkerStats
from crawler.urls.lists import TaskRows
from crawler.urls.rows import Wanted, deny, sort_out
from crawler.urls.selection import Selection
from crawler.web.client import ClientRules, PoliteClient
from crawler.web.errors import FetchError, shown
from crawler.web.identity import is_loopback
from shards.denylist import DenyList
from shards.errors import UsageError

HANDS = 4
"""Pictures under way or waiting for their commit, for each connection: bounds the memory."""
PROBED = 100
"""Every so many pictures one is decoded, to see whether it is blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlJob:
    directory: Path
    """`raw/urls` of the dataset."""
    queue: Queue
    user_agent: str
    has_contact: bool = True
    """False: only servers of this machine may be asked."""
    writer: str = "urls"
    selection: Selection = field(default_factory=Selection)
    denylist: DenyList = field(default_factory=DenyList)
    rules: ClientRules = field(default_factory=ClientRules)
    segment_bytes: int = SEGMENT_BYTES

    @property
    def resources(self) -> Mapping[str, float]:
        return {"CPU": 1}

    def worker(self) -> "UrlWorker":
        return UrlWorker(self)

    def named(self, writer: str) -> "UrlJob":
        return replace(self, writer=writer)


class UrlWorker:
    """Runs a `UrlJob` to its end, or until `stop`."""

    def __init__(self, job: UrlJob) -> None:
        self.job = job
        self._stats = WorkerStats(job.writer)
        self._probe = Probe(self._stats.quality, every=PROBED)
        self._rows = TaskRows(job.directory)
        self._enough = HANDS * job.rules.connections
        self._in_hand = asyncio.Semaphore(self._enough)
        self._changed = asyncio.Event()
        self._left: dict[str, int] = {}
        """Rows of each leased task that are neither captured nor failed yet."""
        self._running: dict[str, asyncio.Task[None]] = {}
        """What works on each leased task."""
        self._dry_until = 0.0
        """Until then no other task is asked for while there is work."""
        self._stopping = False
        self._leases: Leases
        self._commits: GroupCommits
        self._web: PoliteClient | None = None

    async def run(self) -> None:
        """Returns once no task of any worker is left. The segment stays open."""
        job = self.job
        with (
            open_spool(job.directory, job.writer, segment_bytes=job.segment_bytes) as spool,
            closing(job.queue.frontier()) as frontier,
            closing(job.queue.budgets()) as budgets,
            Leases(frontier, job.writer) as self._leases,
        ):
            client = PoliteClient(user_agent=job.user_agent, budgets=budgets, rules=job.rules)
            try:
                async with GroupCommits(spool) as self._commits, client as self._web:
                    await self._work()
            except BaseExceptionGroup as errors:
                raise first_error(errors) from None
            finally:
                self._stats.state = WorkerState.STOPPED

    async def stop(self) -> None:
        """Ends the run within seconds: what is committed stays, the rest is leased again."""
        self._stopping = True
        self._changed.set()

    def stats(self) -> WorkerStats:
        if self._web is not None:
            self._stats.requests = self._web.counts.requests
            self._stats.bytes = self._web.counts.bytes
        return self._stats

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._leases.keep(self._running))
            while not self._stopping:
                self._changed.clear()
                task = await self._lease() if self._may_lease() else None
                if task is not None:
                    self._stats.state = WorkerState.WORKING
                    await self._begin(task, group)
                elif not self._running and not await self._unfinished():
                    break
                else:
                    await self._wait()
            renewing.cancel()
            for work in self._running.values():
                work.cancel()

    def _may_lease(self) -> bool:
        """Whether connections would soon be idle, and the frontier had tasks a moment ago."""
        is_busy = sum(self._left.values()) >= self._enough
        is_dry = time.monotonic() < self._dry_until
        return not is_busy and not (is_dry and self._running)

    async def _lease(self) -> Task | None:
        task = await self._leases.lease()
        if task is None:
            self._dry_until = time.monotonic() + IDLE_SECONDS
        return task

    async def _unfinished(self) -> int:
        return await self._leases.ask(lambda frontier: frontier.unfinished())

    async def _wait(self) -> None:
        """Until a row is settled; a moment when other workers have the last tasks."""
        if not self._running:
            self._stats.state = WorkerState.WAITING
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), IDLE_SECONDS)

    async def _begin(self, task: Task, group: asyncio.TaskGroup) -> None:
        """Finds out which rows of a task are to be fetched, and starts with them."""
        every = await asyncio.to_thread(self._rows.read, json.loads(task.payload))
        rows, unwanted = self.job.selection.split(every, task.id)
        settled = await self._commits.ask(lambda spool: _settled(spool, task.id))
        items = [Item(row.capture.key) for row in rows if row.capture is not None]
        own = await self._leases.ask(lambda frontier: frontier.admit(items, task.id))
        wanted, failures = sort_out(rows, own, settled, task.id)
        failures += [failure for failure in unwanted if failure.key not in settled]
        wanted, denied = deny(wanted, self.job.denylist, task.id)
        if not self.job.has_contact:
            refuse_strangers(wanted)
        self._left[task.id] = len(wanted)
        self._running[task.id] = group.create_task(self._do(task.id, wanted, failures + denied))

    async def _do(self, task_id: str, wanted: list[Wanted], failures: list[Failure]) -> None:
        finished = False
        try:
            await self._commits.fail(*failures)
            self._stats.failed.update(str(failure.reason) for failure in failures)
            async with asyncio.TaskGroup() as group:
                for row in wanted:
                    group.create_task(self._fetch(row, task_id))
            await self._leases.ask(lambda frontier: frontier.done(task_id))
            finished = True
            self._stats.tasks += 1
        finally:
            del self._running[task_id], self._left[task_id]
            self._changed.set()
            if not finished:
                await self._leases.release(task_id)

    async def _fetch(self, wanted: Wanted, task_id: str) -> None:
        assert self._web is not None
        async with self._in_hand:
            try:
                answer = await self._web.get(wanted.url)
                picture = as_picture(answer.body, answer.headers.get("Content-Type", ""))
            except FetchError as error:
                key = wanted.capture.key
                await self._commits.fail(Failure(key, task_id, error.reason, error.detail))
                self._stats.failed[str(error.reason)] += 1
            else:
                await self._commits.add(
                    Ready(wanted.capture, picture.data, picture.extension, task_id)
                )
                self._stats.captures += 1
                self._probe.observe(wanted.capture, picture.data)
        self._left[task_id] -= 1
        self._changed.set()


def refuse_strangers(wanted: Iterable[Wanted]) -> None:
    """Raises UsageError when one of the addresses is not of this machine."""
    for row in wanted:
        if not is_loopback(row.url):
            raise UsageError(
                f"{shown(row.url)}: other servers are asked only with --contact: an address at"
                " which their operators can reach you"
            )


def _settled(spool: Spool, task_id: str) -> set[str]:
    """Keys of a task that this writer or another one has captured or recorded as failed."""
    own = spool.ledger.settled_of_task(task_id)
    return own | keys_elsewhere(spool.directory, task_id, spool.path)
