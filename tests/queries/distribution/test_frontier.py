"""Every choice that thresholds leave, against the mapping at each threshold; and the files."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.choices import Rule
from queries.distribution.counts import read_counts
from queries.distribution.frontier import Choice, frontier
from queries.distribution.frontier_files import decimal
from queries.distribution.quotas import wish_for
from queries.distribution.rules import Wish, map_pool
from shards.errors import UsageError

Run = Callable[..., tuple[int, str, str]]
COUNTS = st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(0, 300), min_size=1)
SLACKS = [None, Fraction(1, 2), Fraction(9, 10), Fraction(0)]


@given(
    COUNTS,
    COUNTS,
    st.sampled_from([Rule.TARGET, Rule.EQUAL, Rule.SQRT]),
    st.none() | st.integers(1, 100),
    st.integers(0, 1000).map(lambda n: Fraction(n, 1000)),
)
def test_equals_the_mapping_at_every_threshold(
    pool: dict[str, int],
    target: dict[str, int],
    rule: Rule,
    max_per: int | None,
    anywhere: Fraction,
) -> None:
    wish = Wish(rule=rule, target=target, max_per=max_per)
    try:
        map_pool(pool, wish)
    except UsageError:
        with pytest.raises(UsageError):
            frontier(pool, wish)
        return
    choices = frontier(pool, wish, SLACKS)
    for choice in choices:
        mapping = map_pool(pool, replace(wish, min_share=choice.min_share, slack=choice.slack))
        assert (len(mapping.quotas), mapping.total) == (choice.countries, choice.samples)
    for slack in SLACKS:
        own = [choice for choice in choices if choice.slack == slack]
        assert [c.min_share for c in own] == sorted({c.min_share for c in own})
        # No threshold keeps anything that is not listed.
        try:
            mapping = map_pool(pool, replace(wish, min_share=anywhere, slack=slack))
        except UsageError:
            continue
        assert (len(mapping.quotas), mapping.total) in {(c.countries, c.samples) for c in own}
    check_best(choices)


def check_best(choices: list[Choice]) -> None:
    for one in choices:
        beaten = any(
            other.countries >= one.countries
            and other.samples >= one.samples
            and (other.countries, other.samples) != (one.countries, one.samples)
            for other in choices
        )
        assert not (one.best and beaten)
        if not beaten:
            same = [c for c in choices if (c.countries, c.samples) == (one.countries, one.samples)]
            assert sum(c.best for c in same) == 1


def test_by_hand() -> None:
    # Shares 0.6, 0.3, 0.1; n / t 6, 3, 10: B sets the scale once it is in.
    pool, target = {"A": 60, "B": 30, "C": 10}, {"A": 10, "B": 10, "C": 1}
    found = frontier(pool, Wish(rule=Rule.TARGET, target=target), [None, Fraction(1, 2)])
    assert [
        (decimal(c.min_share), c.slack, c.countries, c.samples, c.scarcest, c.best) for c in found
    ] == [
        ("0", None, 3, 63, "B", False),
        ("0.3", None, 2, 60, "B", False),
        ("0.6", None, 1, 60, "A", False),
        ("0", Fraction(1, 2), 3, 63, "B", False),
        ("0.3", Fraction(1, 2), 3, 65, "B", False),
        ("0.6", Fraction(1, 2), 3, 80, "A", True),
    ]


def test_the_authors_choices(shared_data: Path) -> None:
    folder = shared_data / "distribution"
    pool, target = read_counts(folder / "pool.json"), read_counts(folder / "target.json")
    choices = frontier(pool, wish_for(pool, "country_code", target=target))
    kept = {(c.min_share, c.slack): (c.countries, c.samples, c.best) for c in choices}
    assert kept[Fraction("0.005"), Fraction("0.5")] == (75, 82_473, True)
    assert (54, 95_153, False) in kept.values()


def test_decimals() -> None:
    values = [Fraction("0.0075"), Fraction(1), Fraction(0), Fraction(1, 3), Fraction("1e-7")]
    assert [decimal(value) for value in values] == ["0.0075", "1", "0", "1/3", "0.0000001"]


@pytest.fixture
def arguments(tmp_path: Path) -> list[object]:
    pool, target = tmp_path / "pool.json", tmp_path / "target.json"
    pool.write_text('{"SE": 60, "DE": 30, "PE": 10}')
    target.write_text('{"SE": 10, "DE": 10, "PE": 1, "<b>X</b>": 2}')
    return ["quotas", "--pool", pool, "--target", target]


def test_csv_and_json(lostfound: Run, arguments: list[object], tmp_path: Path) -> None:
    table, record = tmp_path / "f.csv", tmp_path / "f.json"
    assert lostfound(*arguments, "--frontier", table)[0] == 0
    rows = list(csv.DictReader(table.open()))
    assert rows[1] == {
        "min_share": "0.3",
        "slack": "",
        "countries": "2",
        "samples": "60",
        "scarcest": "DE",
        "best": "False",
    }
    code, out, _ = lostfound(
        *arguments, "--min-share", "0.3", "--slack", "0.25", "--frontier", record
    )
    assert code == 0
    found = json.loads(record.read_text())
    assert found["chosen"] == {
        "min_share": "0.3",
        "slack": "0.25",
        "countries": 3,
        "samples": json.loads(out)["total"],
    }
    assert {row["slack"] for row in found["choices"]} == {None, "0.75", "0.5", "0.25"}


def test_page(lostfound: Run, arguments: list[object], tmp_path: Path) -> None:
    page = tmp_path / "f.html"
    assert lostfound(*arguments, "--frontier", page)[0] == 0
    html = page.read_text()
    assert html.count("<svg") == 2
    assert "&lt;b&gt;X" in html
    assert "<b>X" not in html
    assert "by hand" not in html
    assert "<script" not in html


def test_page_of_the_authors_data(lostfound: Run, shared_data: Path, tmp_path: Path) -> None:
    folder, page = shared_data / "distribution", tmp_path / "f.html"
    counts = ["--pool", folder / "pool.json", "--target", folder / "target.json"]
    assert lostfound("quotas", *counts, "--frontier", page)[0] == 0
    html = page.read_text()
    assert "--min-share 0.0075 --slack 0.75</code> keeps 54 countries and 95,153 samples" in html
    assert "--min-share 0.005 --slack 0.5</code> keeps 75 countries and 82,473 samples" in html


def test_wrong_options(lostfound: Run, arguments: list[object], tmp_path: Path) -> None:
    code, out, error = lostfound(*arguments, "--frontier", "f.png")
    assert (code, out) == (2, "")
    assert "--frontier f.png: give a name that ends in .html" in error
    page = tmp_path / "f.html"
    code, _, error = lostfound(*arguments[:3], "--max-per", "3", "--frontier", page)
    assert code == 2
    assert "a frontier needs a target or a rule" in error
    assert not page.exists()
