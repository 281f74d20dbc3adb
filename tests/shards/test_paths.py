"""Paths that come from data, and paths that go to DuckDB."""

from pathlib import Path

import duckdb
import pytest

from shards.paths import duckdb_path, inside


@pytest.mark.parametrize("relative", ["", ".", "/etc/passwd", "../a", "a/../../b", "a\0b", "out/x"])
def test_paths_from_data_that_lead_out_are_refused(tmp_path: Path, relative: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "out").symlink_to(tmp_path)
    assert inside(tmp_path / "in", relative) is None


def test_paths_inside_are_given(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b.jpg") == tmp_path / "a" / "b.jpg"


@pytest.mark.parametrize("name", ["a*", "a?", "[ab]", "plain"])
def test_duckdb_reads_the_named_file_and_no_other(tmp_path: Path, name: str) -> None:
    for folder in (name, "ab", "a"):
        (tmp_path / folder).mkdir()
        duckdb.sql("SELECT 1 AS x").write_parquet(str(tmp_path / "plain.parquet"))
        (tmp_path / "plain.parquet").rename(tmp_path / folder / "rows.parquet")
    path = duckdb_path(tmp_path / name / "rows.parquet")
    found = duckdb.execute("SELECT filename FROM read_parquet($p, filename=true)", {"p": path})
    assert found.fetchall() == [(str(tmp_path / name / "rows.parquet"),)]
