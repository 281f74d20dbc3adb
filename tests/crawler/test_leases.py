"""What one worker has leased: kept while it works, lost to another, given back."""

import asyncio
import threading
from pathlib import Path

import pytest

from crawler.frontier import NewTask, SqliteFrontier, TaskState
from crawler.leases import Leases, first_error


@pytest.fixture
def frontier(tmp_path: Path) -> SqliteFrontier:
    frontier = SqliteFrontier(tmp_path / "frontier.sqlite")
    frontier.add([NewTask("a"), NewTask("b")])
    return frontier


def test_an_earlier_life_gives_back_what_it_had(frontier: SqliteFrontier) -> None:
    assert frontier.lease("worker", 3600) is not None
    with Leases(frontier, "worker"):
        assert frontier.counts()[TaskState.PENDING] == 2


def test_what_another_worker_has_by_now_is_not_given_back(frontier: SqliteFrontier) -> None:
    async def run() -> None:
        with Leases(frontier, "worker") as leases:
            task = await leases.lease()
            assert task is not None
            frontier.release_owner("worker")
            assert (again := frontier.lease("another", 3600)) is not None
            assert again.id == task.id
            await leases.release(task.id)
            assert frontier.renew(task.id, "another", 3600)

    asyncio.run(run())


def test_only_work_on_a_lost_task_is_cancelled(
    frontier: SqliteFrontier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        with Leases(frontier, "worker") as leases:
            tasks = [await leases.lease(), await leases.lease()]
            running = {task.id: asyncio.create_task(asyncio.sleep(60)) for task in tasks if task}
            frontier.release("a", "worker")
            keeping = asyncio.create_task(leases.keep(running))
            await asyncio.wait([running["a"]], timeout=30)
            assert running["a"].cancelled()
            assert not running["b"].done()
            for task in (keeping, running["b"]):
                task.cancel()
            await asyncio.wait([keeping, running["b"]])

    monkeypatch.setattr("crawler.leases.RENEW_SECONDS", 0.02)
    asyncio.run(run())


def test_work_stops_where_the_frontier_cannot_be_reached(
    frontier: SqliteFrontier, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable = threading.Event()

    def renew(*_: object) -> bool:
        reachable.wait(30)
        return True

    async def run() -> None:
        with Leases(frontier, "worker") as leases:
            tasks = [await leases.lease(), await leases.lease()]
            running = {task.id: asyncio.create_task(asyncio.sleep(60)) for task in tasks if task}
            monkeypatch.setattr(frontier, "renew", renew)
            keeping = asyncio.create_task(leases.keep(running))
            await asyncio.wait(running.values(), timeout=25)
            reachable.set()
            assert all(task.cancelled() for task in running.values())
            keeping.cancel()
            await asyncio.wait([keeping])

    monkeypatch.setattr("crawler.leases.RENEW_SECONDS", 0.02)
    monkeypatch.setattr("crawler.leases.UNREACHABLE_SECONDS", 0.05)
    asyncio.run(run())


def test_the_first_error_of_nested_groups() -> None:
    inner = ExceptionGroup("inner", [ValueError("first"), KeyError("second")])
    error = first_error(ExceptionGroup("outer", [inner, TypeError("third")]))
    assert str(error) == "first"
