"""Lives of one worker are put together, and rates come from a sliding window."""

from collections import Counter

from crawler.history import History, merge_lives
from crawler.stats import Quality, WorkerState, WorkerStats
from tests.crawler.fleet_stats import worker


def test_the_lives_of_a_worker_are_one_entry() -> None:
    dead = worker(1, state=WorkerState.STOPPED, failed=Counter({"browser": 2}))
    alive = worker(1, captures=7, failed=Counter({"browser": 1, "round": 4}), node="other")
    merged = merge_lives([worker(2), dead, alive])
    assert [one.writer for one in merged] == ["game-1", "game-2"]
    first = merged[0]
    assert (first.captures, first.node, first.state) == (207, "other", WorkerState.WORKING)
    assert first.failed == {"browser": 3, "round": 4}
    assert first.browser_bytes == alive.browser_bytes
    assert first.quality.captures == 400
    assert first.quality.places == {"Sweden": 100, "+30-010": 90}
    # The entries that came in are as they were.
    assert (dead.captures, alive.captures, alive.quality.captures) == (200, 7, 200)


def test_a_browser_that_is_gone_has_no_memory() -> None:
    assert merge_lives([worker(1, state=WorkerState.STOPPED)])[0].browser_bytes == 0


def test_quality_adds_up_in_every_counter() -> None:
    total = Quality()
    one = Quality(1, 2, 3, 4, 5, 6, 7, Counter(a=8))
    total.add(one)
    total.add(one)
    assert total == Quality(2, 4, 6, 8, 10, 12, 14, Counter(a=16))


def at(captures: int, writer: str = "w") -> list[WorkerStats]:
    return [WorkerStats(writer, captures=captures)]


def test_rates_are_those_of_the_window() -> None:
    history = History(window=60, step=1)
    assert history.add(0, at(0)) == {"w": 0}
    assert history.add(30, at(60)) == {"w": 120}
    assert history.add(60, at(120)) == {"w": 120}
    # Nothing comes any more: the rate falls to 0 within the window.
    for second in range(61, 181):
        rates = history.add(second, at(120))
    assert rates == {"w": 0}


def test_many_polls_stay_few_points() -> None:
    history = History(window=60, step=2)
    for tick in range(10_000):
        rates = history.add(tick / 10, at(tick))
    assert abs(rates["w"] - 600) < 1
    assert len(history._points) < 40


def test_a_worker_that_joins_counts_from_nothing() -> None:
    history = History(window=60, step=1)
    history.add(0, at(10))
    rates = history.add(60, [*at(10), *at(30, "late")])
    assert rates == {"w": 0, "late": 30}
