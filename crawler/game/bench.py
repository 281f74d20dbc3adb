"""How fast games are photographed, as a ratio to the waiting schedule of the original scraper.

Both play the same playground with the same worker, state machine and number of pages, one after
the other; only the schedule of waits and the picture format differ. The playground runs in a
process of its own and is not counted.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from crawler.crawl import count_captures
from crawler.frontier import NewTask
from crawler.game.crawl import DEFAULT_PAGES, PLAYGROUND_ACCOUNT
from crawler.game.job import GameJob
from crawler.game.schedule import ORIGINAL
from crawler.game.site import Site
from crawler.queue import Queue
from crawler.web.identity import user_agent
from shards.errors import WorkError

UNIT = "rounds/min/core"
ENDLESS_GAMES = 5000
WARM_UP_ROUNDS = 3
"""For each page, before the measurement begins: a login, a consent, the first game."""
START_SECONDS = 180.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """What one worker did in a while."""

    rounds: int
    seconds: float
    cpu_seconds: float
    """Of the worker, Playwright and the browser together."""
    browser_bytes: int

    def per_minute(self) -> float:
        return 60 * self.rounds / self.seconds

    def to_dict(self) -> dict[str, float]:
        return {
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            "rounds_per_minute": round(self.per_minute(), 1),
            "cpu_seconds_per_round": round(self.cpu_seconds / max(1, self.rounds), 3),
            "browser_mib": self.browser_bytes >> 20,
        }


def bench_crawl(
    *, pages: int = DEFAULT_PAGES, seconds: float = 60, sweep: Sequence[int] = ()
) -> dict[str, Any]:
    """Rounds per minute and core of both schedules with `pages` pages, and their ratio.

    `sweep` measures ours with other numbers of pages as well.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as directory, _playground() as url:
        job = _job(url, Path(directory))
        ours = _measure(replace(job, pages=pages), seconds)
        baseline = _measure(replace(job, pages=pages, schedule=ORIGINAL), seconds)
        others = {str(count): _measure(replace(job, pages=count), seconds) for count in sweep}
    return {
        "name": "crawl",
        "ours": round(ours.per_minute() / cpus, 2),
        "baseline": round(baseline.per_minute() / cpus, 2),
        "ratio": round(ours.per_minute() / baseline.per_minute(), 2),
        "unit": UNIT,
        "cpus": cpus,
        "pages": pages,
        "details": {"ours": ours.to_dict(), "baseline": baseline.to_dict()},
        "sweep": {count: measured.to_dict() for count, measured in others.items()},
    }


def _job(url: str, directory: Path) -> GameJob:
    return GameJob(
        directory=directory,
        writer="bench",
        site=Site(base_url=url),
        account=PLAYGROUND_ACCOUNT,
        user_agent=user_agent("", loopback=True),
        pages=DEFAULT_PAGES,
        session=directory / "session.json",
        queue=Queue(directory),
    )


def _measure(job: GameJob, seconds: float) -> Measured:
    """Lets a worker play in a directory and a process of its own, and watches it for a while."""
    directory = Path(tempfile.mkdtemp(dir=job.directory))
    queue = Queue(directory)
    frontier: Any = queue.frontier()
    frontier.add([NewTask(f"game-{number:06d}") for number in range(ENDLESS_GAMES)])
    frontier.close()
    here = replace(job, directory=directory, queue=queue, session=directory / "session.json")
    with _running(_work, here) as (process, reports):
        _wait_for(directory, WARM_UP_ROUNDS * job.pages, process)
        before, began_at = count_captures(directory), time.monotonic()
        cpu = _cpu_seconds(process)
        time.sleep(seconds)
        rounds = count_captures(directory) - before
        spent, took = _cpu_seconds(process) - cpu, time.monotonic() - began_at
        size = 0
        while reports.poll():
            size = reports.recv()
    if not rounds:
        raise WorkError("bench crawl: no round was played; is another crawl using the machine?")
    return Measured(rounds, took, spent, size)


def _wait_for(directory: Path, captures: int, process: psutil.Process) -> None:
    end = time.monotonic() + START_SECONDS
    while count_captures(directory) < captures:
        if time.monotonic() > end or not process.is_running():
            raise WorkError("bench crawl: the worker did not start; try `lostfound crawl game`")
        time.sleep(POLL_SECONDS)


def _cpu_seconds(root: psutil.Process) -> float:
    """CPU time of a process tree, with that of descendants that have ended."""
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
            total += times.children_user + times.children_system
    return total


@contextmanager
def _running(
    target: Callable[..., None], *arguments: Any
) -> Iterator[tuple[psutil.Process, Connection]]:
    """A process that sends something now and then; it is ended with the block."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(sender, *arguments), daemon=True)
    process.start()
    try:
        yield psutil.Process(process.pid), receiver
    finally:
        process.terminate()
        process.join()


@contextmanager
def _playground() -> Iterator[str]:
    with _running(_serve) as (_, addresses):
        yield addresses.recv()


def _serve(sender: Connection) -> None:
    from crawler.playground.server import serve

    async def run() -> None:
        async with serve() as server:
            sender.send(server.url)
            await asyncio.Event().wait()

    asyncio.run(run())


def _work(sender: Connection, job: GameJob) -> None:
    worker = job.worker()

    async def run() -> None:
        report = asyncio.create_task(tell())
        await worker.run()
        report.cancel()

    async def tell() -> None:
        while True:
            await asyncio.sleep(1)
            sender.send(worker.stats().browser_bytes)

    asyncio.run(run())
