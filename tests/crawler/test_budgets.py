import heapq
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.budgets import MARGIN_SECONDS, STRETCH, Limit, SqliteBudgets

HOLD = 30.0
TICK = 1e-6


class Clock:
    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budgets(tmp_path: Path, clock: Clock) -> SqliteBudgets:
    return SqliteBudgets(tmp_path / "budgets.sqlite", clock)


def violations(arrivals: list[float], limit: Limit) -> list[tuple[float, float]]:
    """Pairs of requests, `count` apart in the order of arrival, that lie in one window."""
    ordered = sorted(arrivals)
    pairs = zip(ordered, ordered[limit.count :], strict=False)
    return [(first, last) for first, last in pairs if last - first < limit.seconds]


def most_at_once(spans: list[tuple[float, float]]) -> int:
    edges = sorted([(end, -1) for _, end in spans] + [(start, 1) for start, _ in spans])
    flying = most = 0
    for _, change in edges:
        flying += change
        most = max(most, flying)
    return most


latency = st.floats(0.0, 5.0)
limit_lists = st.lists(
    st.builds(Limit, st.integers(1, 5), st.one_of(st.just(0.0), st.floats(0.01, 20.0))),
    min_size=1,
    max_size=3,
)


@settings(deadline=None, max_examples=60)
@given(
    limits=limit_lists,
    # When it arrives within its flight, how long it flies, and whether its process is killed.
    flights=st.lists(
        st.tuples(st.floats(0.0, 1.0), latency, st.sampled_from([False] * 9 + [True])),
        min_size=1,
        max_size=25,
    ),
)
def test_no_window_has_more_than_its_count_whatever_the_delays(
    limits: list[Limit], flights: list[tuple[float, float, bool]]
) -> None:
    clock = Clock()
    arrivals: list[float] = []
    spans: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteBudgets(Path(folder) / "budgets.sqlite", clock) as budgets,
    ):
        ends: list[tuple[float, int]] = []
        turns = {}
        for number, (share, flight, killed) in enumerate(flights):
            while not (turn := budgets.reserve({"source": limits}, hold=HOLD)).granted:
                # The next thing that happens: a request ends, or the wait does.
                if ends and ends[0][0] <= clock.now + turn.wait:
                    clock.now, ended = heapq.heappop(ends)
                    budgets.finish(turns[ended])
                else:
                    clock.now += turn.wait
            arrivals.append(clock.now + share * flight)
            spans.append((clock.now, clock.now + (HOLD if killed else flight)))
            turns[number] = turn
            if not killed:
                heapq.heappush(ends, (clock.now + flight, number))
    for limit in limits:
        assert violations(arrivals, limit) == []
    assert most_at_once(spans) <= min(limit.count for limit in limits)


def test_requests_without_delay_come_as_fast_as_the_limit_allows(
    budgets: SqliteBudgets, clock: Clock
) -> None:
    start = clock.now
    for _ in range(30):
        while not (turn := budgets.reserve({"source": [Limit(3, 1.0)]}, hold=HOLD)).granted:
            clock.now += turn.wait
        budgets.finish(turn)
    assert clock.now - start == pytest.approx(9 * (STRETCH + MARGIN_SECONDS), abs=1e-3)


def test_a_refused_request_counts_nowhere(budgets: SqliteBudgets, clock: Clock) -> None:
    claims = {"fast": [Limit(2, 10.0)], "slow": [Limit(1, 10.0)]}
    first = budgets.reserve(claims, hold=HOLD)
    budgets.finish(first)
    assert first.numbers == {"fast": 1, "slow": 1}
    assert not budgets.reserve(claims, hold=HOLD).granted
    assert budgets.reserve({"fast": [Limit(2, 10.0)]}, hold=HOLD).numbers == {"fast": 2}


def test_nobody_asks_for_as_long_as_the_server_says(budgets: SqliteBudgets, clock: Clock) -> None:
    budgets.block("source", 60.0)
    budgets.block("source", 5.0)  # a shorter one does not undo it
    assert budgets.blocked_for("source") == pytest.approx(60.0)
    assert budgets.blocked_for("another") == 0.0
    assert budgets.reserve({"source": []}, hold=HOLD).wait == pytest.approx(60.0)
    clock.now += 60.0
    assert budgets.reserve({"source": []}, hold=HOLD).granted
    assert budgets.blocked() == {}


def test_a_killed_process_does_not_hold_its_turn_for_ever(
    budgets: SqliteBudgets, clock: Clock
) -> None:
    serial = {"source": [Limit(1, 0.0)]}
    assert budgets.reserve(serial, hold=HOLD).granted
    clock.now += HOLD - 1
    assert not budgets.reserve(serial, hold=HOLD).granted
    clock.now += 1 + TICK
    assert budgets.reserve(serial, hold=HOLD).granted


def test_a_clock_set_back_does_not_stop_the_crawl(budgets: SqliteBudgets, clock: Clock) -> None:
    claims = {"source": [Limit(1, 2.0)]}
    budgets.finish(budgets.reserve(claims, hold=HOLD))
    clock.now -= 3600
    assert budgets.reserve(claims, hold=HOLD).wait < 3.0


def test_budgets_outlive_the_process_and_stay_small(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "budgets.sqlite"
    claims = {"source": [Limit(3, 0.5), Limit(1, 0.0)]}
    with SqliteBudgets(path, clock) as budgets:
        for _ in range(50):
            clock.now += 1
            budgets.finish(budgets.reserve(claims, hold=HOLD))
        clock.now += 0.1
        assert budgets.reserve(claims, hold=HOLD).granted
    with SqliteBudgets(path, clock) as budgets:
        assert not budgets.reserve(claims, hold=HOLD).granted
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM requests").fetchone() == (3,)


PROCESS = """
import sys, time
from pathlib import Path
from crawler.budgets import Limit, SqliteBudgets
claims = {"source": [Limit(1, 0.02), Limit(5, 0.2)]}
with SqliteBudgets(Path(sys.argv[1])) as budgets:
    for _ in range(int(sys.argv[2])):
        while not (turn := budgets.reserve(claims, hold=30)).granted:
            time.sleep(turn.wait)
        start = time.time()
        time.sleep(0.001)
        print(start, time.time())
        budgets.finish(turn)
"""


def test_processes_share_a_budget(tmp_path: Path) -> None:
    path = tmp_path / "budgets.sqlite"
    command = [sys.executable, "-c", PROCESS, str(path), "12"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    lines = [line for process in running for line in process.communicate()[0].splitlines()]
    spans = sorted((float(start), float(end)) for start, end in map(str.split, lines))
    assert len(spans) == 48
    for limit in (Limit(1, 0.02), Limit(5, 0.2)):
        pairs = zip(spans, spans[limit.count :], strict=False)
        assert all(start - end >= limit.seconds for (_, end), (start, _) in pairs)
