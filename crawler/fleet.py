"""Workers as Ray actors: one browser and one writer each; a dead one is replaced."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from crawler.game.spider import GameJob
from shards.errors import LostFoundError, WorkError
from shards.fanout import ensure_ray

POLL_SECONDS = 0.5
STOP_SECONDS = 30.0
MAX_REPLACEMENTS = 3
"""For each worker; one that dies more often is not killed by accident."""


def run_fleet(jobs: Sequence[GameJob], on_poll: Callable[[], None]) -> int:
    """Runs every job in an actor of its own; returns how many dead actors were replaced.

    Calls `on_poll` about twice a second. On KeyboardInterrupt, SIGTERM or an error all actors
    are stopped before it is raised here: no browser stays, and segments stay resumable.
    """
    ensure_ray()
    # Ray tells of dead actors on stdout, where the command's summary belongs.
    with redirect_stdout(sys.stderr), _sigterm_interrupts():
        fleet = _Fleet(jobs)
        try:
            fleet.watch(on_poll)
        finally:
            fleet.end()
        return fleet.replacements


class _Fleet:
    def __init__(self, jobs: Sequence[GameJob]) -> None:
        self.replacements = 0
        self._deaths = dict.fromkeys((job.writer for job in jobs), 0)
        self._actors: dict[str, Any] = {}
        self._runs: dict[Any, GameJob] = {}
        for job in jobs:
            self._start(job)

    def _start(self, job: GameJob) -> None:
        actor = _actor_class().remote(job)
        self._actors[job.writer] = actor
        self._runs[actor.run.remote()] = job

    def watch(self, on_poll: Callable[[], None]) -> None:
        """Returns when every worker has come to its end."""
        import ray

        while self._runs:
            done, _ = ray.wait(list(self._runs), num_returns=1, timeout=POLL_SECONDS)
            for run in done:
                self._finished(run, self._runs.pop(run))
            on_poll()

    def _finished(self, run: Any, job: GameJob) -> None:
        import ray

        try:
            ray.get(run)
        except ray.exceptions.RayActorError as error:
            self._deaths[job.writer] += 1
            if self._deaths[job.writer] > MAX_REPLACEMENTS:
                text = " ".join(str(error).split())[:300]
                raise WorkError(
                    f"worker {job.writer} died {MAX_REPLACEMENTS + 1} times ({text});"
                    " run the same command again to continue"
                ) from None
            self.replacements += 1
            self._start(job)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, LostFoundError):
                raise cause from None
            raise

    def end(self) -> None:
        """Stops what still runs, then ends all actors."""
        import ray

        runs = {job.writer: run for run, job in self._runs.items()}
        with suppress(ray.exceptions.RayError, ValueError):
            stops = [self._actors[writer].stop.remote() for writer in runs]
            everything = [*stops, *runs.values()]
            if everything:
                ray.wait(everything, num_returns=len(everything), timeout=STOP_SECONDS)
        for actor in self._actors.values():
            with suppress(ray.exceptions.RayError, ValueError):
                ray.kill(actor)


def _actor_class() -> Any:
    import ray

    from crawler.worker import GameWorker

    # `stop` must be heard while `run` runs: an actor with coroutine methods is asynchronous.
    return ray.remote(num_cpus=1, max_restarts=0)(GameWorker)


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
