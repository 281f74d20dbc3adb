"""Each check stops a bad stream, none of them the playground's usual share of bad rounds."""

from collections import Counter
from typing import Any

import pytest

from crawler.health import (
    HealthCheck,
    HealthError,
    Thresholds,
    find_problem,
    parse_thresholds,
)
from crawler.playground.world import World, WorldConfig
from crawler.stats import Quality
from shards.errors import UsageError, WorkError


def counted(**changes: Any) -> Quality:
    """200 captures without any fault."""
    values: dict[str, Any] = {
        "captures": 200,
        "with_position": 200,
        "located": 200,
        "looked_at": 200,
        "places": Counter({"Sweden": 100, "Norway": 100}),
    }
    return Quality(**(values | changes))


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        (counted(located=100), r"100 of the last 200 pictures have no place \(50 %, the limit is"),
        (counted(blank=80), r"80 of the last 200 pictures are blank \(40 %.*max_blank"),
        (counted(looked_at=20, blank=8), r"8 of the last 20 pictures are blank"),
        (counted(repeated=90), r"90 of the last 200 pictures repeat others.*max_repeated"),
        (counted(places=Counter(Sweden=198, Norway=2)), r"198 .* are from 'Sweden' \(99 %"),
    ],
)
def test_each_check_ends_a_bad_run_in_one_line(quality: Quality, message: str) -> None:
    with pytest.raises(HealthError, match=message) as caught:
        HealthCheck(Thresholds(), "raw/game").update(quality)
    assert isinstance(caught.value, WorkError)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("raw/game: ")


def test_a_share_at_its_limit_passes() -> None:
    at_limits = counted(located=140, blank=60, repeated=60, places=Counter(Sweden=126, Norway=14))
    assert find_problem(at_limits, Thresholds()) is None
    assert find_problem(counted(located=139), Thresholds()) is not None


def test_nothing_is_judged_before_there_is_enough() -> None:
    check = HealthCheck(Thresholds(min_captures=100), "x")
    check.update(counted(captures=99, located=0))
    with pytest.raises(HealthError):
        check.update(counted(captures=100, located=0))
    HealthCheck(Thresholds(min_captures=0), "x").update(counted(located=0))


def test_a_source_that_turns_bad_is_noticed() -> None:
    check = HealthCheck(Thresholds(min_captures=100), "x")
    total = counted(captures=10_000, located=10_000, looked_at=10_000)
    check.update(total)
    worse = counted(captures=10_100, located=10_000, looked_at=10_100)
    with pytest.raises(HealthError, match="100 of the last 100 pictures have no place"):
        check.update(worse)


def test_the_difference_of_two_counts() -> None:
    before = Quality(1, 1, 1, 1, 1, 1, 1, Counter(a=1))
    total = Quality(4, 5, 6, 7, 8, 9, 10, Counter(a=3, b=2))
    assert total.since(before) == Quality(3, 4, 5, 6, 7, 8, 9, Counter(a=2, b=2))


def test_the_playgrounds_usual_rounds_pass() -> None:
    world = World(WorldConfig(seed=3))
    rounds = [world.round(number) for number in range(600)]
    check = HealthCheck(Thresholds(), "x")
    total = Quality()
    seen: set[object] = set()
    for dealt in rounds:
        total.captures += 1
        total.looked_at += 1
        total.located += 1
        total.blank += dealt.kind in ("blank", "dark")
        total.repeated += dealt.kind == "repeat"
        total.places[dealt.place.country] += 1
        seen.add(dealt.kind)
        check.update(total)
    assert len(seen) > 3


def test_limits_as_an_option() -> None:
    assert parse_thresholds("") == Thresholds()
    assert parse_thresholds("off").min_captures == 0
    chosen = parse_thresholds("max_blank=0.5, min_captures=20")
    assert chosen == Thresholds(max_blank=0.5, min_captures=20)


@pytest.mark.parametrize("text", ["max_blank", "max_blank=x", "blank=1", "on", "min_captures=1.5"])
def test_an_option_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"--health .*names are min_captures, min_located"):
        parse_thresholds(text)


@pytest.mark.parametrize("wrong", [{"max_blank": 1.5}, {"min_located": -1}, {"min_captures": -1}])
def test_refuses_what_is_no_share(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="give"):
        Thresholds(**wrong)
