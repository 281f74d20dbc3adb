"""`lostfound query`: what may run, what is refused, and the four formats."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from queries.question.query import saved_queries
from tests.queries.conftest import HandMade, row

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dataset(hand_made: HandMade) -> Path:
    rows = [row(i, country) for i, country in enumerate(["SE", "SE", "DE", "FR"])]
    hand_made.add_part([*rows, row(9, status="rejected", reason="blurry", detail="12 < 30")])
    return hand_made.layout.root


def test_json(dataset: Path, lostfound: Run) -> None:
    sql = """SELECT country_code, count(*) AS n, sum(width) AS w, avg(lat) > 0 AS north,
        max(captured_at) AS t, list(key ORDER BY key)[1] AS first, 'nan'::DOUBLE AS x
        FROM samples GROUP BY 1 ORDER BY 1 LIMIT 1"""
    code, out, _ = lostfound("query", dataset, sql, "--format", "json")
    assert code == 0
    assert json.loads(out) == [
        {
            "country_code": "DE",
            "n": 1,
            "w": 320,
            "north": True,
            "t": None,
            "first": "test-00002",
            "x": None,
        }
    ]
    assert json.loads(lostfound("query", dataset, "FROM shards", "--format", "json")[1]) == []


def test_csv(dataset: Path, lostfound: Run) -> None:
    sql = "SELECT 'a,\"b\"\n[c]' AS text, NULL AS none, [1, 2] AS list, TIMESTAMPTZ '2026-01-02'"
    code, out, _ = lostfound("query", dataset, sql, "--format", "csv")
    rows = list(csv.reader(io.StringIO(out)))
    assert code == 0
    assert rows[1] == ['a,"b"\n[c]', "", "[1, 2]", "2026-01-02T00:00:00+00:00"]


def test_table_shows_values_as_they_are(dataset: Path, lostfound: Run) -> None:
    _, out, _ = lostfound("query", dataset, "SELECT '[red]x[/red]' AS \"[b]\"")
    assert "[red]x[/red]" in out
    assert "[b]" in out
    _, out, _ = lostfound("query", dataset, "SELECT * FROM range(2000)")
    assert out.endswith("… 1,000 more rows than these 1,000; --format csv shows all\n")


def test_out_is_whole_and_its_name_gives_the_format(dataset: Path, lostfound: Run) -> None:
    out = dataset / "answer.parquet"
    sql = "SELECT key, lat FROM samples ORDER BY key"
    assert lostfound("query", dataset, sql, "--out", out)[0] == 0
    assert pq.read_table(out).column("key").to_pylist()[0] == "test-00000"
    before = out.read_bytes()
    late = "SELECT if(i = 90000, 'x', '1')::INTEGER FROM range(100000) AS t(i)"
    code, _, error = lostfound("query", dataset, late, "--out", out)
    assert (code, error.count("\n")) == (2, 1)
    assert "Could not convert" in error
    assert out.read_bytes() == before
    assert not list(dataset.glob(".tmp*"))


def test_parquet_needs_a_file(dataset: Path, lostfound: Run) -> None:
    code, _, error = lostfound("query", dataset, "SELECT 1", "--format", "parquet")
    assert code == 2
    assert "--out" in error


def test_file_and_saved(dataset: Path, lostfound: Run) -> None:
    file = dataset / "question.sql"
    file.write_text("-- how many?\nSELECT count(*) AS n FROM captures;\n")
    _, out, _ = lostfound("query", dataset, "--file", file, "--format", "json")
    assert json.loads(out) == [{"n": 5}]
    _, out, _ = lostfound("query", dataset, "--name", "rejections", "--format", "json")
    assert json.loads(out)[0]["reason"] == "blurry"
    assert "rejections" in lostfound("query", dataset, "--name", "list")[1]
    code, _, error = lostfound("query", dataset, "--name", "nothing")
    assert code == 2
    assert "country_counts" in error


def test_errors_carry_the_hint(dataset: Path, lostfound: Run) -> None:
    code, _, error = lostfound("query", dataset, "SELECT contry_code FROM samples")
    assert (code, error.count("\n")) == (2, 1)
    assert "country_code" in error
    _, _, error = lostfound("query", dataset, "SELECT * FROM sampels")
    assert 'Did you mean "samples"?' in error
    _, _, error = lostfound("query", dataset, "SELEC 1")
    assert "syntax error" in error


@pytest.mark.parametrize("arguments", [(), ("SELECT 1", "--name", "storage"), ("--file", "/no")])
def test_wrong_usage(dataset: Path, lostfound: Run, arguments: tuple[str, ...]) -> None:
    code, _, error = lostfound("query", dataset, *arguments)
    assert (code, error.count("\n")) == (2, 1)


def test_no_dataset(tmp_path: Path, lostfound: Run) -> None:
    assert lostfound("query", tmp_path / "none", "SELECT 1")[0] == 2


def test_an_empty_answer_says_so(dataset: Path, lostfound: Run) -> None:
    sql = "SELECT key FROM samples WHERE lat > 89"
    assert lostfound("query", dataset, sql, "--format", "json") == (0, "[]\n", "no rows\n")
    code, out, error = lostfound("query", dataset, sql)
    assert (code, error) == (0, "no rows\n")
    assert "key" in out


def test_a_dataset_without_parts(tmp_path: Path, lostfound: Run) -> None:
    code, out, error = lostfound(
        "query", tmp_path, "SELECT count(*) AS n FROM samples", "--format", "json"
    )
    assert (code, json.loads(out)) == (0, [{"n": 0}])
    assert error.count("\n") == 1
    assert "lostfound enrich" in error


def test_the_plan_is_shown_and_nothing_run(dataset: Path, lostfound: Run) -> None:
    code, out, _ = lostfound("query", dataset, "SELECT error('it ran') FROM samples", "--explain")
    assert code == 0
    assert "Read parquet" in out
    assert "┃" not in out
    _, out, _ = lostfound("query", dataset, "EXPLAIN SELECT 1")
    assert "Projection" in out
    assert lostfound("query", dataset, "CREATE TABLE t (i INTEGER)", "--explain")[0] == 2


def test_saved_queries_are_listed(dataset: Path, lostfound: Run) -> None:
    _, out, _ = lostfound("query", dataset, "--name", "list", "--format", "json")
    rows = {one["name"]: one for one in json.loads(out)}
    assert set(rows) == set(saved_queries())
    assert rows["candidates"]["parameters"] == "$target, $min_share"


def test_unsafe_statements_without_an_answer(dataset: Path, lostfound: Run) -> None:
    code, out, error = lostfound("query", dataset, "CREATE TABLE t (i INTEGER)", "--unsafe")
    assert (code, error) == (0, "no rows\n")
    code, out, _ = lostfound(
        "query", dataset, "CREATE TABLE t AS SELECT 7 AS i; FROM t", "--unsafe", "--format", "csv"
    )
    assert (code, out) == (0, "i\n7\n")
