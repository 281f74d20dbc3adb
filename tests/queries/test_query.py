"""`lostfound query`: what may run, what is refused, and the four formats."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from queries.catalogue import connect
from queries.query import check_reads_only
from queries.sources import quoted
from shards.errors import UsageError
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


READING = [
    "SELECT 1",
    "FROM samples;",
    "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t WHERE i < 3) FROM t",
    "SELECT 1 UNION SELECT 2",
    "DESCRIBE captures",
    "SUMMARIZE samples",
    "SHOW TABLES",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT count(*) FROM samples",
    "PIVOT captures ON status IN ('kept', 'rejected') USING count(*) GROUP BY source",
    "/* a comment */\nSELECT 'COPY_QUERY_NODE' AS type -- another",
]


@pytest.mark.parametrize("sql", READING)
def test_reading_is_allowed(dataset: Path, lostfound: Run, sql: str) -> None:
    assert lostfound("query", dataset, sql)[0] == 0


REFUSED = [
    "COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "WITH x AS (COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)) FROM x",
    "SELECT (WITH x AS (COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)) FROM x)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "/**/ EXPLAIN ANALYZE COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)) FROM x",
    "SELECT 1; COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "SELECT 1; SELECT 2",
    "ATTACH '{other}.db'",
    "CREATE TABLE t (i INTEGER)",
    "DROP VIEW captures",
    "SET enable_external_access = true",
    "PRAGMA enable_profiling",
    "INSTALL httpfs",
    "CALL enable_logging()",
    "EXPORT DATABASE '{other}'",
    "SELECT * FROM read_text('{other}')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '{other}'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('https://example.org/x.parquet')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''x''')",
    "",
    "-- nothing",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_everything_else_is_refused(
    dataset: Path, hand_made: HandMade, lostfound: Run, sql: str
) -> None:
    part, other = hand_made.layout.parts()[0], dataset / "other.txt"
    other.write_text("secret")
    before = part.read_bytes()
    escaped = {"part": str(part).replace("'", "''"), "other": str(other).replace("'", "''")}
    code, out, error = lostfound("query", dataset, sql.format(**escaped))
    assert code == 2
    assert error.count("\n") == 1
    assert "secret" not in out
    assert part.read_bytes() == before


def test_the_lock_holds_without_the_check(dataset: Path) -> None:
    connection = connect(hand_made_layout := _layout(dataset))
    frame = [1]  # a Python variable is no table
    for sql in (
        "SELECT * FROM frame",
        f"COPY (SELECT 1) TO {quoted(str(dataset / 'new.csv'))}",
        "SET lock_configuration = false",
        "ATTACH 'x.db'",
    ):
        with pytest.raises(Exception, match=r"Error"):
            connection.execute(sql)
    del frame
    assert connection.execute("SELECT count(*) FROM captures").fetchall() == [(5,)]
    with pytest.raises(UsageError, match="COPY inside"):
        check_reads_only(connect(hand_made_layout), "WITH x AS (COPY (SELECT 1) TO 'y') FROM x")


def _layout(root: Path):  # type: ignore[no-untyped-def]
    from shards.layout import DatasetLayout

    return DatasetLayout(root)


def test_unsafe_lifts_it(dataset: Path, lostfound: Run) -> None:
    out = dataset / "copied.csv"
    sql = f"COPY (SELECT 42 AS answer) TO {quoted(str(out))}"
    assert lostfound("query", dataset, sql, "--unsafe")[0] == 0
    assert out.read_text() == "answer\n42\n"


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
