"""Conditions: the columns that they name, the rows that meet them, and nothing else."""

from pathlib import Path

import pyarrow as pa
import pytest

from shards.errors import UsageError
from shards.fetch.condition import Condition
from shards.schema import SHARD_SCHEMA


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("country_code = 'EE'", ["country_code"]),
        ("samples.LAT > 3 AND split='test'", ["lat", "split"]),
        ("extra ->> '$.author' = 'x' -- extra", ["extra"]),
        ("", []),
        ("lat BETWEEN 1 AND 2 OR country_code IN ('EE', 'LV')", ["lat", "country_code"]),
    ],
)
def test_columns(sql: str, columns: list[str]) -> None:
    assert Condition(sql, SHARD_SCHEMA).columns == columns


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("contry_code = 'EE'", "country_code"),
        ("lat >", "syntax error"),
        ("lat > 1) UNION SELECT (true", "one condition"),
        ("lat > 1); SELECT (true", "one condition"),
        ("true) FROM (SELECT 1) WHERE (true", "one condition"),
        ("lat > (SELECT 1)", "without subqueries"),
        ("EXISTS (FROM read_text('/etc/passwd'))", "without subqueries"),
        ("count(*) > 1", "aggregates"),
        ("lat", None),
        ("getenv('HOME') = 'x'", "getenv"),
    ],
)
def test_what_is_no_condition(sql: str, message: str | None) -> None:
    if message is None:  # DuckDB takes a number for a truth value
        assert Condition(sql, SHARD_SCHEMA).columns == ["lat"]
        return
    with pytest.raises(UsageError, match=message) as error:
        Condition(sql, SHARD_SCHEMA)
    assert "\n" not in str(error.value)


def test_rows() -> None:
    table = pa.table({"lat": [1.0, None, 3.0, 2.0]})
    condition = Condition("lat > 1", pa.schema([("lat", pa.float64())]))
    assert condition.rows(table).to_pylist() == [2, 3]


def test_no_file_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("secret")
    with pytest.raises(UsageError):
        Condition(f"content_of(read_text('{tmp_path}/x.txt'))", SHARD_SCHEMA)


def test_bounds_exclude() -> None:
    bounds = {"split": ("test", "train"), "country_code": ("FR", "SE"), "lat": (1.0, 2.0)}

    def excludes(sql: str) -> bool:
        return Condition(sql, SHARD_SCHEMA).excludes(bounds.get)

    assert excludes("country_code = 'EE'")
    assert excludes("lat > 7 AND 'EE' = Country_Code")
    assert not excludes("country_code = 'GB'")
    assert not excludes("country_code = 'EE' OR lat > 1")
    assert not excludes("NOT country_code = 'EE'")
    assert not excludes("region_id = 'x'")
