"""What another dataset, a shard directory or a table of a benchmark has in common with samples.

Equal bytes by SHA-256, near pictures by their perceptual hash, near places by distance. Hashes are
compared as `enrich` makes them; a table may hold any of the columns.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from enrich.duplicates.hamming import near_between
from queries.selection.options import Options
from queries.selection.spatial import within_km
from queries.views.catalogue import connect
from queries.views.sources import open_source, quoted
from shards.errors import UsageError, WorkError
from shards.paths import duckdb_path
from shards.remote import is_address

Mask = npt.NDArray[np.bool_]

CONTENT_SQL = "('0x' || substr(sha256, 1, 15))::BIGINT"
"""The beginning of a picture's SHA-256 as a number: 60 bits tell pictures apart."""

_CONTENT = (
    "CASE WHEN regexp_full_match({0}::VARCHAR, '[0-9A-Fa-f]{{64}}')"
    " THEN ('0x' || substr(lower({0}::VARCHAR), 1, 15))::BIGINT END"
)
_COLUMNS = {
    "sha256": (("sha256",), _CONTENT),
    # The beginning of the SHA-256, as a selection's rows have it.
    "content": (("content",), "try_cast({0} AS BIGINT)"),
    "phash": (("phash",), "try_cast({0} AS BIGINT)"),
    "lat": (("lat", "latitude"), "try_cast({0} AS DOUBLE)"),
    "lon": (("lon", "lng", "long", "longitude"), "try_cast({0} AS DOUBLE)"),
}
"""What is looked for in a table: under which names, in any case, and how it is read."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What tells pictures apart, each without repetition and without gaps, or row by row."""

    content: npt.NDArray[np.int64]
    phash: npt.NDArray[np.uint64]
    points: npt.NDArray[np.float64]
    """(lat, lon) in degrees, shape (n, 2)."""


@dataclass(frozen=True, slots=True)
class Common:
    """Which samples another dataset has as well, by the first cause that shows it."""

    by_sha256: Mask
    by_phash: Mask
    by_distance: Mask

    @property
    def any(self) -> Mask:
        return self.by_sha256 | self.by_phash | self.by_distance


def decontaminate(
    connection: duckdb.DuckDBPyConnection, options: Options
) -> list[dict[str, int | str]]:
    """Puts among `dropped` what any of `options.decontaminate` has as well.

    Returns what `selection.json` says of each: how many samples it took, by cause. Raises
    WorkError when no sample is left.
    """
    return [_take_out(connection, other, options) for other in options.decontaminate]


def _take_out(
    connection: duckdb.DuckDBPyConnection, other: str, options: Options
) -> dict[str, int | str]:
    marks = read_marks(other)
    samples = connection.sql(
        f"""SELECT key, {CONTENT_SQL} AS content, phash, lat, lon
        FROM eligible ANTI JOIN dropped USING (key)"""  # noqa: S608 - a constant
    ).to_arrow_table()
    common = find_common(
        samples, marks, bits=options.decontaminate_bits, km=options.decontaminate_km
    )
    if common.any.all():
        raise WorkError(f"no sample is left: {other} has all of them; select from other samples")
    connection.register("common", samples.select(["key"]).filter(pa.array(common.any)))
    connection.execute("INSERT INTO dropped SELECT key FROM common")
    connection.unregister("common")
    return {
        "other": other,
        "sha256": int(common.by_sha256.sum()),
        "phash": int(common.by_phash.sum()),
        "distance": int(common.by_distance.sum()),
    }


def find_common(samples: pa.Table, other: Marks, *, bits: int, km: float) -> Common:
    """Compares samples, with the columns content, phash, lat and lon, to another dataset.

    Perceptual hashes at most `bits` apart are one picture, places nearer than `km` one place; 0 km
    compares no places. A hash of 0 is that of a picture without any detail and says nothing.
    """
    by_sha256 = np.isin(_filled(samples["content"], -1), other.content)
    phash = _filled(samples["phash"], 0).view(np.uint64)
    values, inverse = np.unique(phash, return_inverse=True)
    near = np.zeros(len(values), bool)
    for pairs in near_between(values, other.phash, bits):
        near[pairs.left] = True
    near[values == 0] = False
    by_phash = near[inverse] & ~by_sha256
    points = np.stack([samples[name].to_numpy().astype(np.float64) for name in ("lat", "lon")], -1)
    by_distance = np.zeros(len(points), bool)
    if km > 0:
        placed = np.isfinite(points).all(axis=1)
        by_distance[placed] = within_km(points[placed], other.points, km)
    return Common(by_sha256, by_phash, by_distance & ~by_sha256 & ~by_phash)


def read_marks(other: str) -> Marks:
    """What `other`, a dataset or shard directory here or at an address, or a table, holds.

    Raises UsageError when it is none of these, or has none of the columns.
    """
    path = Path(other)
    if not is_address(other) and not path.exists():
        raise UsageError(f"--decontaminate {other}: no such folder or file")
    try:
        if is_address(other) or path.is_dir():
            with connect(open_source(other)) as connection:
                marks = _marks(connection, "samples")
        else:
            with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
                marks = _marks(connection, _table(connection, path))
    except duckdb.Error as error:
        raise UsageError(f"--decontaminate {other}: {str(error).splitlines()[0]}") from None
    if not len(marks.content) and not len(marks.phash) and not len(marks.points):
        raise UsageError(
            f"--decontaminate {other}: no row with any of sha256, phash, or lat and lon;"
            " give a dataset, a shard directory, or a Parquet or CSV file with such columns"
        )
    return marks


def _table(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    """What stands after FROM for the rows of a Parquet file or a CSV."""
    name = quoted(duckdb_path(path))
    if path.suffix == ".parquet":
        return f"read_parquet({name})"
    # DuckDB 2.0 reads a CSV's column as the type that `try_cast` asks for, and fails at the first
    # cell that is none; from a table it does not.
    connection.execute(
        f"""CREATE TEMP TABLE of_csv AS
        SELECT * FROM read_csv({name}, header = true, all_varchar = true)"""  # noqa: S608 - quoted
    )
    return "of_csv"


def _marks(connection: duckdb.DuckDBPyConnection, rows: str) -> Marks:
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()  # noqa: S608
    there = {name.lower(): f'"{name.replace(chr(34), chr(34) * 2)}"' for name, *_ in described}
    read = {}
    for column, (names, expression) in _COLUMNS.items():
        found = [there[name] for name in names if name in there]
        read[column] = expression.format(found[0]) if found else "NULL"
    content = f"coalesce({read['sha256']}, {read['content']})::BIGINT"
    return Marks(
        content=_distinct(connection, rows, content),
        phash=_distinct(connection, rows, f"nullif({read['phash']}::BIGINT, 0)").view(np.uint64),
        points=_points(connection, rows, read["lat"], read["lon"]),
    )


def _distinct(connection: duckdb.DuckDBPyConnection, rows: str, value: str) -> Any:
    table = connection.sql(
        f"SELECT DISTINCT value FROM (SELECT {value} AS value FROM {rows}) WHERE value IS NOT NULL"  # noqa: S608
    ).to_arrow_table()
    return np.sort(table["value"].to_numpy().astype(np.int64))


def _points(connection: duckdb.DuckDBPyConnection, rows: str, lat: str, lon: str) -> Any:
    table = connection.sql(
        f"""SELECT DISTINCT lat, lon FROM (
            SELECT ({lat})::DOUBLE AS lat, ({lon})::DOUBLE AS lon FROM {rows})
        WHERE abs(lat) <= 90 AND abs(lon) <= 360"""  # noqa: S608
    ).to_arrow_table()
    return np.stack([table[name].to_numpy().astype(np.float64) for name in ("lat", "lon")], -1)


def _filled(column: pa.ChunkedArray, value: int) -> npt.NDArray[np.int64]:
    return np.asarray(column.fill_null(value).to_numpy(), dtype=np.int64)
