"""The frontier under the load of many scrapers, through the same Ray actor as on a cluster."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from crawler.frontier import FILE_NAME, NewTask, SqliteFrontier
from scale.scraper import CAPTURES, OPERATIONS, Scraper
from shards.console import progress
from shards.fanout import ensure_ray

PROCESSES = 4
"""That the scrapers are spread over, as threads."""
BATCH = 100_000
GAME_SECONDS = 60.0
"""From one task of a scraper to the next, where they are not as fast as they can."""


def fill(directory: Path, tasks: int) -> dict[str, Any]:
    """Gives a new frontier so many tasks, as a crawl does at its start."""
    begin = time.perf_counter()
    with (
        SqliteFrontier(directory / FILE_NAME) as frontier,
        progress("tasks", -(-tasks // BATCH)) as advance,
    ):
        for first in range(0, tasks, BATCH):
            frontier.add(NewTask(f"game-{n:09d}") for n in range(first, min(tasks, first + BATCH)))
            advance()
    seconds = time.perf_counter() - begin
    size = sum(file.stat().st_size for file in directory.glob(f"{FILE_NAME}*"))
    return {
        "tasks": tasks,
        "captures": tasks * CAPTURES,
        "add_tasks_per_second": round(tasks / seconds),
        "bytes_per_task": round(size / tasks),
    }


def measure_load(directory: Path, scrapers: int, seconds: float, pause: float) -> dict[str, Any]:
    """Operations per second, and how long scrapers wait for an answer.

    `pause`: seconds between two tasks of one scraper; 0: each asks as soon as it has its answer.
    """
    import ray

    with owner(directory) as actor:
        begin = time.perf_counter()
        # One that dies has lost its part of the load: the measurement ends rather than lies.
        kind: Any = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(_Scrapers)
        groups = [kind.remote(actor) for _ in range(PROCESSES)]
        ray.get([group.ready.remote() for group in groups])
        begin = time.perf_counter()
        shares = [scrapers * (n + 1) // PROCESSES - scrapers * n // PROCESSES for n in range(4)]
        asked = [
            group.work.remote(f"group-{number}", share, seconds, pause)
            for number, (group, share) in enumerate(zip(groups, shares, strict=True))
        ]
        answers = _together(ray.get(asked))
        took = time.perf_counter() - begin
        memory = head_memory()
        for group in groups:
            ray.kill(group)
    everything = np.concatenate([*answers.values()])
    return {
        "scrapers": scrapers,
        "pause_seconds": pause,
        "operations": len(everything),
        "operations_per_second": round(len(everything) / took, 1),
        "captures_per_second": round(len(everything) / OPERATIONS * CAPTURES / took, 1),
        "milliseconds": {name: percentiles(found) for name, found in sorted(answers.items())},
        "memory_mb": memory,
    }


def percentiles(seconds: Any) -> dict[str, float]:
    """In milliseconds."""
    return {f"p{p}": round(float(np.percentile(seconds, p)) * 1000, 1) for p in (50, 99)}


@contextmanager
def owner(directory: Path) -> Iterator[Any]:
    """The actor that owns the frontier, as a crawl on several nodes starts it."""
    import ray

    from crawler.frontier_actor import start_owner

    ensure_ray()
    actor = start_owner(directory)
    ray.get(actor.frontier.remote("unfinished"))
    try:
        yield actor
    finally:
        ray.kill(actor)


def head_memory() -> dict[str, float]:
    """Resident megabytes of what a head runs: the frontier's actor and Ray's own processes."""
    import psutil

    names = {"FrontierOwner": "frontier", "gcs_server": "gcs", "raylet/raylet": "raylet"}
    found = dict.fromkeys(names.values(), 0.0)
    for process in psutil.Process().children(recursive=True):
        try:
            command, size = " ".join(process.cmdline()[:1]), process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended
        for part, name in names.items():
            if part in command:
                found[name] += size / 1e6
    return {name: round(size, 1) for name, size in found.items()}


def _together(groups: list[dict[str, list[float]]]) -> dict[str, Any]:
    names = {name for group in groups for name in group}
    return {
        name: np.array([one for group in groups for one in group.get(name, ())]) for name in names
    }


class _Scrapers:
    """A process of many scrapers, each a thread with connections of its own."""

    def __init__(self, actor: Any) -> None:
        self._owner = actor

    def ready(self) -> None:
        """Answers once the actor is made."""

    def work(self, name: str, count: int, seconds: float, pause: float) -> dict[str, list[float]]:
        from crawler.frontier_actor import RayBudgets, RayFrontier

        scrapers = [
            Scraper(f"{name}-{number}", RayFrontier(self._owner), RayBudgets(self._owner))
            for number in range(count)
        ]
        with ThreadPoolExecutor(max(1, count)) as pool:
            list(pool.map(lambda one: one.work(seconds, pause), scrapers))
        names = {operation for one in scrapers for operation in one.answers}
        return {
            operation: [s for one in scrapers for s in one.answers[operation]]
            for operation in names
        }
