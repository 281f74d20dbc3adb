"""A source without a network: each task is one capture. For tests of the fleet and the driver."""

import asyncio
import os
import signal
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from crawler.job import Worker
from crawler.queue import Queue
from crawler.reasons import FailReason
from crawler.spool import open_spool
from crawler.stats import WorkerState, WorkerStats
from shards.capture import Capture


@dataclass(frozen=True)
class CountingJob:
    directory: Path
    queue: Queue
    writer: str = "count"
    pause: float = 0.02
    dies_at: str = ""
    """The task at which the first worker to lease it is killed."""
    needs: tuple[tuple[str, float], ...] = (("CPU", 0.1),)

    @property
    def resources(self) -> dict[str, float]:
        return dict(self.needs)

    def worker(self) -> Worker:
        return CountingWorker(self)

    def named(self, writer: str) -> "CountingJob":
        return replace(self, writer=writer)


class CountingWorker:
    def __init__(self, job: CountingJob) -> None:
        self.job = job
        self._stats = WorkerStats(job.writer)
        self._stopping = False

    async def run(self) -> None:
        job = self.job
        self._stats.state = WorkerState.WORKING
        with open_spool(job.directory, job.writer) as spool, closing(job.queue.frontier()) as queue:
            queue.release_owner(job.writer)
            while not self._stopping:
                task = queue.lease(job.writer, 60)
                if task is None and queue.unfinished() == 0:
                    return
                await asyncio.sleep(job.pause)
                if task is None:
                    continue
                if task.id == job.dies_at and task.attempts == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                if task.id.startswith("wall"):
                    queue.failed(task.id, job.writer, FailReason.WALL, "a CAPTCHA")
                    return
                spool.add(Capture(key=task.id, source="count", source_id=task.id), b"x", "jpg")
                self._stats.captures += 1
                queue.done(task.id)

    async def stop(self) -> None:
        self._stopping = True

    def stats(self) -> WorkerStats:
        return self._stats
