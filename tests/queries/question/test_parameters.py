"""Parameters of statements: read, filled, and asked for by name."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from queries.question.parameters import described, fill, parse_parameters
from shards.errors import UsageError
from tests.queries.conftest import HandMade, row

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-12", -12),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("SE", "SE"),
        ("", ""),
        ("a=b", "a=b"),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("1.2.3", "1.2.3"),
        ("2026-01-02", "2026-01-02"),
        ("'5'", "'5'"),
        ("٣", "٣"),
    ],
)
def test_values(text: str, value: object) -> None:
    found = parse_parameters([f"x={text}"])["x"]
    assert (found, type(found)) == (value, type(value))


def test_the_text_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text("123\n")
    assert parse_parameters([f"x=@{tmp_path / 'f.json'}"]) == {"x": "123\n"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["x"], "name=value"),
        (["=1"], "name=value"),
        (["1x=1"], "name=value"),
        (["x=1", "x=2"], "twice"),
        (["x=@/no/such"], "No such file"),
    ],
)
def test_wrong_usage(given: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_parameters(given)


SQL = """-- Which are near.
-- $km: nearer than this. Default 0.5.
-- $country: the code of a country.
SELECT $km, $country, '$text'"""


def test_defaults_are_in_the_comments() -> None:
    assert described(SQL) == {"km": "nearer than this", "country": "the code of a country"}
    asked = {"km", "country"}
    assert fill(SQL, asked, {"country": "SE"}) == {"km": 0.5, "country": "SE"}
    assert fill(SQL, asked, {"country": "SE", "km": 2}) == {"km": 2, "country": "SE"}
    assert fill("SELECT 1", set(), {}) == {}


def test_all_that_are_missing_are_named() -> None:
    with pytest.raises(UsageError, match=r"--param country=… \(the code of a country\)$"):
        fill(SQL, {"km", "country"}, {})
    with pytest.raises(UsageError, match="--param a=…, --param b=…"):
        fill("SELECT $a, $b", {"a", "b"}, {})
    with pytest.raises(UsageError, match=r"--param c: .*it has \$a, \$b"):
        fill("SELECT $a, $b", {"a", "b"}, {"a": 1, "b": 2, "c": 3})


def test_in_a_statement(hand_made: HandMade, lostfound: Run) -> None:
    hand_made.add_part([row(i, country) for i, country in enumerate(["SE", "SE", "DE"])])
    root = hand_made.layout.root
    sql = """SELECT $c AS c, count(*) AS n FROM samples
        WHERE country_code = $c AND lat > $lat AND key <> $evil LIMIT $limit"""
    given = ["c=SE", "lat=55.705", "limit=3", "evil=x' OR 1=1; --"]
    arguments = [part for one in given for part in ("--param", one)]
    code, out, _ = lostfound("query", root, sql, "--format", "json", *arguments)
    assert (code, json.loads(out)) == (0, [{"c": "SE", "n": 1}])
    code, _, error = lostfound("query", root, sql, *arguments[:2])
    assert (code, error.count("\n")) == (2, 1)
    assert "--param evil=…, --param lat=…, --param limit=…" in error
    assert lostfound("query", root, "EXPLAIN SELECT $x", "--param", "x=1")[0] == 0
    assert lostfound("query", root, "SELECT $x", "--param", "x=1", "--explain")[0] == 0
