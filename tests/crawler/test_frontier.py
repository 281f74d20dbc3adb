"""The frontier: one suite over both backends. No task is lost, none is leased twice."""

import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from crawler.frontier import (
    FILE_NAME,
    Frontier,
    Item,
    NewTask,
    SqliteFrontier,
    TaskState,
    payload_text,
)
from crawler.reasons import TRANSIENT, FailReason, parse_reasons
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
def sqlite_frontier(tmp_path: Path, clock: Clock) -> SqliteFrontier:
    return SqliteFrontier(tmp_path / FILE_NAME, max_attempts=2, clock=clock)


@pytest.fixture(params=["sqlite", "ray"])
def frontier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Frontier]:
    if request.param == "sqlite":
        with SqliteFrontier(tmp_path / FILE_NAME) as made:
            yield made
        return
    request.getfixturevalue("ray_cluster")
    import ray

    from crawler.frontier_actor import RayFrontier, start_owner

    owner = start_owner(tmp_path)
    client = RayFrontier(owner)
    yield client
    client.close()
    ray.kill(owner)


def tasks(*names: str) -> list[NewTask]:
    return [NewTask(name) for name in names]


def leased(frontier: Frontier, count: int, owner: str = "w") -> list[str]:
    return [task.id for _ in range(count) if (task := frontier.lease(owner, 60))]


def test_leases_in_order_and_finishes(frontier: Frontier) -> None:
    frontier.add(tasks("a", "b"))
    frontier.add(tasks("b", "c"))
    assert leased(frontier, 4) == ["a", "b", "c"]
    frontier.done("a", "well")
    frontier.failed("b", "another", FailReason.START)
    frontier.failed("b", "w", FailReason.START, "no game")
    assert frontier.unfinished() == 1
    assert frontier.renew("c", "w", 60)
    assert not frontier.renew("c", "another", 60)
    assert not frontier.renew("a", "w", 60)


def test_a_task_carries_what_is_to_be_fetched(frontier: Frontier) -> None:
    payload = payload_text({"west": -1.5, "name": "Ærø"})
    frontier.add([NewTask("cell", payload)])
    task = frontier.lease("w", 60)
    assert task is not None
    assert (task.payload, task.attempts, task.item) == (payload, 1, "")


def test_children_appear_with_their_parents_end_and_at_its_place(frontier: Frontier) -> None:
    frontier.add(tasks("a", "b"))
    assert leased(frontier, 1) == ["a"]
    frontier.done("a", children=[NewTask("a2", "{}"), NewTask("a1", "{}")])
    frontier.done("a", children=[NewTask("a2", "other")])
    assert leased(frontier, 4) == ["a1", "a2", "b"]


def test_an_expired_lease_comes_back(frontier: Frontier) -> None:
    frontier.add(tasks("a"))
    assert frontier.lease("dead", 0)
    time.sleep(0.01)
    task = frontier.lease("w", 60)
    assert task is not None
    assert task.attempts == 2


def test_put_back_waits_and_ends(frontier: Frontier) -> None:
    frontier.add(tasks("a", "b"))
    assert leased(frontier, 1) == ["a"]
    assert frontier.put_back("a", "w", FailReason.RATE_LIMITED, delay=600) is TaskState.PENDING
    assert leased(frontier, 2) == ["b"]
    for _ in range(4):
        assert frontier.put_back("b", "w", FailReason.BROWSER) is TaskState.PENDING
        assert leased(frontier, 1) == ["b"]
    assert frontier.put_back("b", "another", FailReason.BROWSER) is None
    assert frontier.put_back("b", "w", FailReason.BROWSER) is TaskState.FAILED
    assert frontier.unfinished() == 1


def test_release_does_not_count_as_an_attempt(frontier: Frontier) -> None:
    frontier.add(tasks("a", "b"))
    for _ in range(7):
        assert frontier.lease("w", 60)
        frontier.release("a", "another")
        frontier.release("a", "w")
    frontier.lease("w1", 60)
    frontier.lease("w2", 60)
    frontier.release_owner("w1")
    assert leased(frontier, 2, "w3") == ["a"]


def test_claims_are_unique_both_ways(frontier: Frontier) -> None:
    frontier.add(tasks("a", "b"))
    assert frontier.claim("game", "a")
    assert frontier.claim("game", "a")
    assert not frontier.claim("game", "b")
    assert not frontier.claim("other", "a")
    assert frontier.claim("other", "b")


def test_begun_tasks_are_leased_first(frontier: Frontier) -> None:
    frontier.add(tasks("a", "b"))
    frontier.claim("game", "b")
    task = frontier.lease("w", 60)
    assert task is not None
    assert (task.id, task.item) == ("b", "game")


def test_an_item_belongs_to_the_first_task_that_asks(frontier: Frontier) -> None:
    items = [Item("x"), Item("y")]
    assert frontier.admit(items, "a") == {"x", "y"}
    assert frontier.admit(items, "a") == {"x", "y"}
    assert frontier.admit([*items, Item("z")], "b") == {"z"}
    frontier.disown(["x", "z"], "a")
    assert frontier.admit([*items, Item("z")], "b") == {"x", "z"}


def test_items_are_bounded_by_bucket_and_in_all(frontier: Frontier) -> None:
    crowd = [Item(f"crowd-{n}", "cell") for n in range(5)]
    assert len(frontier.admit(crowd, "a", per_bucket=2)) == 2
    assert frontier.admit([Item("free"), Item("other", "cell 2")], "b", per_bucket=2) == {
        "free",
        "other",
    }
    assert len(frontier.admit([Item(f"n{n}") for n in range(9)], "c", per_bucket=2, total=6)) == 2
    frontier.disown(["crowd-0"], "a")
    assert frontier.admit([Item("crowd-9", "cell")], "c", per_bucket=2, total=6) == {"crowd-9"}
    assert len(frontier.admit(crowd, "a", per_bucket=2, total=6)) == 1


def test_attempts_are_used_up_by_expiry_too(sqlite_frontier: SqliteFrontier, clock: Clock) -> None:
    sqlite_frontier.add(tasks("a"))
    assert sqlite_frontier.lease("w1", 60)
    clock.now += 59
    assert sqlite_frontier.lease("w2", 60) is None
    assert sqlite_frontier.renew("a", "w1", 60)
    clock.now += 59
    assert sqlite_frontier.lease("w2", 60) is None
    clock.now += 2
    assert sqlite_frontier.lease("w2", 60)
    assert not sqlite_frontier.renew("a", "w1", 60)
    clock.now += 61
    assert sqlite_frontier.lease("w1", 60) is None
    assert sqlite_frontier.failures() == {"lease_expired": 1}
    assert sqlite_frontier.oldest() == {TaskState.FAILED: clock.now}


def test_a_new_run_takes_up_what_the_last_one_left(sqlite_frontier: SqliteFrontier) -> None:
    frontier = sqlite_frontier
    frontier.add(tasks("a", "b", "c", "d", "e", "f"))
    leased(frontier, 3, "dead")
    frontier.done("a")
    frontier.failed("b", "dead", FailReason.ROUND)
    leased(frontier, 2, "dead")
    frontier.failed("e", "dead", FailReason.NOT_FOUND)
    frontier.claim("game", "d")
    frontier.add(tasks("x"))
    frontier.add(tasks("other kind"))
    frontier.drop_unbegun("", ["b", "e", "x", "other kind"])
    frontier.drop_unbegun("other", [])
    frontier.begin_run()
    assert frontier.counts() == {
        TaskState.PENDING: 3,
        TaskState.LEASED: 0,
        TaskState.DONE: 1,
        TaskState.FAILED: 1,
    }
    assert frontier.failures() == {"not_found": 1}
    assert leased(frontier, 4) == ["d", "b", "x"]
    frontier.begin_run([FailReason.NOT_FOUND])
    frontier.reopen(["a"])
    assert leased(frontier, 9) == ["d", "a", "b", "e", "x"]


def test_reasons_are_a_closed_list() -> None:
    assert parse_reasons("not_found, timeout") == {FailReason.NOT_FOUND, FailReason.TIMEOUT}
    assert parse_reasons("all") == set(FailReason)
    assert FailReason.NOT_FOUND not in TRANSIENT
    with pytest.raises(UsageError, match="known are all, unreachable"):
        parse_reasons("bad luck")


def test_refuses_a_newer_file_and_explains_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(UsageError, match=r"frontier version 9.*update lostfound"):
        SqliteFrontier(path)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(WorkError, match="delete it and run again"):
        SqliteFrontier(path)


def test_a_file_of_the_first_release_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE tasks (id TEXT PRIMARY KEY); CREATE TABLE claims (item TEXT PRIMARY KEY);"
        "PRAGMA user_version = 1;"
    )
    db.close()
    with SqliteFrontier(path) as frontier:
        frontier.add(tasks("a"))
        assert leased(frontier, 1) == ["a"]


SECOND = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, position INTEGER NOT NULL, payload TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '', changed_at REAL NOT NULL DEFAULT 0,
    expires_at REAL NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX tasks_by_state ON tasks (state, position, id);
CREATE TABLE claims (claimed TEXT PRIMARY KEY, task_id TEXT NOT NULL UNIQUE) WITHOUT ROWID;
CREATE TABLE items (
    key TEXT PRIMARY KEY, task_id TEXT NOT NULL, bucket TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE tally (bucket TEXT PRIMARY KEY, admitted INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tasks (id, position, state) VALUES
    ('a', 1, 'pending'), ('b', 2, 'pending'), ('c', 3, 'done'), ('d', 4, 'leased');
INSERT INTO claims VALUES ('game', 'b'), ('other', 'later');
PRAGMA user_version = 2;
"""
"""What the second release left."""


def test_a_file_of_the_second_release_goes_on(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    db = sqlite3.connect(path)
    db.executescript(SECOND)
    db.close()
    before = path.read_bytes()
    with SqliteFrontier(path, read_only=True) as seen:
        assert [*seen.counts().values()] == [2, 1, 1, 0]
    assert path.read_bytes() == before
    with SqliteFrontier(path) as frontier:
        assert [*frontier.counts().values()] == [2, 1, 1, 0]
        frontier.begin_run()
        frontier.add(tasks("e", "later"))
        assert leased(frontier, 9) == ["b", "later", "a", "d", "e"]


def test_states_are_counted_as_they_change(sqlite_frontier: SqliteFrontier, clock: Clock) -> None:
    frontier = sqlite_frontier
    random = Random(0)
    names = [f"t{number}" for number in range(12)]
    for step in range(400):
        name, owner = random.choice(names), random.choice("vw")
        frontier.add(tasks(name))
        if step % 7 == 0:
            frontier.lease(owner, random.choice((1.0, 60.0)))
        act: list[Callable[[], object]] = [
            lambda: frontier.lease(owner, 60),  # noqa: B023 - called at once
            lambda: frontier.release(name, owner),  # noqa: B023
            lambda: frontier.release_owner(owner),  # noqa: B023
            lambda: frontier.claim(f"game {name}", name),  # noqa: B023
            lambda: frontier.done(name, children=tasks(f"{name}'s")),  # noqa: B023
            lambda: frontier.failed(name, owner, FailReason.START),  # noqa: B023
            lambda: frontier.put_back(name, owner, FailReason.BROWSER),  # noqa: B023
            lambda: frontier.reopen([name]),  # noqa: B023
            lambda: frontier.begin_run(),
            lambda: frontier.drop_unbegun("t1", ["t11"]),
        ]
        random.choice(act)()
        clock.now += 5
        rows = dict(frontier._all("SELECT state, count(*) FROM tasks GROUP BY state"))
        assert {state: n for state, n in frontier.counts().items() if n} == rows
        begun = frontier._all("SELECT id FROM tasks WHERE begun ORDER BY id")
        claimed = "SELECT id FROM tasks WHERE id IN (SELECT task_id FROM claims) ORDER BY id"
        assert begun == frontier._all(claimed)


SHORT = "SCAN tasks USING INDEX tasks_by_reason"
"""Those that failed."""
LONG = ("SCAN tasks", "SCAN claims", "SCAN items", "USE TEMP B-TREE")


def test_nothing_that_is_asked_often_looks_at_all_tasks(sqlite_frontier: SqliteFrontier) -> None:
    """By SQLite's own plan of every statement that workers and polls cause."""
    seen: list[str] = []
    db = sqlite_frontier._file.db
    db.set_trace_callback(seen.append)
    sqlite_frontier.add(tasks("a", "b"))
    sqlite_frontier.lease("w", 60)
    sqlite_frontier.claim("game", "a")
    sqlite_frontier.renew("a", "w", 60)
    sqlite_frontier.admit([Item("x", "cell")], "a", per_bucket=2, total=9)
    sqlite_frontier.disown(["x"], "a")
    sqlite_frontier.put_back("a", "w", FailReason.BROWSER)
    sqlite_frontier.release("a", "w")
    sqlite_frontier.release_owner("w")
    sqlite_frontier.failed("a", "w", FailReason.START)
    sqlite_frontier.done("a", children=tasks("c"))
    sqlite_frontier.unfinished()
    sqlite_frontier.failures()
    db.set_trace_callback(None)
    statements = [
        text for text in seen if text.startswith(("SELECT", "UPDATE", "INSERT", "DELETE"))
    ]
    assert len(statements) > 20
    for text in statements:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}")]
        slow = [step for step in plan if step.startswith(LONG) and step != SHORT]
        assert not slow, (text, plan)


def _take_all(path: Path, owner: str) -> list[tuple[str, bool]]:
    with SqliteFrontier(path) as frontier:
        taken = []
        while task := frontier.lease(owner, 60):
            taken.append((task.id, bool(frontier.admit([Item("the one item")], task.id))))
            frontier.done(task.id)
        return taken


def _open_new(path: Path, owner: str) -> list[tuple[str, bool]]:
    with SqliteFrontier(path) as frontier:
        frontier.add(tasks(owner))
    return []


@pytest.mark.parametrize("work", [_take_all, _open_new])
def test_processes_share_it(
    tmp_path: Path, work: Callable[[Path, str], list[tuple[str, bool]]]
) -> None:
    path = tmp_path / FILE_NAME
    names = [f"task-{n:03d}" for n in range(120)]
    if work is _take_all:
        with SqliteFrontier(path) as frontier:
            frontier.add(tasks(*names))
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        lists = pool.starmap(work, [(path, f"w{n}") for n in range(3)])
    with SqliteFrontier(path) as frontier:
        assert sum(frontier.counts().values()) == (120 if work is _take_all else 3)
    if work is _take_all:
        taken = [item for items in lists for item in items]
        assert sorted(name for name, _ in taken) == names
        assert sum(admitted for _, admitted in taken) == 1
