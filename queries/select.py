"""Makes a selection: which samples, in which split, with which label indices, and why.

`selections/<name>/selection.parquet` holds the rows, `selection.json`, written last, says how
they were chosen. The same samples and options give the same bytes.
"""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from enrich.geo.countries import find_country
from queries.catalogue import SELECTION_SCHEMA, connect
from queries.choices import SplitBy
from queries.mapping import DistributionMapping, quotas
from queries.query import sql_error
from queries.splits import PERCENT, Split, random_split_sql
from shards.atomic import atomic_path, write_json
from shards.errors import UsageError, WorkError
from shards.keys import order_hash_sql
from shards.labels import CountryLabel, Labels, RegionLabel
from shards.layout import DatasetLayout
from shards.version import code_version

ROW_GROUP_ROWS = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that decides a selection besides the samples themselves."""

    where: str = ""
    """An SQL condition over the columns of `samples`."""
    like: dict[str, int] | None = None
    """Counts per country, by code or name, whose distribution the selection follows."""
    min_share: Fraction = Fraction(0)
    slack: Fraction | None = None
    split_by: SplitBy = SplitBy.GROUP
    limit: int | None = None
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "like": self.like,
            "min_share": str(self.min_share),
            "slack": None if self.slack is None else str(self.slack),
            "split": "random",
            "split_percent": {str(split): percent for split, percent in PERCENT.items()},
            "split_by": str(self.split_by),
            "limit": self.limit,
            "seed": self.seed,
        }


def select(layout: DatasetLayout, name: str, options: Options) -> dict[str, Any]:
    """Writes the selection `name` and returns its summary, the content of `selection.json`.

    Raises UsageError for a bad condition or impossible quotas, WorkError when nothing matches.
    """
    folder = layout.selection(name)
    connection = connect(layout)
    mapping = _choose(connection, options)
    labels = _labels(connection)
    # Readers trust a selection once its JSON is there, so the old one goes first.
    (folder / "selection.json").unlink(missing_ok=True)
    keys_sha256 = _write_rows(connection, labels, folder / "selection.parquet")
    summary = {
        "name": name,
        "options": options.to_json(),
        "where": options.where,
        "seed": options.seed,
        **_counts(connection),
        "mapping": mapping.to_json() if mapping else None,
        "keys_sha256": keys_sha256,
        "labels": labels.model_dump(),
        "code_version": code_version(),
    }
    write_json(folder / "selection.json", summary)
    return summary


def _choose(connection: duckdb.DuckDBPyConnection, options: Options) -> DistributionMapping | None:
    """Fills the table `chosen`: one row per selected sample, with its split and its position."""
    _gather_candidates(connection, options)
    mapping = None
    within_quota = ""
    if options.like is not None:
        mapping = _map_distribution(connection, options.like, options)
        within_quota = """
            QUALIFY row_number() OVER (PARTITION BY country_code ORDER BY position, key)
            <= (SELECT quota FROM quotas WHERE quotas.country_code = candidates.country_code)"""
    limit = "" if options.limit is None else f"LIMIT {int(options.limit)}"
    connection.execute(
        f"""CREATE TEMP TABLE chosen AS SELECT * FROM candidates
        {within_quota} ORDER BY position, key {limit}"""  # noqa: S608 - made above
    )
    return mapping


def _gather_candidates(connection: duckdb.DuckDBPyConnection, options: Options) -> None:
    """Fills the table `candidates` with the samples that meet the condition."""
    columns = (
        "key, country_code, country_name, region_id, region_name,"
        f" {order_hash_sql(options.seed)} AS position,"
        f" {random_split_sql(options.seed, options.split_by)} AS split"
    )
    rows = connection.table("samples")
    try:
        if options.where.strip():
            # A filter takes one expression, so the text cannot end the statement it stands in.
            rows = rows.filter(duckdb.SQLExpression(options.where))
        rows.project(columns).create("candidates")
    except duckdb.Error as error:
        raise sql_error(error, "--where") from None
    if not _one(connection, "SELECT count(*) FROM candidates"):
        if not _one(connection, "SELECT count(*) FROM samples"):
            raise WorkError("the dataset has no kept samples; run `lostfound enrich` on it first")
        raise WorkError(
            f"no sample matches {options.where!r}; see which values there are with"
            " `lostfound query DATASET 'SUMMARIZE samples'`"
        )
    twice = "SELECT key FROM candidates GROUP BY key HAVING count(*) > 1 ORDER BY key LIMIT 1"
    if key := _one(connection, twice):
        raise WorkError(
            f"the key {key} stands in the samples twice; `lostfound enrich` finds duplicates"
        )


def _map_distribution(
    connection: duckdb.DuckDBPyConnection, like: dict[str, int], options: Options
) -> DistributionMapping:
    """The quotas by country code; fills the table `quotas`."""
    counted = connection.execute(
        """SELECT country_code, any_value(country_name), count(*) FROM candidates
        WHERE country_code IS NOT NULL GROUP BY country_code ORDER BY country_code"""
    ).fetchall()
    codes = {code: code for code, _, _ in counted}
    names = {name.casefold(): code for code, name, _ in counted if name}
    target: dict[str, int] = {}
    for country, count in like.items():
        known = find_country(country) or country.strip().upper()
        # A country without samples keeps the name under which it will be reported.
        code = codes.get(known) or names.get(country.strip().casefold()) or country
        if code in target:
            raise UsageError(f"--like: {country!r} and another entry both mean {code}; merge them")
        target[code] = count
    pool = {code: count for code, _, count in counted}
    mapping = quotas(pool, target, options.min_share, options.slack)
    connection.execute("CREATE TEMP TABLE quotas (country_code VARCHAR, quota BIGINT)")
    connection.executemany("INSERT INTO quotas VALUES (?, ?)", list(mapping.quotas.items()))
    return mapping


def _labels(connection: duckdb.DuckDBPyConnection) -> Labels:
    """The classes of the training split, sorted by their identifiers."""
    countries = _classes(connection, "country_code", "country_name")
    regions = _classes(connection, "region_id", "region_name")
    return Labels(
        countries=[
            CountryLabel(index=index, code=code, name=name, samples=samples)
            for index, (code, name, _, samples) in enumerate(countries)
        ],
        regions=[
            RegionLabel(index=index, id=id_, name=name, country_code=country, samples=samples)
            for index, (id_, name, country, samples) in enumerate(regions)
        ],
    )


def _classes(
    connection: duckdb.DuckDBPyConnection, column: str, name: str
) -> list[tuple[str, str, str, int]]:
    return connection.execute(
        f"""SELECT {column}, coalesce(min({name}), {column}), coalesce(min(country_code), ''),
                   count(*)
        FROM chosen WHERE split = '{Split.TRAIN}' AND {column} IS NOT NULL
        GROUP BY {column} ORDER BY {column}"""  # noqa: S608 - column names of this module
    ).fetchall()


def _write_rows(connection: duckdb.DuckDBPyConnection, labels: Labels, path: Path) -> str:
    """Writes the rows by (split, position); returns the SHA-256 over their keys, one per line."""
    countries = pa.array([label.code for label in labels.countries], pa.string())
    regions = pa.array([label.id for label in labels.regions], pa.string())
    rows = connection.sql(
        "SELECT key, split, country_code, region_id FROM chosen ORDER BY split, position, key"
    ).to_arrow_reader(ROW_GROUP_ROWS)
    digest = hashlib.sha256()
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, SELECTION_SCHEMA, compression="zstd") as writer,
    ):
        for batch in rows:
            indices = [
                pc.fill_null(pc.index_in(batch[column], classes), -1)
                for column, classes in (("country_code", countries), ("region_id", regions))
            ]
            columns = [*batch.columns, *indices]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SELECTION_SCHEMA))
            digest.update("".join(f"{key}\n" for key in batch["key"].to_pylist()).encode())
    return digest.hexdigest()


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """How many samples each split and each country has."""
    splits = dict(
        connection.execute("SELECT split, count(*) FROM chosen GROUP BY split").fetchall()
    )
    countries = connection.execute(
        """SELECT country_code, count(*) FROM chosen WHERE country_code IS NOT NULL
        GROUP BY country_code ORDER BY country_code"""
    ).fetchall()
    return {
        "counts": {str(split): splits.get(str(split), 0) for split in Split},
        "countries": dict(countries),
    }


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """The first value of the first row, or None."""
    rows = connection.execute(sql).fetchall()
    return rows[0][0] if rows else None
