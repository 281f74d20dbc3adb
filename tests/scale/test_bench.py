"""The parts of `bench scale`, small: they do what is said, on the real frontier and planners."""

from contextlib import closing
from pathlib import Path

from crawler.budgets import SqliteBudgets
from crawler.frontier import FILE_NAME, SqliteFrontier, TaskState
from queries.bench.rows import FILES, write_dataset
from scale.catalogue import QUESTIONS, ask
from scale.frontier import fill, percentiles
from scale.plans import loader, shards
from scale.scraper import CAPTURES, OPERATIONS, Scraper


def test_a_scraper_does_the_tasks_that_there_are(tmp_path: Path) -> None:
    filled = fill(tmp_path, 12)
    assert (filled["tasks"], filled["captures"]) == (12, 12 * CAPTURES)
    with (
        SqliteFrontier(tmp_path / FILE_NAME) as frontier,
        closing(SqliteBudgets(tmp_path / "budgets.sqlite")) as budgets,
    ):
        scraper = Scraper("one", frontier, budgets)
        scraper.work(60, 0)
        assert frontier.counts()[TaskState.DONE] == 12
        # The lease that found nothing is one more.
        assert sum(map(len, scraper.answers.values())) == 12 * OPERATIONS + 1
        assert len(scraper.answers["finish"]) == 12 * CAPTURES


def test_a_paced_scraper_stops_in_time(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    with (
        SqliteFrontier(tmp_path / FILE_NAME) as frontier,
        closing(SqliteBudgets(tmp_path / "budgets.sqlite")) as budgets,
    ):
        Scraper("one", frontier, budgets).work(0.2, 3600)
        assert frontier.counts()[TaskState.DONE] == 0


def test_percentiles_are_milliseconds() -> None:
    assert percentiles([0.001] * 99 + [1.0]) == {"p50": 1.0, "p99": 11.0}


def test_every_question_is_asked_of_all_rows(tmp_path: Path) -> None:
    found = ask(write_dataset(tmp_path, 500).root)
    assert (found["rows"], found["files"]) == (500, FILES)
    assert set(found["seconds"]) == set(QUESTIONS)


def test_the_planners_plan_every_sample() -> None:
    assert loader(10_000)["read_by_one_of_8"] == 39 * 32
    assert shards(10_000)["shards"] == 1
    assert shards(200_000)["shards"] == 8
