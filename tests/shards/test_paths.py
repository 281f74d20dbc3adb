"""Paths that come from data, and paths that go to DuckDB."""

from pathlib import Path

import duckdb
import pytest

from shards.paths import duckdb_path, inside


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a\0b"])
def test_a_path_that_leaves_its_folder_is_refused(tmp_path: Path, path: str) -> None:
    assert inside(tmp_path, path) is None


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    assert inside(folder, "link/x") is None
    assert inside(folder, "a/b.jpg") == folder / "a" / "b.jpg"


@pytest.mark.parametrize("name", ["a*", "a?", "[ab]", "plain"])
def test_duckdb_reads_the_named_file_and_no_other(tmp_path: Path, name: str) -> None:
    for folder in (name, "ab", "a"):
        (tmp_path / folder).mkdir()
        duckdb.sql("SELECT 1 AS x").write_parquet(str(tmp_path / "plain.parquet"))
        (tmp_path / "plain.parquet").rename(tmp_path / folder / "rows.parquet")
    path = duckdb_path(tmp_path / name / "rows.parquet")
    found = duckdb.execute("SELECT filename FROM read_parquet($p, filename=true)", {"p": path})
    assert found.fetchall() == [(str(tmp_path / name / "rows.parquet"),)]
