import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shards.capture import Capture
from shards.denylist import DenyList, Kind, Rule, author_of, distance_km

CAPTURE = Capture(
    key="panoramax-1",
    source="panoramax",
    source_id="1",
    group_id="walk",
    lat="55.7047",
    lon="13.191",
    attribution="© Jane  Doe, CC BY-SA 4.0",
    extra=json.dumps({"author": "Jané DOE"}),
)


def refuses(*rules: Rule, capture: Capture = CAPTURE) -> Rule | None:
    return DenyList(rules).refusal(capture)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(Kind.KEY, "panoramax-1"),
        Rule(Kind.KEY, "panoramax-1", "panoramax"),
        Rule(Kind.ID, "1", "panoramax"),
        Rule(Kind.GROUP, "walk", "panoramax"),
        Rule(Kind.AUTHOR, "jane doe"),
        Rule(Kind.AUTHOR, "JANÉ doe", "panoramax"),
        Rule(Kind.BOX, "13,55,14,56"),
        Rule(Kind.BOX, "170,-90,13.191,90"),
        Rule(Kind.CIRCLE, "55.7,13.2,1"),
    ],
)
def test_a_rule_refuses_what_it_names(rule: Rule) -> None:
    assert refuses(rule) == rule


@pytest.mark.parametrize(
    "rule",
    [
        Rule(Kind.KEY, "panoramax-2"),
        Rule(Kind.KEY, "panoramax-1", "mapillary"),
        Rule(Kind.ID, "1", "mapillary"),
        Rule(Kind.GROUP, "1", "panoramax"),
        Rule(Kind.AUTHOR, "Jan"),
        Rule(Kind.AUTHOR, "Doe, C"),
        Rule(Kind.AUTHOR, "jane doe", "mapillary"),
        Rule(Kind.BOX, "13,56,14,57"),
        Rule(Kind.BOX, "14,55,13,56"),
        Rule(Kind.CIRCLE, "55.7,13.2,0.5"),
    ],
)
def test_and_nothing_else(rule: Rule) -> None:
    assert refuses(rule) is None


def test_the_first_rule_that_matches_counts() -> None:
    rules = [
        Rule(Kind.KEY, "other"),
        Rule(Kind.BOX, "13,55,14,56"),
        Rule(Kind.AUTHOR, "Jane Doe"),
        Rule(Kind.KEY, "panoramax-1"),
    ]
    assert refuses(*rules) == rules[1]
    assert refuses(*rules[::-1]) == rules[3]


def test_what_is_not_known_matches_nothing() -> None:
    rules = [
        Rule(Kind.AUTHOR, "Jane Doe"),
        Rule(Kind.BOX, "-180,-90,180,90"),
        Rule(Kind.CIRCLE, "0,0,20000"),
    ]
    for lat in ("", "91,200", "nan", "north"):
        assert refuses(*rules, capture=Capture(key="a", source="b", source_id="c", lat=lat)) is None


@pytest.mark.parametrize(
    ("kind", "value", "source"),
    [
        (Kind.KEY, "a.b", ""),
        (Kind.KEY, "", ""),
        (Kind.ID, "1", ""),
        (Kind.GROUP, "", "panoramax"),
        (Kind.AUTHOR, "  ", ""),
        (Kind.BOX, "1,2,3", ""),
        (Kind.BOX, "1,2,3,x", ""),
        (Kind.BOX, "1,2,3,nan", ""),
        (Kind.BOX, "1,3,2,2", ""),
        (Kind.BOX, "1,2,3,91", ""),
        (Kind.BOX, "181,2,3,4", ""),
        (Kind.CIRCLE, "1,2", ""),
        (Kind.CIRCLE, "1,2,0", ""),
        (Kind.CIRCLE, "91,2,1", ""),
    ],
)
def test_what_is_no_rule(kind: Kind, value: str, source: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Rule(kind, value, source)


@pytest.mark.parametrize(
    "extra", ["", "{", "[]", "1", '{"author": 5}', '{"author": null}', '{"writer": "author"}',
              "[" * 100_000 + '"author"']
)  # fmt: skip
def test_any_extra_has_an_author_or_none(extra: str) -> None:
    assert author_of(extra) == ""


degrees = st.floats(-180, 180)


@settings(deadline=None)
@given(degrees.map(lambda x: x / 2), degrees, degrees.map(lambda x: x / 2), degrees)
@example(90.0, 0.0, -90.0, 0.0)
def test_distance(lat: float, lon: float, other_lat: float, other_lon: float) -> None:
    distance = distance_km(lat, lon, other_lat, other_lon)
    assert 0 <= distance <= math.pi * 6371.0088 + 1e-6
    assert distance == pytest.approx(distance_km(other_lat, other_lon, lat, lon), abs=1e-6)
    assert distance_km(lat, lon, lat, lon) == 0
