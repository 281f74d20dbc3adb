"""Errors of SQL: one line, at which line and column, with the names that are near."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from queries.question.errors import check_expression, decoded, sql_error
from queries.views.catalogue import connect
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.queries.conftest import HandMade, row

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dataset(hand_made: HandMade) -> Path:
    hand_made.add_part([row(1)])
    return hand_made.layout.root


@pytest.mark.parametrize(
    ("sql", "place", "said"),
    [
        ("SELECT contry_code FROM samples", "line 1, column 8: ", '"country_code"'),
        ("SELECT 1\nFROM sampels", "line 2, column 6: ", 'Did you mean "samples"?'),
        ("SELECT 1 FROM nothing_like_it", "line 1, column 15: ", "The views are captures, samp"),
        ("SELECT 1,\n\t  bad_column_name FROM samples", "line 2, column 4: ", "bad_column_name"),
        ("SELECT 'åä 日本', contry FROM samples", "line 1, column 17: ", "contry"),
        ("SELEC 1", "line 1, column 1: ", "syntax error"),
        ("SELECT * FROM samples WHERE lat >", "line 1, column 33: ", "syntax error"),
        ("EXPLAIN SELECT contry FROM samples", "", "contry"),
        ("EXPLAIN\nSELECT 1 1", "line 2, column 10: ", "syntax error"),
        ("SELECT haversin(1, 2, 3, 4)", "line 1, column 8: ", "haversine_km(lat1, lon1, lat2"),
        ("SELECT contnent('SE')", "line 1, column 8: ", "Did you mean continent(country_code)?"),
        ("SELECT s.latt FROM samples AS s", "line 1, column 8: ", '"lat"'),
        ("SELECT cell(lat, lon, 10), latt FROM samples", "line 1, column 28: ", '"lat"'),
        ("SELECT cell(lat, lon, 0) FROM samples", "", "size_km must be above 0"),
        ("SELECT key FROM samples GROUP BY lat", "line 1, column 8: ", "GROUP BY"),
        ("SELECT count(*) FROM samples HAVING", "line 1, column 30: ", "syntax error"),
        ("SELECT date_trunc('mont', captured_at) FROM samples", "", "mont"),
    ],
)
def test_one_line_with_the_place(
    dataset: Path, lostfound: Run, sql: str, place: str, said: str
) -> None:
    code, out, error = lostfound("query", dataset, sql)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert error.startswith(f"lostfound: SQL: {place}")
    assert place or "line 1" not in error
    assert said in error


def test_a_long_line_is_counted_whole(dataset: Path, lostfound: Run) -> None:
    sql = f"SELECT '{'x' * 500}', contry FROM samples"
    assert f"column {len(sql.partition('contry')[0]) + 1}: " in lostfound("query", dataset, sql)[2]


@pytest.mark.parametrize(
    ("condition", "place", "said"),
    [
        ("contry_code = 'SE'", "line 1, column 1: ", '"country_code"'),
        ("lat > 1 AND\n  contry_code = 'SE'", "line 2, column 3: ", '"country_code"'),
        ("lat >", "", "syntax error"),
        ("lat = = 1", "line 1, column 7: ", "syntax error"),
        ("nothing(lat)", "line 1, column 1: ", "does not exist"),
        ("true; DROP VIEW samples", "", ""),
        ("lat, lon", "", ""),
    ],
)
def test_expressions(dataset: Path, condition: str, place: str, said: str) -> None:
    connection = connect(DatasetLayout(dataset))
    with pytest.raises(UsageError) as caught:
        check_expression(connection, condition, "--where")
    assert str(caught.value).startswith(f"--where: {place}")
    assert said in str(caught.value)
    assert connection.execute("SELECT count(*) FROM samples").fetchall() == [(1,)]


def test_an_expression_with_a_comment_is_one(dataset: Path) -> None:
    check_expression(connect(DatasetLayout(dataset)), "lat > 1 -- north", "--where")


def test_select_says_where(dataset: Path, lostfound: Run) -> None:
    code, _, error = lostfound("select", dataset, "--where", "lat > 1 AND contry_code = 'SE'")
    assert (code, error.count("\n")) == (2, 1)
    assert '--where: line 1, column 13: Referenced column "contry_code"' in error
    assert '"country_code"' in error


def test_unknown_saved_query(dataset: Path, lostfound: Run) -> None:
    code, _, error = lostfound("query", dataset, "--name", "contry_counts")
    assert (code, error.count("\n")) == (2, 1)
    assert "did you mean country_counts?" in error


def test_errors_of_plain_connections_read_as_well() -> None:
    with pytest.raises(duckdb.Error) as caught:
        duckdb.connect(":memory:").execute("SELECT nothing")
    message, found = decoded(caught.value)
    assert found == {}
    assert "LINE 1" not in message
    assert str(sql_error(caught.value, "--by")).startswith("--by: ")


def test_an_interrupt_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt):
        sql_error(duckdb.InterruptException("stop"))
