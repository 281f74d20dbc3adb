"""What a report says about a dataset, as numbers: bounded queries over the catalogue's views."""

from collections.abc import Sequence
from typing import Any

import duckdb

from shards.pages.histogram import Bin
from shards.pages.worldmap import Cell

BINS = 36
MAX_ROWS = 300
"""Of any list: more than there are countries."""
MAX_AUTHORS = 25


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
            """SELECT source, count(*) AS captures, count(*) FILTER (status = 'kept') AS kept,
                coalesce(sum(raw_size) FILTER (view = 0), 0)::BIGINT AS raw_bytes,
                coalesce(sum(tar_size), 0)::BIGINT AS stored_bytes
            FROM captures GROUP BY source ORDER BY captures DESC, source LIMIT 50"""
        )

    def reasons(self) -> list[dict[str, Any]]:
        return self._rows(
            """SELECT coalesce(reason, 'unknown') AS reason, count(*) AS captures FROM captures
            WHERE status = 'rejected' GROUP BY 1 ORDER BY captures DESC, reason LIMIT 50"""
        )

    def countries(self) -> list[dict[str, Any]]:
        return self._rows(
            f"""SELECT country_code AS code, coalesce(min(country_name), country_code) AS name,
                count(*) AS samples, count(DISTINCT region_id) AS regions
            FROM samples WHERE country_code IS NOT NULL
            GROUP BY country_code ORDER BY samples DESC, code LIMIT {MAX_ROWS}"""  # noqa: S608
        )

    def licences(self) -> list[dict[str, Any]]:
        return self._rows(
            """SELECT coalesce(nullif(license, ''), 'not stated') AS license,
                coalesce(min(nullif(license_url, '')), '') AS url, count(*) AS samples,
                count(DISTINCT nullif(attribution, '')) AS authors
            FROM samples GROUP BY 1 ORDER BY samples DESC, 1 LIMIT 20"""
        )

    def authors(self) -> dict[str, Any]:
        """`all`: how many there are; `without`: samples that name none; `first`: the largest."""
        [row] = self._rows(
            """SELECT count(DISTINCT nullif(attribution, '')) AS "all",
                count(*) FILTER (coalesce(attribution, '') = '') AS without FROM samples"""
        )
        first = self._rows(
            f"""SELECT attribution AS author, count(*) AS samples,
                string_agg(DISTINCT nullif(license, ''), ', ' ORDER BY nullif(license, ''))
                    AS licences
            FROM samples WHERE coalesce(attribution, '') <> ''
            GROUP BY attribution ORDER BY samples DESC, attribution LIMIT {MAX_AUTHORS}"""  # noqa: S608
        )
        return row | {"first": first}

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
        """How many samples each selection has in each split, and of how many places."""
        return self._rows(
            """SELECT selection AS name, count(*) AS samples,
                count(*) FILTER (split = 'train') AS train,
                count(*) FILTER (split = 'validation') AS validation,
                count(*) FILTER (split = 'test') AS test,
                count(DISTINCT country_code) AS countries,
                count(DISTINCT region_id) AS regions
            FROM selections GROUP BY selection ORDER BY selection"""
        )

    def split_countries(self, selection: str) -> list[dict[str, Any]]:
        """How many samples of each country each split of a selection has, the largest first."""
        return self._rows(
            f"""SELECT country_code AS code, count(*) AS samples,
                count(*) FILTER (split = 'train') AS train,
                count(*) FILTER (split = 'validation') AS validation,
                count(*) FILTER (split = 'test') AS test
            FROM selections WHERE selection = ? AND country_code IS NOT NULL
            GROUP BY country_code ORDER BY samples DESC, code LIMIT {MAX_ROWS}""",  # noqa: S608
            selection,
        )

    def _rows(self, sql: str, *values: str) -> list[dict[str, Any]]:
        cursor = self._connection.execute(sql, values)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
