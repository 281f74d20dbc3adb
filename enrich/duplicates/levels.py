"""Duplicates among the kept rows of a whole dataset. Tombstones come first.

Levels, each over what the ones before it left: the same key, the same captured bytes, exactly the
same coordinates, a changed copy of one picture, too near in the same direction, too near in one
sequence. Different views of one panorama share key, bytes and position and are no duplicates.

Of several the best stays: the most pixels as captured, then the most bytes, then the smallest key,
sha256 and place. So nothing depends on the order of arrival. Bytes, because compression, blur and
boxes make them fewer, while captions and noise would pass for sharpness.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from enrich.duplicates.options import DuplicateOptions, store_options, stored_options
from enrich.duplicates.resolve import FOUND_SCHEMA, Work, find_copies
from enrich.duplicates.spacing import too_close
from shards.atomic import atomic_path
from shards.database import connect
from shards.layout import DatasetLayout
from shards.paths import duckdb_path
from shards.schema import CLUSTERS_SCHEMA, DUPLICATES_SCHEMA, IDENTITY, Reason, Status


class Level(StrEnum):
    """Why two rows belong together, from the strictest to the loosest."""

    KEY = "key"
    BYTES = "bytes"
    POSITION = "position"
    PICTURE = "picture"
    NEAR = "near"
    SEQUENCE = "sequence"


_EQUAL = (
    (Level.KEY, Reason.DUPLICATE_KEY, "key, view", "true"),
    (Level.BYTES, Reason.DUPLICATE_BYTES, "sha256, view", "sha256 IS NOT NULL"),
    (
        Level.POSITION,
        Reason.DUPLICATE_POSITION,
        "lat, lon, view",
        "lat IS NOT NULL AND lon IS NOT NULL",
    ),
)
"""Level, reason, the columns that must be equal, and which rows the rule looks at."""

_FOUND = {
    "distance": "INTEGER",
    "agreement": "DOUBLE",
    "overlap": "DOUBLE",
    "metres": "DOUBLE",
    "detail": "VARCHAR",
}
"""What some levels say about a pair."""

BEST_FIRST = "pixels DESC, raw_size DESC, key, sha256 NULLS FIRST, raw_segment, raw_offset, view"


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """A whole dataset: `rows` = `kept` + the sum of `rejected`."""

    captures: int
    rows: int
    """One for each capture, and one more for each further view of a panorama."""
    kept: int
    rejected: dict[str, int]
    countries: int
    """Among the kept."""


def find_duplicates(
    layout: DatasetLayout, options: DuplicateOptions | None = None, *, workers: int = 1
) -> Work:
    """Writes `catalog/duplicates.parquet` and `catalog/clusters.parquet`.

    Without `options` those of the last run apply. Says what it had to compare for it.
    """
    if options is None:
        options = stored_options(layout)
    if not layout.parts():
        for path in (layout.duplicates, layout.clusters):
            path.unlink(missing_ok=True)
        return Work()
    with connect(layout.catalog) as connection:
        _load(connection, layout)
        for level, reason, columns, condition in _EQUAL:
            _find_equal(connection, columns, condition)
            _drop_found(connection, level, reason)
        work = Work()
        if options.similar:
            found, work = find_copies(connection, layout, options, BEST_FIRST, workers)
            _register(connection, found)
            _drop_found(connection, Level.PICTURE, Reason.DUPLICATE_VIEW)
        if options.same_view_m:
            _find_near(connection, options.same_view_m, options.heading_tolerance)
            _drop_found(connection, Level.NEAR, Reason.DUPLICATE_VIEW)
        if options.thin_m:
            _find_crowded(connection, options.thin_m)
            _drop_found(connection, Level.SEQUENCE, Reason.DUPLICATE_VIEW)
        _write(connection, layout)
    store_options(layout, options)
    return work


def count_captures(layout: DatasetLayout) -> CaptureCounts:
    """Counts all rows by their final status: those of the parts with the catalogue applied."""
    if not layout.parts():
        return CaptureCounts(0, 0, 0, {}, 0)
    catalogue = [path for path in (layout.tombstones, layout.duplicates) if path.is_file()]
    files = {
        "parts": [duckdb_path(path) for path in layout.parts()],
        "catalogue": [duckdb_path(path) for path in catalogue],
    }
    final = (
        " FROM read_parquet($parts) AS part"
        " LEFT JOIN read_parquet($catalogue, union_by_name = true) AS other"
        f" USING ({', '.join(IDENTITY)})"
    )
    kept_rows = f" WHERE part.status = '{Status.KEPT}' AND other.reason IS NULL"
    with connect(layout.catalog) as connection:
        found = connection.execute(
            "SELECT coalesce(part.reason, other.reason) AS final, count(*)"
            f" {final} GROUP BY final ORDER BY final",
            files,
        ).fetchall()
        countries = connection.execute(
            f"SELECT count(DISTINCT part.country_code) {final} {kept_rows}", files
        ).fetchall()[0][0]
        captures = connection.execute(
            "SELECT count(*) FROM read_parquet($parts) WHERE view = 0", {"parts": files["parts"]}
        ).fetchall()[0][0]
    by_reason = dict(found)
    rows = sum(by_reason.values())
    kept = by_reason.pop(None, 0)
    return CaptureCounts(captures, rows, kept, by_reason, countries)


def _load(connection: duckdb.DuckDBPyConnection, layout: DatasetLayout) -> None:
    """The table `remaining`: what no level has dropped yet; `row` numbers it."""
    files: dict[str, Any] = {"parts": [duckdb_path(path) for path in layout.parts()]}
    buried = ""
    if layout.tombstones.is_file():
        files["tombstones"] = duckdb_path(layout.tombstones)
        buried = f"ANTI JOIN read_parquet($tombstones) AS t USING ({', '.join(IDENTITY)})"
    connection.execute(
        f"""
        CREATE TEMP TABLE remaining AS
        SELECT row_number() OVER () AS row, key, sha256, raw_segment, raw_offset, view,
            coalesce(source_width::BIGINT * source_height, 0) AS pixels,
            coalesce(raw_size, 0) AS raw_size,
            lat, lon, heading, source, group_id, tar, tar_offset, tar_size
        FROM read_parquet($parts) AS p {buried} WHERE p.status = '{Status.KEPT}'
        """,  # noqa: S608 - constants
        files,
    )
    found = ", ".join(f"NULL::{kind} AS {name}" for name, kind in _FOUND.items())
    connection.execute(
        "CREATE TEMP TABLE dropped AS SELECT row, key, raw_segment, raw_offset, view,"  # noqa: S608
        f" NULL::VARCHAR AS level, NULL::VARCHAR AS reason, NULL::BIGINT AS stays, {found}"
        " FROM remaining LIMIT 0"
    )


def _find_equal(connection: duckdb.DuckDBPyConnection, columns: str, condition: str) -> None:
    """The table `found`: the rows that are equal to a better one."""
    # First which values are repeated: few rows have to be put in order then.
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE found AS
        WITH repeated AS (
            SELECT {columns} FROM remaining WHERE {condition} GROUP BY ALL HAVING count(*) > 1
        ), members AS (
            SELECT row,
                first_value(row) OVER (PARTITION BY {columns} ORDER BY {BEST_FIRST}) AS stays
            FROM remaining JOIN repeated USING ({columns})
        )
        SELECT row, stays FROM members WHERE row <> stays
        """  # noqa: S608 - all parts are constants of this module
    )


def _find_near(connection: duckdb.DuckDBPyConnection, metres: float, tolerance: float) -> None:
    """The table `found`: rows near a better one that looks in the same direction."""
    _find_close(
        connection,
        "0 AS crowd, heading",
        "heading IS NOT NULL",
        (metres, tolerance),
        "looks in the same direction",
    )


def _find_crowded(connection: duckdb.DuckDBPyConnection, metres: float) -> None:
    """The table `found`: rows near a better one of the same sequence, view by view."""
    _find_close(
        connection,
        "dense_rank() OVER (ORDER BY source, group_id, view) AS crowd, NULL AS heading",
        "group_id <> ''",
        (metres, 180.0),
        "belongs to the same sequence",
    )


def _find_close(
    connection: duckdb.DuckDBPyConnection,
    columns: str,
    condition: str,
    reach: tuple[float, float],
    why: str,
) -> None:
    rows = connection.sql(
        f"""
        SELECT row, key, lat, lon, {columns} FROM remaining
        WHERE lat IS NOT NULL AND lon IS NOT NULL AND {condition} ORDER BY {BEST_FIRST}
        """  # noqa: S608 - all parts are constants of this module
    ).to_arrow_table()
    numbers = rows["row"].to_numpy()
    headed = rows["heading"].null_count == 0 and rows.num_rows > 0
    heading = rows["heading"].to_pylist() if headed else None
    lat, lon, crowd = (rows[name].to_pylist() for name in ("lat", "lon", "crowd"))
    found = [
        {
            "row": int(numbers[one.row]),
            "stays": int(numbers[one.stays]),
            "metres": one.metres,
            "detail": f"{one.metres:.1f} m from {rows['key'][one.stays]}, which {why}",
        }
        for one in too_close(lat, lon, crowd, heading, *reach)
    ]
    _register(connection, pa.Table.from_pylist(found, schema=FOUND_SCHEMA))


def _register(connection: duckdb.DuckDBPyConnection, found: pa.Table) -> None:
    connection.register("found_rows", found)
    connection.execute("CREATE OR REPLACE TEMP TABLE found AS SELECT * FROM found_rows")
    connection.unregister("found_rows")


def _drop_found(connection: duckdb.DuckDBPyConnection, level: Level, reason: Reason) -> None:
    """Moves the rows of `found` from `remaining` to `dropped`."""
    # What earlier levels left may go now; what was dropped for it then belongs to what stays.
    connection.execute(
        "UPDATE dropped SET stays = found.stays FROM found WHERE dropped.stays = found.row"
    )
    connection.execute(
        """
        INSERT INTO dropped BY NAME SELECT found.*, key, raw_segment, raw_offset, view,
            $level AS level, $reason AS reason
        FROM found JOIN remaining USING (row)
        """,
        {"level": str(level), "reason": str(reason)},
    )
    connection.execute("DELETE FROM remaining USING found WHERE remaining.row = found.row")


def _write(connection: duckdb.DuckDBPyConnection, layout: DatasetLayout) -> None:
    """The two files of the catalogue, in the order of the rows' places."""
    connection.execute(
        """
        CREATE TEMP VIEW duplicates AS
        SELECT d.*, r.key AS duplicate_of FROM dropped AS d JOIN remaining AS r ON d.stays = r.row
        """
    )
    connection.execute(
        """
        CREATE TEMP VIEW clusters AS
        SELECT duplicate_of AS cluster, key, raw_segment, raw_offset, view, false AS survivor,
            level, distance, agreement, overlap, metres
        FROM duplicates
        UNION ALL BY NAME
        SELECT key AS cluster, key, raw_segment, raw_offset, view, true AS survivor
        FROM remaining SEMI JOIN dropped ON remaining.row = dropped.stays
        """
    )
    _write_ordered(connection, "duplicates", DUPLICATES_SCHEMA, IDENTITY, layout.duplicates)
    order = ("cluster", "survivor DESC", *IDENTITY)
    _write_ordered(connection, "clusters", CLUSTERS_SCHEMA, order, layout.clusters)


def _write_ordered(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    schema: pa.Schema,
    order: Sequence[str],
    final: Path,
) -> None:
    with atomic_path(final) as temporary:
        rows = connection.table(view).select(*schema.names).order(", ".join(order))
        rows.write_parquet(str(temporary), compression="zstd")
