"""One worker of an open source: leases tasks, fetches what they list, commits, settles failures.

A record and its picture are fetched under one lease, because the pictures' URLs may expire.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing, suppress

from crawler.commits import GroupCommits
from crawler.frontier import Item, NewTask, Task, TaskState, payload_text
from crawler.leases import IDLE_SECONDS, Leases, first_error
from crawler.ledger import Failure, keys_elsewhere
from crawler.reasons import ENDS_RUN, FailReason
from crawler.sources.area import square_km
from crawler.sources.ask import Asker
from crawler.sources.job import SourceJob
from crawler.sources.photo import Photo
from crawler.sources.pictures import Pictures
from crawler.sources.source import Expansion
from crawler.spool import Spool, open_spool
from crawler.stats import WorkerState, WorkerStats
from crawler.web.client import PoliteClient
from crawler.web.errors import FetchError
from shards.keys import make_key, order_hash

RETRY_SECONDS = 5.0
"""Before the second attempt of a task; twice as long before each further one."""
TASKS_AT_ONCE = 4
PASS_MARK = "~"  # noqa: S105 - no password
"""Between the pass and the name in the id of a task that looks once more."""


class SourceWorker:
    """Runs a `SourceJob` to its end, or until `stop`."""

    def __init__(self, job: SourceJob) -> None:
        self.job = job
        self._stats = WorkerStats(job.writer)
        self._running: dict[str, asyncio.Task[None]] = {}
        """What works on each leased task."""
        self._stopping = asyncio.Event()
        self._leases: Leases
        self._commits: GroupCommits
        self._web: PoliteClient | None = None
        self._ask: Asker
        self._pictures: Pictures

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
                    self._ask = Asker(self._web, job.source, job.key, has_contact=job.has_contact)
                    self._pictures = Pictures(job, self._web, self._ask, self._commits, self._stats)
                    await self._work()
            except BaseExceptionGroup as errors:
                raise first_error(errors) from None
            finally:
                self._stats.state = WorkerState.STOPPED

    async def stop(self) -> None:
        """Ends the run within seconds: what is committed stays, the rest is leased again."""
        self._stopping.set()
        for work in self._running.values():
            work.cancel()

    def stats(self) -> WorkerStats:
        if self._web is not None:
            self._stats.requests = self._web.counts.requests
            self._stats.bytes = self._web.counts.bytes
        return self._stats

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._leases.keep(self._running))
            lanes = [group.create_task(self._lane()) for _ in range(TASKS_AT_ONCE)]
            await asyncio.wait(lanes)
            renewing.cancel()

    async def _lane(self) -> None:
        """One task after the other."""
        while not self._stopping.is_set():
            task = await self._leases.lease()
            if task is not None:
                await self._run_leased(task)
            elif await self._leases.ask(lambda frontier: frontier.unfinished()):
                await self._pause()
            else:
                return

    async def _pause(self) -> None:
        if not self._running:
            self._stats.state = WorkerState.WAITING
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), IDLE_SECONDS)

    async def _run_leased(self, task: Task) -> None:
        """Does a task as something that can be cancelled alone: when it is lost, or at a stop."""
        self._stats.state = WorkerState.WORKING
        work = self._running[task.id] = asyncio.create_task(self._do(task))
        try:
            if self._stopping.is_set():
                work.cancel()
            await asyncio.wait([work])
        finally:
            work.cancel()
            del self._running[task.id]
        if not work.cancelled():
            work.result()
        else:
            await self._leases.release(task.id)

    async def _do(self, task: Task) -> None:
        limit = self.job.query.limit
        try:
            if limit and await self._leases.ask(lambda frontier: frontier.admitted()) >= limit:
                expansion = Expansion()
            else:
                expansion = await self._expand(task)
            await self._fetch(task, self.job.query.wanted(expansion.photos))
        except FetchError as error:
            await self._fail(task, error)
            return
        remark = remark_of(expansion)
        children = in_same_pass(task.id, expansion.children)
        await self._leases.ask(lambda frontier: frontier.done(task.id, remark, children))
        self._stats.tasks += 1

    async def _expand(self, task: Task) -> Expansion:
        """What the task lists; records that are none are settled. Raises FetchError."""
        source = self.job.source
        try:
            expansion = await source.expand(json.loads(task.payload), self.job.query, self._ask)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            detail = f"{type(error).__name__}: {error}"
            raise FetchError(FailReason.BAD_ANSWER, detail, final=True) from error
        failures = [
            Failure(_bad_key(source.name, task.id, n, one.id), task.id, one.reason, one.detail)
            for n, one in enumerate(expansion.bad)
        ]
        if expansion.capped:
            key = make_key(source.name, "capped", task.id)
            failures.append(Failure(key, task.id, FailReason.CAPPED, expansion.capped))
        await self._pictures.settle(failures)
        return expansion

    async def _fail(self, task: Task, error: FetchError) -> None:
        """Later again, where that may help; otherwise for good."""
        owner = self.job.writer
        state: TaskState | None = TaskState.FAILED
        if error.reason.transient and error.reason not in ENDS_RUN:
            delay = error.retry_after or RETRY_SECONDS * 2 ** (task.attempts - 1)
            state = await self._leases.ask(
                lambda frontier: frontier.put_back(
                    task.id, owner, error.reason, error.detail, delay=delay
                )
            )
        else:
            await self._leases.ask(
                lambda frontier: frontier.failed(task.id, owner, error.reason, error.detail)
            )
        if state is TaskState.FAILED:
            self._stats.failed[str(error.reason)] += 1

    async def _fetch(self, task: Task, photos: Sequence[Photo]) -> None:
        """The pictures of those that are this task's. Raises FetchError when none would come."""
        allowed = await self._allowed(task, photos)
        wanted = await self._admitted(task, allowed) if allowed else []
        failed = await self._pictures.capture(wanted, task.id)
        query = self.job.query
        if failed and (query.limit or query.max_per_km2):  # others may take their places
            await self._leases.ask(lambda frontier: frontier.disown(failed, task.id))

    async def _allowed(self, task: Task, photos: Sequence[Photo]) -> list[Photo]:
        """Those that the deny-list does not name; the others are settled."""
        name, denylist = self.job.source.name, self.job.denylist
        if not denylist.rules:
            return [*photos]
        allowed, denied = [], []
        for photo in photos:
            if rule := denylist.refusal(photo.to_capture(name)):
                detail = f"{rule.rule} of the deny-list"
                denied.append(Failure(photo.key(name), task.id, FailReason.DENIED, detail))
            else:
                allowed.append(photo)
        await self._pictures.settle(denied)
        return allowed

    async def _admitted(self, task: Task, photos: Sequence[Photo]) -> list[Photo]:
        name, query = self.job.source.name, self.job.query
        by_key = {photo.key(name): photo for photo in photos}
        # Which of a crowded square are taken must not hang on the order of the server's answer.
        items = [
            Item(key, square_km(*by_key[key].position) if query.max_per_km2 else "")
            for key in sorted(by_key, key=lambda key: (order_hash(0, key), key))
        ]
        own = await self._leases.ask(
            lambda frontier: frontier.admit(
                items, task.id, per_bucket=query.max_per_km2, total=query.limit
            )
        )
        settled = await self._commits.ask(lambda spool: _settled(spool, task.id, own))
        return [by_key[key] for key in sorted(own - settled)]


def in_pass(name: str, tasks: Sequence[NewTask]) -> list[NewTask]:
    """The tasks of one more look at everything; its children stay in it."""
    return [task._replace(id=f"{name}{PASS_MARK}{task.id}") for task in tasks] if name else [*tasks]


def in_same_pass(task_id: str, children: Sequence[NewTask]) -> list[NewTask]:
    name, mark, _ = task_id.partition(PASS_MARK)
    return in_pass(name if mark else "", children)


def remark_of(expansion: Expansion) -> str:
    """What is to be known of a task after its end: the photographs that it found deleted."""
    found = {"deleted": [*expansion.deleted], "deleted_groups": [*expansion.deleted_groups]}
    return payload_text(found) if any(found.values()) else ""


def _bad_key(source: str, task_id: str, number: int, record_id: str) -> str:
    """A record without an id is known by its place in its task's answer."""
    return make_key(source, record_id) if record_id else make_key(source, task_id, number)


def _settled(spool: Spool, task_id: str, keys: set[str]) -> set[str]:
    """Those of the keys that this writer or another one has captured or recorded as failed."""
    own = {key for key in keys if spool.settled(key)}
    return own | keys_elsewhere(spool.directory, task_id, spool.path)
