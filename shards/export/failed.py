"""Captures of a dataset that became no sample, for formats that list those."""

from typing import Any

from shards.database import connect
from shards.layout import DatasetLayout
from shards.paths import duckdb_path
from shards.schema import Reason, Status

_COLUMNS = (
    "key",
    "source",
    "source_url",
    "license",
    "attribution",
    "source_width",
    "source_height",
    "sha256",
)


def failed_captures(layout: DatasetLayout) -> list[dict[str, Any]]:
    """One record for each rejected capture, with `reason` and `detail`, sorted by key.

    Those that must not be published are left out.
    """
    parts = [duckdb_path(part) for part in layout.parts()]
    if not parts:
        return []
    columns = ", ".join(f"p.{name}" for name in _COLUMNS)
    given: dict[str, Any] = {"parts": parts}
    later = "SELECT NULL AS raw_segment, NULL AS raw_offset, NULL AS view, NULL AS reason LIMIT 0"
    if layout.duplicates.is_file():
        later = "SELECT raw_segment, raw_offset, view, reason FROM read_parquet($duplicates)"
        given["duplicates"] = duckdb_path(layout.duplicates)
    denied = "SELECT NULL AS raw_segment, NULL AS raw_offset, NULL AS view LIMIT 0"
    if layout.tombstones.is_file():
        denied = "SELECT raw_segment, raw_offset, view FROM read_parquet($tombstones)"
        given["tombstones"] = duckdb_path(layout.tombstones)
    sql = f"""
        WITH later AS (
            SELECT raw_segment, raw_offset, view, min(reason) AS reason FROM ({later}) GROUP BY ALL
        )
        SELECT {columns}, coalesce(p.reason, later.reason) AS reason, p.detail
        FROM read_parquet($parts) AS p
        LEFT JOIN later USING (raw_segment, raw_offset, view)
        ANTI JOIN ({denied}) AS denied USING (raw_segment, raw_offset, view)
        WHERE (p.status = '{Status.REJECTED}' OR later.reason IS NOT NULL)
            AND coalesce(p.reason, later.reason) <> '{Reason.OPTED_OUT}'
        ORDER BY p.key, p.raw_segment, p.raw_offset, p.view
        """  # noqa: S608 - names of columns and members of enums
    with connect(layout.catalog) as connection:
        rows = connection.execute(sql, given)
        names = [name for name, *_ in rows.description or []]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
