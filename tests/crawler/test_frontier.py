"""The frontier: no task is lost, none is leased twice, and a game has one owner."""

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from crawler.frontier import FailReason, SqliteFrontier, TaskState
from shards.errors import UsageError, WorkError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def frontier(tmp_path: Path, clock: Clock) -> SqliteFrontier:
    return SqliteFrontier(tmp_path / "frontier.sqlite", max_attempts=2, clock=clock)


def test_leases_in_order_and_finishes(frontier: SqliteFrontier) -> None:
    frontier.add(["a", "b"])
    frontier.add(["b", "c"])
    assert [task.id for _ in range(3) if (task := frontier.lease("w", 60))] == ["a", "b", "c"]
    assert frontier.lease("w", 60) is None
    frontier.done("a", "well")
    frontier.failed("b", FailReason.START, "no game")
    assert frontier.unfinished() == 1
    assert frontier.counts() == {
        TaskState.PENDING: 0,
        TaskState.LEASED: 1,
        TaskState.DONE: 1,
        TaskState.FAILED: 1,
    }
    assert frontier.failures() == {"start": 1}
    assert frontier.details() == {"start": "no game"}


def test_an_expired_lease_returns_until_the_attempts_are_used_up(
    frontier: SqliteFrontier, clock: Clock
) -> None:
    frontier.add(["a"])
    assert frontier.lease("w1", 60)
    clock.now += 59
    assert frontier.lease("w2", 60) is None
    assert frontier.renew("a", "w1", 60)
    clock.now += 59
    assert frontier.lease("w2", 60) is None
    clock.now += 2
    task = frontier.lease("w2", 60)
    assert task is not None
    assert task.attempts == 2
    assert not frontier.renew("a", "w1", 60)
    clock.now += 61
    assert frontier.lease("w1", 60) is None
    assert frontier.failures() == {"lease_expired": 1}


def test_put_back_waits_and_ends(frontier: SqliteFrontier, clock: Clock) -> None:
    frontier.add(["a"])
    frontier.lease("w", 60)
    assert frontier.put_back("a", FailReason.RATE_LIMITED, delay=40) is TaskState.PENDING
    assert frontier.lease("w", 60) is None
    assert frontier.unfinished() == 1
    clock.now += 40
    assert frontier.lease("w", 60)
    assert frontier.put_back("a", FailReason.RATE_LIMITED) is TaskState.FAILED


def test_release_does_not_count_as_an_attempt(frontier: SqliteFrontier) -> None:
    frontier.add(["a", "b"])
    for _ in range(5):
        assert frontier.lease("w", 60)
        frontier.release("a")
    frontier.lease("w1", 60)
    frontier.lease("w2", 60)
    frontier.release_owner("w1")
    task = frontier.lease("w3", 60)
    assert task is not None
    assert task.id == "a"
    assert frontier.lease("w3", 60) is None


def test_claims_are_unique_both_ways(frontier: SqliteFrontier) -> None:
    frontier.add(["a", "b"])
    assert frontier.claim("game", "a")
    assert frontier.claim("game", "a")
    assert not frontier.claim("game", "b")
    assert not frontier.claim("other", "a")
    assert frontier.claim("other", "b")


def test_begun_tasks_are_leased_first(frontier: SqliteFrontier) -> None:
    frontier.add(["a", "b"])
    frontier.claim("game", "b")
    task = frontier.lease("w", 60)
    assert task is not None
    assert (task.id, task.item) == ("b", "game")


def test_a_new_run_takes_up_what_the_last_one_left(frontier: SqliteFrontier) -> None:
    frontier.begin_run(["a", "b", "c", "d"])
    for _ in range(3):
        frontier.lease("dead", 1e9)
    frontier.done("a")
    frontier.failed("b", FailReason.ROUND)
    frontier.claim("game", "d")
    frontier.begin_run(["a", "b", "x"])
    assert frontier.counts()[TaskState.DONE] == 1
    leased = [task.id for _ in range(4) if (task := frontier.lease("w", 60))]
    assert leased == ["d", "b", "x"]


def test_refuses_a_newer_file_and_explains_a_damaged_one(
    frontier: SqliteFrontier, tmp_path: Path
) -> None:
    frontier.close()
    path = tmp_path / "frontier.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(UsageError, match="frontier version 9"):
        SqliteFrontier(path)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(WorkError, match="delete it and run again"):
        SqliteFrontier(path)


def _take_all(path: Path, owner: str) -> list[tuple[str, bool]]:
    with SqliteFrontier(path) as frontier:
        taken = []
        while task := frontier.lease(owner, 60):
            taken.append((task.id, frontier.claim("the one game", task.id)))
            frontier.done(task.id)
        return taken


def test_processes_share_it(tmp_path: Path) -> None:
    path = tmp_path / "frontier.sqlite"
    names = [f"task-{n:03d}" for n in range(120)]
    with SqliteFrontier(path) as frontier:
        frontier.add(names)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        lists = pool.starmap(_take_all, [(path, f"w{n}") for n in range(3)])
    taken = [item for items in lists for item in items]
    assert sorted(name for name, _ in taken) == names
    assert sum(claimed for _, claimed in taken) == 1
