"""Duplicates among the kept rows of a whole dataset, found by SQL. Tombstones come first.

Three rules, each over what the ones before it left: the same key, the same captured bytes, exactly
the same coordinates. Of each group the smallest (key, sha256, raw_segment, raw_offset, view) stays.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from shards.atomic import atomic_path
from shards.layout import DatasetLayout
from shards.paths import duckdb_path
from shards.schema import DUPLICATES_SCHEMA, Reason

RULES = (
    (Reason.DUPLICATE_KEY, "key", "true"),
    (Reason.DUPLICATE_BYTES, "sha256, view", "sha256 IS NOT NULL"),
    (Reason.DUPLICATE_POSITION, "lat, lon, view", "lat IS NOT NULL AND lon IS NOT NULL"),
)
"""Reason, the columns that must be equal, and which rows the rule looks at."""

_IDENTITY = "struct_pack(key, sha256, raw_segment, raw_offset, view)"


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """A whole dataset: `captures` = `kept` + the sum of `rejected`."""

    captures: int
    kept: int
    rejected: dict[str, int]
    countries: int
    """Among the kept."""


def find_duplicates(layout: DatasetLayout) -> None:
    """Writes `catalog/duplicates.parquet` from the rows of all parts that have no tombstone."""
    files: dict[str, Any] = {"parts": [duckdb_path(path) for path in layout.parts()]}
    buried = ""
    if layout.tombstones.is_file():
        files["tombstones"] = duckdb_path(layout.tombstones)
        buried = "ANTI JOIN read_parquet($tombstones) AS t USING (raw_segment, raw_offset, view)"
    with duckdb.connect() as connection, atomic_path(layout.duplicates) as temporary:
        connection.execute(f"SET temp_directory = '{_quoted(temporary)}-spill'")
        connection.execute(
            f"""
            CREATE TEMP TABLE remaining AS
            SELECT p.key, p.sha256, p.raw_segment, p.raw_offset, p.view, p.lat, p.lon
            FROM read_parquet($parts) AS p {buried} WHERE p.status = 'kept'
            """,  # noqa: S608 - a constant or nothing
            files,
        )
        connection.execute(
            "CREATE TEMP TABLE duplicates (raw_segment VARCHAR, raw_offset BIGINT,"
            " view INTEGER, key VARCHAR, reason VARCHAR, duplicate_of VARCHAR)"
        )
        for reason, columns, condition in RULES:
            _apply(connection, reason, columns, condition)
        rows = connection.table("duplicates").select(*DUPLICATES_SCHEMA.names)
        ordered = rows.order("raw_segment, raw_offset, view")
        ordered.write_parquet(str(temporary), compression="zstd")


def count_captures(layout: DatasetLayout) -> CaptureCounts:
    """Counts all captures by their final status: the parts' rows with the catalogue applied."""
    catalogue = [path for path in (layout.tombstones, layout.duplicates) if path.is_file()]
    files = {
        "parts": [duckdb_path(path) for path in layout.parts()],
        "catalogue": [duckdb_path(path) for path in catalogue],
    }
    final = (
        " FROM read_parquet($parts) AS part"
        " LEFT JOIN read_parquet($catalogue, union_by_name = true) AS other"
        " USING (raw_segment, raw_offset, view)"
    )
    kept_rows = " WHERE part.status = 'kept' AND other.reason IS NULL"
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT coalesce(part.reason, other.reason) AS final, count(*)"
            f" {final} GROUP BY final ORDER BY final",
            files,
        ).fetchall()
        countries = connection.execute(
            f"SELECT count(DISTINCT part.country_code) {final} {kept_rows}", files
        ).fetchall()[0][0]
    by_reason = dict(rows)
    captures = sum(by_reason.values())
    kept = by_reason.pop(None, 0)
    return CaptureCounts(captures, kept, by_reason, countries)


def _apply(
    connection: duckdb.DuckDBPyConnection, reason: Reason, columns: str, condition: str
) -> None:
    """Moves the rows that one rule rejects from `remaining` to `duplicates`."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE found AS
        WITH repeated AS (
            SELECT {columns}, min({_IDENTITY}) AS stays
            FROM remaining WHERE {condition}
            GROUP BY {columns} HAVING count(*) > 1
        )
        SELECT raw_segment, raw_offset, view, key, stays.key AS duplicate_of
        FROM remaining JOIN repeated USING ({columns})
        WHERE {_IDENTITY} <> stays
        """  # noqa: S608 - all parts are constants of this module
    )
    # What earlier duplicates point at may go now; they then point at what stays instead. Keys are
    # unique by that time, because equal keys went first.
    connection.execute(
        "UPDATE duplicates SET duplicate_of = found.duplicate_of FROM found"
        " WHERE duplicates.duplicate_of = found.key"
    )
    connection.execute(
        "INSERT INTO duplicates BY NAME SELECT *, $reason AS reason FROM found",
        {"reason": str(reason)},
    )
    connection.execute(
        "DELETE FROM remaining USING found WHERE remaining.raw_segment = found.raw_segment"
        " AND remaining.raw_offset = found.raw_offset AND remaining.view = found.view"
    )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
