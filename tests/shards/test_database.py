"""Whole-dataset SQL stays within its memory and leaves nothing behind."""

from pathlib import Path

import pytest

from shards.database import connect
from shards.errors import WorkError

MEMORY = 64 << 20
ROWS = 4_000_000
"""Of 100 bytes of text each: several times the memory."""


def test_what_does_not_fit_goes_to_disk_and_is_gone_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "it's a catalogue"
    with connect(folder, MEMORY) as connection:
        connection.execute("SET threads = 1")
        connection.execute(
            "CREATE TABLE many AS SELECT i, repeat(md5(i::VARCHAR), 3) AS text"
            f" FROM range({ROWS}) AS numbers(i)"
        )
        [(used,)] = connection.execute(
            "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
        ).fetchall()
        spilled = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        [(rows,)] = connection.execute("SELECT count(DISTINCT i) FROM many").fetchall()
    assert used <= MEMORY < spilled
    assert rows == ROWS
    assert list(folder.iterdir()) == []


def test_too_little_memory_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(WorkError, match="out of memory or disk") as raised,
        connect(tmp_path, 1 << 20) as connection,
    ):
        connection.execute("CREATE TABLE t AS SELECT list(i) FROM range(10000000) r(i)")
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_times_are_utc(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        [(zone,)] = connection.execute("SELECT current_setting('TimeZone')").fetchall()
    assert zone == "UTC"
