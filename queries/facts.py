"""What a report says about a dataset, as numbers: bounded queries over the catalogue's views."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from queries.histogram import Bin
from queries.worldmap import Cell
from shards.keys import order_hash_sql
from shards.schema import Reason

BINS = 36
MAX_PICTURES = 60
MAX_REJECTED_PICTURES = 45
MAX_PER_GROUP = 6
MAX_COUNTRIES = 20
"""With more, each would have too few pictures to show what it looks like."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Where a picture stands and what to say about it."""

    group: str
    """Country name or reason."""
    key: str
    file: str
    """A tar inside the dataset, with the picture's bytes at `offset`."""
    offset: int
    size: int
    caption: str
    source_url: str


class Facts:
    """Every number of the report, each from one query."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def totals(self) -> dict[str, Any]:
        """Captures, kept, and what stands behind them."""
        [row] = self._rows(
            """SELECT count(*) AS captures, count(*) FILTER (status = 'kept') AS kept,
                count(*) FILTER (status = 'rejected') AS rejected,
                count(DISTINCT country_code) FILTER (status = 'kept') AS countries,
                count(DISTINCT region_id) FILTER (status = 'kept') AS regions,
                count(*) FILTER (status = 'kept' AND lat IS NULL) AS without_position,
                coalesce(sum(raw_size) FILTER (view = 0), 0)::BIGINT AS raw_bytes,
                coalesce(sum(tar_size), 0)::BIGINT AS stored_bytes,
                strftime(min(captured_at), '%Y-%m-%d') AS first_day,
                strftime(max(captured_at), '%Y-%m-%d') AS last_day
            FROM captures"""
        )
        return row

    def sources(self) -> list[dict[str, Any]]:
        return self._rows(
            """SELECT source, count(*) AS captures, count(*) FILTER (status = 'kept') AS kept
            FROM captures GROUP BY source ORDER BY captures DESC, source LIMIT 50"""
        )

    def reasons(self) -> list[dict[str, Any]]:
        return self._rows(
            """SELECT coalesce(reason, 'unknown') AS reason, count(*) AS captures FROM captures
            WHERE status = 'rejected' GROUP BY 1 ORDER BY captures DESC, reason"""
        )

    def countries(self) -> list[dict[str, Any]]:
        return self._rows(
            """SELECT country_code AS code, coalesce(any_value(country_name), country_code) AS name,
                count(*) AS samples, count(DISTINCT region_id) AS regions
            FROM samples WHERE country_code IS NOT NULL
            GROUP BY country_code ORDER BY samples DESC, code"""
        )

    def licences(self) -> list[dict[str, Any]]:
        return self._rows(
            """SELECT coalesce(nullif(license, ''), 'not stated') AS license, count(*) AS samples
            FROM samples GROUP BY 1 ORDER BY samples DESC, 1 LIMIT 20"""
        )

    def cells(self) -> list[Cell]:
        """Samples on a grid of two degrees, each cell at the mean of its positions."""
        rows = self._connection.execute(
            """SELECT avg(lat), avg(lon), count(*) FROM samples WHERE lat IS NOT NULL
            GROUP BY floor(lat / 2), floor(lon / 2) ORDER BY floor(lat / 2), floor(lon / 2)"""
        ).fetchall()
        return [Cell(*row) for row in rows]

    def histogram(self, column: str, *, log: bool, reach: Sequence[float] = ()) -> list[Bin]:
        """`BINS` bins of equal width, on a logarithmic axis when `log` (values below 1 count as 1).

        The bins reach the values `reach` even when no capture does.
        """

        def scaled(text: str) -> str:
            return f"log10(greatest({text}, 1))" if log else text

        value = scaled(column)
        edges_sql = ", ".join(["NULL", *(scaled(repr(float(edge))) for edge in reach)])
        rows = self._connection.execute(
            f"""WITH v AS (SELECT {value} AS v, status FROM captures
                WHERE isfinite({column})),
            e AS (SELECT least(min(v), {edges_sql}) AS low, greatest(max(v), {edges_sql}) AS high
                FROM v)
            SELECT low, high,
                least({BINS - 1}, floor((v - low) / nullif(high - low, 0) * {BINS}))::INTEGER AS b,
                count(*) FILTER (status = 'kept'), count(*) FILTER (status = 'rejected')
            FROM v, e GROUP BY ALL ORDER BY b"""  # noqa: S608 - column names of this module
        ).fetchall()
        if not rows or rows[0][0] == rows[0][1]:
            return []  # no values, or one alone
        low, high = rows[0][:2]
        edges = [low + (high - low) * n / BINS for n in range(BINS + 1)]
        edges = [10**edge for edge in edges] if log else edges
        counts = {number: (kept, rejected) for _, _, number, kept, rejected in rows}
        return [Bin(edges[n], edges[n + 1], *counts.get(n, (0, 0))) for n in range(BINS)]

    def selections(self) -> list[dict[str, Any]]:
        return self._rows(
            """SELECT selection AS name, count(*) AS samples,
                count(*) FILTER (split = 'train') AS train,
                count(*) FILTER (split = 'validation') AS validation,
                count(*) FILTER (split = 'test') AS test,
                count(DISTINCT country_code) AS countries,
                count(DISTINCT region_id) AS regions
            FROM selections GROUP BY selection ORDER BY selection"""
        )

    def shards(self) -> list[dict[str, Any]]:
        return self._rows(
            """SELECT shard_set AS name, split, count(DISTINCT tar) AS shards, count(*) AS samples,
                coalesce(sum(tar_size), 0)::BIGINT AS image_bytes
            FROM shards GROUP BY shard_set, split
            ORDER BY shard_set, array_position(['train', 'validation', 'test'], split)"""
        )

    def sample_pictures(self) -> list[Picture]:
        """Kept pictures of the largest countries, the same number of each."""
        return self._pictures(
            f"""SELECT country_name, key, tar, tar_offset, tar_size,
                coalesce(split_part(region_name, '_', 2), '') AS caption, source_url
            FROM (SELECT *, count(*) OVER (PARTITION BY country_code) AS n,
                    row_number() OVER (PARTITION BY country_code ORDER BY {order_hash_sql(0)}) AS r
                FROM samples WHERE tar IS NOT NULL AND country_name IS NOT NULL),
                (SELECT count(DISTINCT country_code) AS countries FROM samples)
            WHERE r <= {_each("countries", MAX_PICTURES, MAX_COUNTRIES)}
            ORDER BY n DESC, country_name, r LIMIT {MAX_PICTURES}"""  # noqa: S608
        )

    def rejected_pictures(self) -> list[Picture]:
        """Examples for each reason, as they were captured."""
        return self._pictures(
            f"""SELECT reason, key, raw_segment, raw_offset, raw_size,
                coalesce(nullif(detail, ''), 'same as ' || duplicate_of, '') AS caption, source_url
            FROM (SELECT *, row_number()
                    OVER (PARTITION BY reason
                        ORDER BY {order_hash_sql(0)}, raw_segment, raw_offset, view)
                    AS r
                FROM captures WHERE status = 'rejected' AND reason IS NOT NULL),
                (SELECT count(DISTINCT reason) AS reasons FROM captures)
            WHERE r <= {_each("reasons", MAX_REJECTED_PICTURES, len(Reason))}
            ORDER BY reason, r LIMIT {MAX_REJECTED_PICTURES}"""  # noqa: S608
        )

    def _pictures(self, sql: str) -> list[Picture]:
        rows = self._connection.execute(sql).fetchall()
        return [
            Picture(group, key, file or "", offset or 0, size or 0, caption, url or "")
            for group, key, file, offset, size, caption, url in rows
        ]

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _each(groups: str, pictures: int, most: int) -> str:
    """SQL for the pictures of each group when `groups`, but at most `most`, share `pictures`."""
    return f"least({MAX_PER_GROUP}, {pictures} // greatest(1, least({groups}, {most})))"
