"""What a shard directory's metadata says about it as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from shards.database import connect
from shards.errors import WorkError
from shards.labels import LABELS_NAME, load_labels
from shards.manifest import Manifest
from shards.members import KEPT_SQL, Kept
from shards.paths import duckdb_path


@dataclass(frozen=True, slots=True)
class Box:
    """The smallest box of parallels and meridians around all positions, in degrees."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, slots=True)
class Facts:
    licences: list[tuple[str, str, str, int]]
    """(licence, its address, source, samples), sorted; empty texts where unknown."""
    countries: list[tuple[str, str, str, int]]
    """(country code, country name, split, samples), sorted by code; empty texts where unknown."""
    places: list[tuple[float, float, int]]
    """(lat, lon, samples) to a quarter of a degree."""
    box: Box | None
    """None when no sample has coordinates."""
    first: date | None
    """The day of the earliest capture whose time is known, UTC."""
    last: date | None
    kept: Kept
    """What became of the captured files."""
    positions: int
    """Samples with coordinates."""
    times: int
    """Samples with a time of capture."""
    screened: int
    """Samples that were searched for faces and number plates."""
    country_classes: int
    region_classes: int


def read_facts(directory: Path, manifest: Manifest) -> Facts:
    """Reads the metadata of all shards. Raises WorkError when it is missing or damaged."""
    files = [directory / entry.path for entry in manifest.files if entry.path.endswith(".parquet")]
    labels = load_labels(directory / LABELS_NAME)
    try:
        with connect(directory) as connection:
            return _query(connection, files, len(labels.countries), len(labels.regions))
    except duckdb.Error as error:
        problem = str(error).splitlines()[0]
        raise WorkError(
            f"{directory}: its metadata cannot be read ({problem}); build the shards again"
        ) from None


def _query(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], countries: int, regions: int
) -> Facts:
    paths = ", ".join(map(_quoted, files))
    connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet([{paths}])")  # noqa: S608

    def rows(sql: str) -> list[tuple[Any, ...]]:
        return connection.sql(sql).fetchall()

    [(south, west, north, east, first, last, *counts)] = rows(
        "SELECT min(lat), min(lon), max(lat), max(lon),"
        " min(captured_at)::DATE, max(captured_at)::DATE,"
        " count(*) FILTER (lat IS NOT NULL AND lon IS NOT NULL), count(captured_at),"
        " count(blurred) FROM rows"
    )
    positions, times, screened = counts
    [(kept,)] = rows(f"SELECT min({KEPT_SQL}) FROM rows")  # noqa: S608 - a constant
    return Facts(
        licences=rows(
            "SELECT coalesce(license, ''), coalesce(license_url, ''), source, count(*)"
            " FROM rows GROUP BY ALL ORDER BY ALL"
        ),
        countries=rows(
            "SELECT coalesce(country_code, ''), coalesce(country_name, ''), split, count(*)"
            " FROM rows GROUP BY ALL ORDER BY ALL"
        ),
        places=rows(
            "SELECT round(lat * 4) / 4 AS y, round(lon * 4) / 4 AS x, count(*) FROM rows"
            " WHERE lat IS NOT NULL AND lon IS NOT NULL GROUP BY ALL ORDER BY ALL"
        ),
        box=Box(south, west, north, east) if positions else None,
        first=first,
        last=last,
        kept=Kept(kept),
        positions=positions,
        times=times,
        screened=screened,
        country_classes=countries,
        region_classes=regions,
    )


def _quoted(file: Path) -> str:
    return "'" + duckdb_path(file).replace("'", "''") + "'"
