"""Workers as Ray actors: one writer each; a dead one is replaced, and their number may change."""

import copy
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from crawler.job import Job
from crawler.stats import WorkerState, WorkerStats
from shards import metrics
from shards.errors import LostFoundError, WorkError
from shards.fanout import ensure_ray
from shards.nodes import NodeFacts, check_this_node, facts_of_driver
from shards.room import cluster_room

POLL_SECONDS = 0.5
STOP_SECONDS = 30.0
LAST_WORDS_SECONDS = 10.0
MAX_REPLACEMENTS = 3
"""Of a worker that dies again and again without having fetched anything: that is no accident."""
BROWSER = "browser"
"""The custom resource of nodes that have room for a browser, where a cluster names it."""

OnPoll = Callable[[Sequence[WorkerStats]], None]


def run_fleet(job: Job, wanted: Callable[[], int], on_poll: OnPoll) -> int:
    """Runs `wanted()` workers like `job` until none has work left; returns how many died.

    Asks `wanted` and calls `on_poll` about twice a second: the fleet grows and shrinks while it
    runs. `on_poll` is given what every worker said last, those that ended or died included; one
    that was replaced stands there once for each life. On KeyboardInterrupt, SIGTERM or an error,
    also one of `on_poll`, all actors are stopped before it is raised here: no browser stays, and
    segments stay resumable.
    """
    ensure_ray()
    # Ray tells of dead actors on stdout, where the command's summary belongs.
    with redirect_stdout(sys.stderr), _sigterm_interrupts():
        fleet = _Fleet(job)
        try:
            fleet.watch(wanted, on_poll)
        finally:
            fleet.end()
        return fleet.replacements


class WorkerActor:
    """The worker of one job in its own process. Asynchronous: `stop` is heard while `run` runs."""

    def __init__(self, job: Job, driver: NodeFacts | None) -> None:
        self._worker = job.worker()
        self._driver = driver

    async def run(self) -> None:
        check_this_node(self._driver)
        await self._worker.run()

    async def stop(self) -> None:
        await self._worker.stop()

    async def stats(self) -> WorkerStats:
        # Ray writes the answer in another thread while the worker counts on.
        return copy.deepcopy(self._worker.stats())


class _Member:
    """One actor, its run, and what it said last."""

    def __init__(self, job: Job, actor_class: Any) -> None:
        self.job = job
        self.actor = actor_class.remote(job, facts_of_driver())
        self.run = self.actor.run.remote()
        self.stats = WorkerStats(job.writer)
        self.started = False
        """It has answered: the cluster has found room for it."""
        self.leaving = False
        self._asked: Any = None

    def ask(self) -> None:
        """Takes the answer to the last question, if it is there, and asks again."""
        import ray

        if self._asked is not None:
            done, _ = ray.wait([self._asked], timeout=0)
            if not done:
                return
            with suppress(ray.exceptions.RayError):
                self.stats = ray.get(self._asked)
                self.started = True
        self._asked = self.actor.stats.remote()

    def ask_last(self) -> None:
        """Takes what it says after its run; one that died has said what it could."""
        import ray

        with suppress(ray.exceptions.RayError):
            self.stats = ray.get(self.actor.stats.remote(), timeout=LAST_WORDS_SECONDS)


class _Fleet:
    def __init__(self, job: Job) -> None:
        self.replacements = 0
        self._job = job
        self._members: dict[str, _Member] = {}
        self._gone: list[WorkerStats] = []
        self._deaths: dict[str, int] = {}
        self._nothing_left = False
        self._class = _actor_class(job)

    def watch(self, wanted: Callable[[], int], on_poll: OnPoll) -> None:
        """Returns when every worker that found room has come to its end."""
        import ray

        self._resize(wanted())
        while any(member.started or not self._nothing_left for member in self._members.values()):
            runs = {member.run: member for member in self._members.values()}
            done, _ = ray.wait(list(runs), num_returns=1, timeout=POLL_SECONDS)
            for run in done:
                self._finished(runs[run])
            for member in self._members.values():
                member.ask()
            on_poll([*self._gone, *(one.stats for one in self._members.values())])
            if not self._nothing_left:
                self._resize(wanted())

    def _resize(self, count: int) -> None:
        """Starts those that are missing; asks the last ones to leave when there are too many."""
        staying = [member for member in self._members.values() if not member.leaving]
        for member in staying[max(1, count) :]:
            member.leaving = True
            member.actor.stop.remote()
        numbers = (number for number in range(count + len(self._members)))
        missing = max(1, count) - len(staying)
        for number in numbers:
            if missing <= 0:
                return
            writer = f"{self._job.writer}-{number}"
            if writer not in self._members:
                self._start(writer)
                missing -= 1

    def _start(self, writer: str) -> None:
        self._members[writer] = _Member(self._job.named(writer), self._class)

    def _finished(self, member: _Member) -> None:
        """A run that ends by itself says that no task of any worker is left."""
        import ray

        writer = member.job.writer
        del self._members[writer]
        member.ask_last()
        member.stats.state = WorkerState.STOPPED
        self._gone.append(member.stats)
        try:
            ray.get(member.run)
            self._nothing_left = self._nothing_left or not member.leaving
        except ray.exceptions.RayActorError as error:
            if not member.leaving:
                self._replace(member, error)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, LostFoundError):
                raise cause from None
            raise
        finally:
            with suppress(ray.exceptions.RayError, ValueError):
                ray.kill(member.actor)

    def _replace(self, member: _Member, error: Exception) -> None:
        writer = member.job.writer
        deaths = 0 if member.stats.captures else self._deaths.get(writer, 0)
        self._deaths[writer] = deaths + 1
        if self._deaths[writer] > MAX_REPLACEMENTS:
            text = " ".join(str(error).split())[:300]
            raise WorkError(
                f"worker {writer} died {self._deaths[writer]} times ({text});"
                " run the same command again to continue"
            ) from None
        self.replacements += 1
        metrics.count("lostfound_errors_total", kind="scraper_died")
        self._start(writer)

    def end(self) -> None:
        """Stops what still runs, then ends all actors."""
        import ray

        members = list(self._members.values())
        with suppress(ray.exceptions.RayError, ValueError):
            started = [member for member in members if member.started]
            everything = [
                reference
                for member in started
                for reference in (member.actor.stop.remote(), member.run)
            ]
            if everything:
                ray.wait(everything, num_returns=len(everything), timeout=STOP_SECONDS)
        for member in members:
            with suppress(ray.exceptions.RayError, ValueError):
                ray.kill(member.actor)


def _actor_class(job: Job) -> Any:
    import ray

    needs = dict(job.resources)
    cpus = needs.pop("CPU", 1)
    # A laptop has no such resource, and then cores are what limits.
    there = cluster_room()
    custom = {name: need for name, need in needs.items() if name in there}
    # Ray restarts none: the fleet replaces it, gives its leases back first, and counts the deaths.
    remote = ray.remote(num_cpus=cpus, resources=custom, max_restarts=0, max_task_retries=0)
    return remote(WorkerActor)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
