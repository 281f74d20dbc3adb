"""The tasks of a list stay the same tasks; what changed under the same name is noticed."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.frontier import NewTask
from crawler.urls.lists import ListState, Origin, TaskRows, enlist, list_id, state_path
from shards.errors import UsageError, WorkError

HEADER = "url,lat,lon\n"


def lines(*numbers: int) -> str:
    return "".join(f"http://example.org/{number},1,2\n" for number in numbers)


class Lists:
    """One list, `raw/urls` beside it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "list.csv"
        self.directory = folder / "raw"
        self.directory.mkdir()

    def write(self, *numbers: int) -> None:
        self.path.write_text(HEADER + lines(*numbers))

    def enlist(self, **options: object) -> tuple[ListState, list[NewTask]]:
        origin = Origin(id=list_id(str(self.path)), name="list.csv", path=self.path)
        state, tasks = enlist(self.directory, origin, task_rows=2, **options)  # type: ignore[arg-type]
        return state, list(tasks)

    def urls(self, tasks: Sequence[NewTask]) -> list[int]:
        rows = TaskRows(self.directory)
        found = [row for task in tasks for row in rows.read(json.loads(task.payload))]
        return [int(row.url.rpartition("/")[2]) for row in found]


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    return Lists(tmp_path)


def test_the_same_list_gives_the_same_tasks(lists: Lists) -> None:
    lists.write(0, 1, 2, 3, 4)
    state, tasks = lists.enlist()
    assert state.rows == 5
    assert len({task.id for task in tasks}) == 3
    assert lists.urls(tasks) == [0, 1, 2, 3, 4]
    assert lists.enlist()[1] == tasks


def test_a_list_that_grew_needs_follow_and_moves_no_task(lists: Lists) -> None:
    lists.write(0, 1, 2)
    _, before = lists.enlist()
    lists.write(0, 1, 2, 3, 4, 5)
    with pytest.raises(UsageError, match="has 3 more rows than before; --follow takes them"):
        lists.enlist()
    state, tasks = lists.enlist(follow=True)
    assert tasks[: len(before)] == before
    assert lists.urls(tasks[len(before) :]) == [3, 4, 5]
    assert state.rows == 6
    assert lists.enlist()[1] == tasks
    lists.write(0, 1, 2, 3, 4, 5, 6)
    assert lists.enlist(follow=True)[1][: len(tasks)] == tasks


@pytest.mark.parametrize("numbers", [(0, 9, 2), (0, 1), (0, 9, 2, 3), (1, 2)])
def test_other_changes_are_refused(lists: Lists, numbers: Sequence[int]) -> None:
    lists.write(0, 1, 2)
    lists.enlist()
    lists.write(*numbers)
    for follow in (False, True):
        with pytest.raises(UsageError, match="have changed"):
            lists.enlist(follow=follow)


def test_a_last_row_that_went_on_is_a_change(lists: Lists) -> None:
    lists.path.write_text(HEADER + "http://example.org/1,1,2")
    lists.enlist()
    lists.path.write_text(HEADER + "http://example.org/1,1,22\n")
    with pytest.raises(UsageError, match="have changed"):
        lists.enlist(follow=True)


def test_parquet_lists_grow_too(lists: Lists) -> None:
    def write(count: int, first: str = "http://example.org/0") -> None:
        urls = [first, *(f"http://example.org/{number}" for number in range(1, count))]
        table = pa.table({"url": urls, "lat": [1.0] * count, "lon": [2.0] * count})
        pq.write_table(table, lists.path, row_group_size=2)

    write(3)
    _, before = lists.enlist()
    write(6)
    _, tasks = lists.enlist(follow=True)
    assert tasks[: len(before)] == before
    assert lists.urls(tasks) == [0, 1, 2, 3, 4, 5]
    write(6, first="http://example.org/9")
    with pytest.raises(UsageError, match="have changed"):
        lists.enlist(follow=True)


def test_a_limit_that_is_raised_later(lists: Lists) -> None:
    lists.write(0, 1, 2, 3, 4, 5)
    _, three = lists.enlist(limit=3)
    assert lists.urls(three) == [0, 1, 2]
    assert lists.enlist(limit=3)[1] == three
    state, everything = lists.enlist()
    assert state.rows == 6
    assert everything[: len(three)] == three
    assert lists.urls(everything) == [0, 1, 2, 3, 4, 5]


def test_columns_and_defaults_are_remembered(lists: Lists) -> None:
    lists.path.write_text("a,url,lat,lon\nhttp://example.org/1,http://example.org/2,1,2\n")
    state, _ = lists.enlist(columns={"url": "a"}, defaults={"license": "CC0-1.0", "author": ""})
    assert state.columns["url"] == "a"
    state, _ = lists.enlist()
    assert (state.columns["url"], state.defaults) == ("a", {"license": "CC0-1.0"})
    with pytest.raises(UsageError, match=r"was begun with the columns .*url=a"):
        lists.enlist(columns={"url": "url"})


def test_a_list_that_changes_while_it_is_read(lists: Lists) -> None:
    lists.write(0, 1, 2, 3)
    _, tasks = lists.enlist()
    lists.path.write_text(HEADER + "\n" * 60)
    with pytest.raises(WorkError, match="changed while it was read"):
        lists.urls(tasks)
    lists.path.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        lists.urls(tasks)


def test_a_damaged_state_is_said_so(lists: Lists) -> None:
    lists.write(0)
    lists.enlist()
    state_path(lists.directory, list_id(str(lists.path))).write_text("{")
    with pytest.raises(WorkError, match="restore it from a backup"):
        lists.enlist()
