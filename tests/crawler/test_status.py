"""The status comes from the files alone and changes none of them."""

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crawler.frontier import NewTask, SqliteFrontier
from crawler.reasons import FailReason
from crawler.spool import Spool
from crawler.statslog import StatsLog, to_line
from crawler.status import by_node, crawl_status, in_words
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.crawler.fleet_stats import snapshot
from tests.crawler.test_spool import capture, image

START = 1_700_000_000.0


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    """A source with tasks in every state, a sealed segment, an open one and failed items."""
    layout = DatasetLayout(tmp_path / "data")
    directory = layout.raw_source("geoguessr")
    clock = Clock()
    with SqliteFrontier(directory / "frontier.sqlite", clock=clock) as frontier:
        frontier.add(NewTask(f"t{number}") for number in range(6))
        clock.now = START + 100
        for _ in range(3):
            frontier.lease("w0", 1000)
        clock.now = START + 200
        frontier.done("t0")
        frontier.failed("t1", "w0", FailReason.WALL, "captcha")
    with Spool(directory, "w0", segment_bytes=4000) as spool:
        for number in range(5):
            spool.add(capture(number), image(number), "jpg", task_id="t0")
    with Spool(directory, "w1") as spool:
        spool.fail("gone", "t2", FailReason.NOT_FOUND)
        spool.fail("late", "t2", FailReason.TIMEOUT)
    return layout


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def test_counts_what_is_there(dataset: DatasetLayout) -> None:
    status = crawl_status(dataset, now=at(500)).sources["geoguessr"]
    assert status.tasks == {"pending": 3, "leased": 1, "done": 1, "failed": 1}
    assert status.failed_tasks == {"wall": 1}
    assert status.failed_items == {"not_found": 1, "timeout": 1}
    assert status.oldest_pending_seconds == 500
    assert status.oldest_leased_seconds == 400
    assert status.captures == 5
    tars = list(dataset.raw_source("geoguessr").glob("*.tar"))
    assert status.segments_open == sum(path.name.endswith(".open.tar") for path in tars) == 1
    assert status.segments_sealed == len(tars) - 1 > 0
    assert not status.running
    assert status.workers == {}


def test_says_what_a_running_crawl_said_last(dataset: DatasetLayout) -> None:
    log = StatsLog(dataset.raw_source("geoguessr"))
    log.append(to_line(snapshot(), at(495)))
    status = crawl_status(dataset, now=at(500)).sources["geoguessr"]
    assert status.running
    assert status.captures_per_minute == 61.5
    assert status.workers["game-1"]["captures"] == 200
    # Killed: no line since long ago. Ended: the last line says so.
    later = crawl_status(dataset, now=at(495 + 61)).sources["geoguessr"]
    assert (later.running, later.captures_per_minute) == (False, 0)
    log.append(to_line(snapshot(), at(499), running=False))
    assert not crawl_status(dataset, now=at(500)).sources["geoguessr"].running


def test_is_plain_data(dataset: DatasetLayout) -> None:
    text = json.dumps(crawl_status(dataset).to_dict(), allow_nan=False)
    assert json.loads(text)["geoguessr"]["captures"] == 5


def test_changes_nothing(dataset: DatasetLayout) -> None:
    def state() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(dataset.root.rglob("*"))
            # SQLite's own: what readers and writers of a file agree by.
            if path.is_file() and not path.name.endswith(("-shm", "-wal"))
        }

    before = state()
    crawl_status(dataset)
    assert state() == before


def test_works_beside_living_writers(dataset: DatasetLayout) -> None:
    directory = dataset.raw_source("geoguessr")
    with Spool(directory, "w0") as spool, SqliteFrontier(directory / "frontier.sqlite") as frontier:
        spool.add(capture(77), image(77), "jpg")
        frontier.done("t2")
        status = crawl_status(dataset).sources["geoguessr"]
        assert status.captures == 6
        assert status.tasks["done"] == 2
        frontier.add([NewTask("more")])


def test_many_tasks_are_counted_quickly_enough(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    path = layout.raw_source("urls") / "frontier.sqlite"
    with SqliteFrontier(path) as frontier:
        frontier.add(NewTask(f"range-{number:06d}") for number in range(20_000))
    assert crawl_status(layout).sources["urls"].tasks["pending"] == 20_000


def test_every_source_and_no_imported_folder(dataset: DatasetLayout) -> None:
    with Spool(dataset.raw_source("panoramax"), "w0") as spool:
        spool.add(capture(1), image(1), "jpg")
    dataset.raw_source("other").mkdir()
    assert list(crawl_status(dataset).sources) == ["geoguessr", "panoramax"]


def test_no_crawl_no_status(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing was crawled there"):
        crawl_status(DatasetLayout(tmp_path / "nowhere"))


def test_now_is_the_default(dataset: DatasetLayout) -> None:
    age = crawl_status(dataset).sources["geoguessr"].oldest_pending_seconds
    assert age is not None
    assert abs(age - (time.time() - START)) < timedelta(minutes=5).total_seconds()


def test_a_worker_in_a_line() -> None:
    said = {"state": "working", "captures": 1234, "browser_bytes": 3 << 30, "failed": {"round": 2}}
    assert in_words(said) == "working, 1,234 captures, browser 3,072 MiB, round 2"
    assert in_words({}) == ", 0 captures"
    assert in_words(said | {"node": "host-a"}).startswith("working, on host-a, 1,234 captures")


def test_machines_have_the_sums_of_their_workers() -> None:
    workers = [
        {"writer": "game-0", "node": "b", "captures": 3, "captures_per_minute": 1.5},
        {"writer": "game-1", "node": "a", "captures": 4, "captures_per_minute": 2.0},
        {"writer": "game-2", "node": "b", "captures": 5, "captures_per_minute": 2.5},
    ]
    assert by_node(workers) == {
        "a": {"workers": 1, "captures": 4, "captures_per_minute": 2.0},
        "b": {"workers": 2, "captures": 8, "captures_per_minute": 4.0},
    }
