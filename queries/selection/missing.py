"""What a dataset lacks of a selection that was made elsewhere, and why."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from queries.selection.written import DESCRIBED
from shards.atomic import write_text

SHOWN = 3
"""Keys that an error names."""
LIST_COLUMNS = ("url", "lat", "lon", "country", "key")
"""Of a list for `crawl urls`, which takes them by these names."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A row of the selection that is not to be had here."""

    key: str
    source: str
    reason: str | None
    """Why the dataset rejects it; None when it was never captured here."""
    url: str | None
    lat: float | None
    lon: float | None
    country_code: str | None
    fetchable: bool
    """`crawl urls` gives it again, under the same key."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Samples of a selection that the dataset does not have, by key."""

    selected: int
    samples: list[Sample]

    def __bool__(self) -> bool:
        return bool(self.samples)

    @property
    def absent(self) -> list[Sample]:
        """Those that were never captured here."""
        return [sample for sample in self.samples if sample.reason is None]

    @property
    def rejected(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.reason is not None]

    def text(self, *, advise: bool = True) -> str:
        """How many, from where, the first keys; and, to advise, what to do."""
        parts, advice = [], []
        if self.absent:
            parts.append(_counted(self.absent, "never captured or enriched here", "source"))
            advice.append("--fetch-missing ORIGIN copies their segments from another copy")
        if any(sample.fetchable for sample in self.absent):
            advice.append("--missing-list FILE.csv lists web addresses for `lostfound crawl urls`")
        if self.rejected:
            parts.append(_counted(self.rejected, "rejected here", "reason"))
        return (
            f"{len(self.samples):,} of its {self.selected:,} samples are missing:"
            f" {'; '.join([', and '.join(parts), *(advice if advise else [])])}"
        )


def find_missing(connection: duckdb.DuckDBPyConnection, given: pa.Table) -> Missing:
    """Looks the rows of a selection up in `captures`; makes the table `here` of those found."""
    connection.register("given", given)
    connection.execute(
        f"""CREATE TEMP TABLE here AS SELECT {", ".join(DESCRIBED)}
        FROM samples SEMI JOIN given USING (key)"""  # noqa: S608 - constants
    )
    rows = connection.execute(
        """
        WITH lacking AS (SELECT * FROM given ANTI JOIN here USING (key)),
        -- A key may have been captured several times.
        known AS (
            SELECT key, min(coalesce(reason, 'unknown')) AS reason
            FROM captures SEMI JOIN lacking USING (key) GROUP BY key
        )
        SELECT key, coalesce(source, ''), reason, url, lat, lon, country_code,
            coalesce(key = 'url-' || substr(sha256(url), 1, 24), false)
        FROM lacking LEFT JOIN known USING (key) ORDER BY key
        """
    ).fetchall()
    connection.unregister("given")
    return Missing(given.num_rows, [Sample(*row) for row in rows])


def write_list(missing: Missing, path: Path) -> int:
    """Writes a CSV for `lostfound crawl urls` of the samples that it gives again, if any.

    Returns how many they are.
    """
    fetchable = [sample for sample in missing.absent if sample.fetchable]
    if not fetchable:
        return 0
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(LIST_COLUMNS)
    for one in fetchable:
        writer.writerow([one.url, one.lat, one.lon, one.country_code, one.key])
    write_text(path, file.getvalue())
    return len(fetchable)


def _counted(samples: list[Sample], what: str, by: str) -> str:
    """`12 never captured here (10 panoramax, 2 urls; first: a, b, c)`."""
    counts = Counter(str(getattr(sample, by)) for sample in samples).most_common()
    groups = ", ".join(f"{count:,} {name}" for name, count in counts)
    first = ", ".join(sample.key for sample in samples[:SHOWN])
    return f"{len(samples):,} {what} ({groups}; first: {first})"
