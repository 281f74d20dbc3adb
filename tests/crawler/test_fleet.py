"""The fleet on a real Ray: it grows and shrinks, replaces the dead, and ends when all is done."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from crawler.crawl import CrawlPlan, CrawlSummary, WallError, run_crawl, scale
from crawler.fleet import WorkerActor
from crawler.frontier import NewTask, SqliteFrontier
from crawler.queue import Queue
from crawler.reasons import FailReason
from crawler.stats import WorkerStats
from shards.errors import UsageError, WorkError
from shards.segment import read_segment
from tests.crawler.counting import CountingJob

pytestmark = pytest.mark.usefixtures("ray_cluster")


def tasks(count: int) -> list[NewTask]:
    return [NewTask(f"task-{n:03d}") for n in range(count)]


def crawl(job: CountingJob, count: int, workers: int = 2, **options: object) -> CrawlSummary:
    plan = CrawlPlan(job=job, tasks=tasks(count), address="nowhere", **options)  # type: ignore[arg-type]
    return run_crawl(plan, workers=workers)


def keys(directory: Path) -> list[str]:
    return sorted(s.key for path in directory.glob("*.tar") for s in read_segment(path))


def test_a_killed_worker_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    summary = crawl(CountingJob(tmp_path, Queue(tmp_path), dies_at="task-010"), 40)
    assert (summary.tasks, summary.captures, summary.workers_replaced) == (40, 40, 1)
    assert keys(tmp_path) == [task.id for task in tasks(40)]
    again = crawl(CountingJob(tmp_path, Queue(tmp_path)), 45, workers=1)
    assert (again.new_captures, again.captures) == (5, 45)


def test_it_grows_and_shrinks_while_it_runs(tmp_path: Path) -> None:
    seen: list[set[str]] = []

    def watch(stats: Sequence[WorkerStats], _: SqliteFrontier) -> None:
        live = {each.writer for each in stats if each.state == "working"}
        if live and (not seen or seen[-1] != live):
            seen.append(live)
        if len(live) == 1 and len(seen) < 3:
            scale(tmp_path, 3)
        elif len(live) == 3:
            scale(tmp_path, 1)

    job = CountingJob(tmp_path, Queue(tmp_path), pause=0.05)
    summary = crawl(job, 400, workers=1, watches=(watch,))
    assert summary.captures == 400
    sizes = [len(live) for live in seen]
    assert 3 in sizes, seen
    assert 1 in sizes[sizes.index(3) :], seen


def test_workers_without_room_are_not_waited_for(tmp_path: Path) -> None:
    job = CountingJob(tmp_path, Queue(tmp_path), needs=(("CPU", 1.5),))
    assert crawl(job, 10, workers=3).captures == 10


def test_a_wall_ends_the_run_with_its_own_exit_code(tmp_path: Path) -> None:
    job = CountingJob(tmp_path, Queue(tmp_path))
    plan = CrawlPlan(job=job, tasks=[*tasks(3), NewTask("wall"), *tasks(9)], address="there")
    with pytest.raises(WallError, match=r"there: a CAPTCHA; the crawl has ended") as stop:
        run_crawl(plan, workers=1)
    assert stop.value.exit_code == 3
    with SqliteFrontier(tmp_path / "frontier.sqlite") as frontier:
        assert frontier.failures() == {FailReason.WALL: 1}


def test_a_watch_ends_the_run_and_what_was_fetched_stays(tmp_path: Path) -> None:
    def watch(stats: Sequence[WorkerStats], _: SqliteFrontier) -> None:
        if sum(each.captures for each in stats) >= 5:
            raise WorkError("too many blank pictures")

    job = CountingJob(tmp_path, Queue(tmp_path))
    with pytest.raises(WorkError, match="blank"):
        crawl(job, 500, watches=(watch,))
    rest = crawl(job, 500)
    assert rest.captures == 500
    assert rest.new_captures < 500


def test_scale_wants_a_crawl(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        scale(tmp_path, 0)
    with pytest.raises(UsageError, match="start a crawl first"):
        scale(tmp_path / "none", 2)


def test_an_answer_stays_as_it_was_while_the_worker_counts_on(tmp_path: Path) -> None:
    actor = WorkerActor(CountingJob(tmp_path, Queue(tmp_path)), None)
    counted = actor._worker.stats()
    answer = asyncio.run(actor.stats())
    counted.quality.repeated += 1
    counted.quality.places["NO"] += 1
    counted.failed["http"] += 1
    assert answer == WorkerStats("count")
