"""`attribution.csv`: everybody whose photographs stand in a shard set, with their licences."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import duckdb

from shards.atomic import atomic_file
from shards.paths import duckdb_path

ATTRIBUTION_NAME = "attribution.csv"
COLUMNS = ("author", "licence", "licence_url", "source", "samples")

# The author that the source names, or else the words in which it wants to be named.
_AUTHOR = """CASE WHEN json_valid(extra) AND json_type(extra, '$.author') = 'VARCHAR'
    AND trim(extra ->> '$.author') <> '' THEN extra ->> '$.author' ELSE attribution END"""
_ROWS = 10_000


def write_attribution(path: Path, metadata: Iterable[Path]) -> None:
    """Writes the table for the given metadata files, sorted by its columns.

    One line for each author, licence, its address and source; `samples` is how many there are.
    """
    files = [duckdb_path(file) for file in metadata]
    with duckdb.connect() as connection, atomic_file(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(COLUMNS)
        found = connection.execute(
            f"""SELECT coalesce({_AUTHOR}, ''), coalesce(license, ''), coalesce(license_url, ''),
                source, count(*) FROM read_parquet($files) GROUP BY ALL ORDER BY ALL""",  # noqa: S608
            {"files": files},
        )
        while rows := found.fetchmany(_ROWS):
            lines.writerows(rows)
        text.detach()
