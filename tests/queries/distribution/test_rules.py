"""Each rule by hand, and each against its definition."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.choices import Rule
from queries.distribution.mapping import quotas
from queries.distribution.rules import Wish, map_pool
from shards.errors import UsageError

POOL = {"A": 100, "B": 81, "C": 4, "D": 0, "E": 50}


def test_equal() -> None:
    mapping = map_pool(POOL, Wish(rule=Rule.EQUAL))
    assert mapping.quotas == {"A": 4, "B": 4, "C": 4, "E": 4}
    assert (mapping.missing, mapping.left_out) == ([], [])
    some = map_pool(POOL, Wish(rule=Rule.EQUAL, target={"A": 7, "B": 1, "D": 1, "X": 1, "E": 0}))
    assert some.quotas == {"A": 81, "B": 81}
    assert (some.missing, some.left_out) == (["D", "X"], ["C", "E"])


def test_equal_with_thresholds() -> None:
    # N = 235: C has 1.7 %. E sets the scale of 50; C has 4 / 50 = 0.08 of it.
    wish = Wish(rule=Rule.EQUAL, min_share=Fraction("0.1"))
    assert map_pool(POOL, wish).quotas == {"A": 50, "B": 50, "E": 50}
    lenient = Wish(rule=Rule.EQUAL, min_share=Fraction("0.1"), slack=Fraction("0.08"))
    assert map_pool(POOL, lenient).quotas["C"] == 1


def test_square_root_of_the_pool() -> None:
    # f = min(sqrt(n)) = 2: 2 · 10, 2 · 9, 2 · 2, 2 · 7.07.
    assert map_pool(POOL, Wish(rule=Rule.SQRT)).quotas == {"A": 20, "B": 18, "E": 15, "C": 4}


def test_square_root_of_a_target() -> None:
    # n / sqrt(t): 100 / 5, 81 / 4, 50 / 1; A sets the scale of 20.
    wish = Wish(rule=Rule.SQRT, target={"A": 25, "B": 16, "E": 1})
    assert map_pool(POOL, wish).quotas == {"A": 100, "B": 80, "E": 20}


def test_area() -> None:
    # In hectares 1000, 2000, 1 (no smaller one), and E has none.
    areas = {"A": 10.0, "B": 20.0, "C": 0.0001}
    mapping = map_pool(POOL, Wish(rule=Rule.AREA, areas_km2=areas))
    assert mapping.quotas == {"B": 81, "A": 41, "C": 1}
    assert mapping.left_out == ["E"]


def test_caps() -> None:
    assert map_pool(POOL, Wish(max_per=50)).quotas == {"A": 50, "B": 50, "E": 50, "C": 4}
    capped = map_pool(POOL, Wish(max_per=50, target={"A": 1, "C": 1, "X": 2}))
    assert capped.quotas == {"A": 50, "C": 4}
    assert (capped.missing, capped.left_out) == (["X"], ["B", "E"])
    target = {"A": 25, "B": 16, "E": 1}
    wish = Wish(rule=Rule.SQRT, target=target, max_per=30)
    assert map_pool(POOL, wish).quotas == {"A": 30, "B": 30, "E": 20}


def test_a_target_is_needed() -> None:
    with pytest.raises(UsageError, match="follows a target"):
        map_pool(POOL, Wish(rule=Rule.TARGET))


COUNTS = st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(0, 10**15), min_size=1)
AREAS = st.dictionaries(st.sampled_from("ABCDEFG"), st.floats(0.01, 2e7))


@given(COUNTS, st.none() | COUNTS, AREAS, st.sampled_from(Rule), st.none() | st.integers(1, 1000))
def test_no_rule_takes_more_than_there_is(
    pool: dict[str, int],
    target: dict[str, int] | None,
    areas: dict[str, float],
    rule: Rule,
    max_per: int | None,
) -> None:
    wish = Wish(rule=rule, target=target, areas_km2=areas, max_per=max_per)
    try:
        mapping = map_pool(pool, wish)
    except UsageError:
        return
    for name, quota in mapping.quotas.items():
        assert 0 < quota <= min(pool[name], max_per or pool[name])
        assert target is None or target[name] > 0
    assert {name for name, n in pool.items() if n} == {*mapping.quotas, *mapping.left_out}


@given(COUNTS, COUNTS)
def test_the_target_rule_is_the_mapping(pool: dict[str, int], target: dict[str, int]) -> None:
    try:
        expected = quotas(pool, target)
    except UsageError:
        return
    assert map_pool(pool, Wish(rule=Rule.TARGET, target=target)) == expected


@given(COUNTS)
def test_square_roots_are_exact(pool: dict[str, int]) -> None:
    """The quota q is the smallest with q ≥ sqrt(n · m), where m is the scarcest count."""
    pool = {name: n for name, n in pool.items() if n}
    if not pool:
        return
    least = min(pool.values())
    for name, quota in map_pool(pool, Wish(rule=Rule.SQRT)).quotas.items():
        assert (quota - 1) ** 2 < least * pool[name] <= quota**2
