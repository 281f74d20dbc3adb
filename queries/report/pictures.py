"""Which pictures a report shows: for each country, for each reason, along each score's axis."""

from dataclasses import dataclass

import duckdb

from shards.keys import order_hash_sql
from shards.schema import IDENTITY, Reason

MAX_SAMPLES = 480
MAX_PER_COUNTRY = 8
MAX_COUNTRIES = 240
"""With more, each would have too few pictures to show what it looks like."""
MAX_REJECTED = 60
MAX_PER_REASON = 6
ALONG = 8
"""Pictures along the axis of a score."""

_ORDER = order_hash_sql(0)
_ORDER_OF_ROWS = order_hash_sql(0, f"concat_ws('/', key, {', '.join(IDENTITY)})")
"""Of rows whose keys may come twice."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Where a picture stands and what to say about it."""

    group: str
    """Country code, reason, or status."""
    key: str
    file: str
    """A tar inside the dataset, with the picture's bytes at `offset`."""
    offset: int
    size: int
    caption: str
    source_url: str
    lat: float | None
    lon: float | None
    value: float | None = None
    """The score that it stands for."""

    @property
    def place(self) -> tuple[str, int, int]:
        return self.file, self.offset, self.size


class Pictures:
    """Every choice from one bounded query; by hash, so that the same data show the same."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def of_countries(self) -> list[Picture]:
        """Kept pictures, the same number of each country, the largest countries first."""
        return self._pictures(
            f"""SELECT country_code, key, tar, tar_offset, tar_size,
                coalesce(split_part(region_name, '_', 2), '') AS caption, source_url, lat, lon, NULL
            FROM (SELECT *, count(*) OVER (PARTITION BY country_code) AS n,
                    row_number() OVER (PARTITION BY country_code ORDER BY {_ORDER}) AS r
                FROM (SELECT key, tar, tar_offset, tar_size, region_name, source_url, lat, lon,
                        country_code
                    FROM samples WHERE tar IS NOT NULL AND country_code IS NOT NULL)),
                (SELECT count(DISTINCT country_code) AS countries FROM samples)
            WHERE r <= {_each("countries", MAX_SAMPLES, MAX_COUNTRIES, MAX_PER_COUNTRY)}
            ORDER BY n DESC, country_code, r LIMIT {MAX_SAMPLES}"""  # noqa: S608
        )

    def of_reasons(self) -> list[Picture]:
        """Examples for each reason, as they were captured."""
        return self._pictures(
            f"""SELECT reason, key, raw_segment, raw_offset, raw_size,
                coalesce(nullif(detail, ''), 'same as ' || duplicate_of, '') AS caption,
                source_url, NULL, NULL, NULL
            FROM (SELECT *, row_number()
                    OVER (PARTITION BY reason
                        ORDER BY {_ORDER}, raw_segment, raw_offset, view)
                    AS r
                FROM captures WHERE status = 'rejected' AND reason IS NOT NULL),
                (SELECT count(DISTINCT reason) AS reasons FROM captures)
            WHERE r <= {_each("reasons", MAX_REJECTED, len(Reason), MAX_PER_REASON)}
            ORDER BY reason, r LIMIT {MAX_REJECTED}"""  # noqa: S608
        )

    def along(self, column: str, low: float, high: float, *, log: bool) -> list[Picture]:
        """One picture for each of `ALONG` equal parts of a score's axis that has any.

        A kept picture as it is stored, a rejected one as it was captured.
        """
        value = f"log10(greatest({column}, 1))" if log else column
        ends = f"log10({high!r}), log10({low!r})" if log else f"{high!r}, {low!r}"
        return self._pictures(
            f"""WITH ends AS (SELECT * FROM (VALUES ({ends})) AS e(top, bottom)),
            first AS (
                SELECT least({ALONG - 1}, floor({ALONG} * ({value} - bottom) / (top - bottom)))
                    AS part,
                    min_by({{'status': status, 'key': key, 'file': coalesce(tar, raw_segment),
                        'at': if(tar IS NULL, raw_offset, tar_offset),
                        'size': if(tar IS NULL, raw_size, tar_size), 'reason': reason,
                        'url': source_url, 'value': {column}}}, {_ORDER_OF_ROWS}) AS r
                FROM captures, ends WHERE isfinite({column}) AND raw_size > 0 GROUP BY part)
            SELECT r.status, r.key, r.file, r.at, r.size,
                coalesce(replace(r.reason, '_', ' '), ''), r.url, NULL, NULL, r.value
            FROM first ORDER BY part"""  # noqa: S608 - column names of this stage, numbers
        )

    def _pictures(self, sql: str) -> list[Picture]:
        rows = self._connection.execute(sql).fetchall()
        return [
            Picture(group, key, file or "", offset or 0, size or 0, caption, url or "", *rest)
            for group, key, file, offset, size, caption, url, *rest in rows
        ]


def _each(groups: str, pictures: int, groups_at_most: int, most: int) -> str:
    """SQL for the pictures of each group when `groups`, up to a number, share `pictures`."""
    return f"least({most}, {pictures} // greatest(1, least({groups}, {groups_at_most})))"
