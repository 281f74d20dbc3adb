"""Makes a selection: which samples, in which split, with which label indices, and why.

`selections/<name>/selection.parquet` holds the rows, `selection.json`, written last, says how
they were chosen. The same samples and options give the same bytes.
"""

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from queries.candidates import gather, statement
from queries.catalogue import SELECTION_SCHEMA, connect
from queries.choose import choose
from queries.divide import divide, split_sql
from queries.leaks import leak_check
from queries.options import Options
from queries.splits import Split
from shards.atomic import atomic_path, write_json
from shards.labels import CountryLabel, Labels, RegionLabel
from shards.layout import DatasetLayout
from shards.version import code_version

ROW_GROUP_ROWS = 131_072


def select(layout: DatasetLayout, name: str, options: Options) -> dict[str, Any]:
    """Writes the selection `name` and returns its summary, the content of `selection.json`.

    Raises UsageError for a bad condition or impossible quotas, WorkError when nothing matches.
    """
    folder = layout.selection(name)
    connection = connect(layout)
    unlicensed = gather(connection, options)
    spatial = divide(connection, options)
    mapping = choose(connection, options)
    _describe(connection, options)
    labels = _labels(connection)
    # Readers trust a selection once its JSON is there, so the old one goes first.
    (folder / "selection.json").unlink(missing_ok=True)
    keys_sha256 = _write_rows(connection, labels, folder / "selection.parquet")
    summary = {
        "name": name,
        "options": options.to_json(),
        "where": options.where,
        "sql": statement(options),
        "seed": options.seed,
        **_counts(connection),
        "mapping": mapping.to_json() if mapping else None,
        "unlicensed": unlicensed,
        **spatial,
        "leak_check": leak_check(connection),
        "keys_sha256": keys_sha256,
        "labels": labels.model_dump(),
        "code_version": code_version(),
    }
    write_json(folder / "selection.json", summary)
    return summary


def _describe(connection: duckdb.DuckDBPyConnection, options: Options) -> None:
    """Makes the table `selected`: the chosen rows with all that is written or checked of them."""
    connection.execute(
        f"""CREATE TEMP TABLE selected AS
        SELECT key, eligible.country_code, eligible.country_name, region_id, region_name, source,
            group_id, lat, lon, chosen.position, {split_sql(options)} AS split
        FROM eligible JOIN chosen USING (key)"""  # noqa: S608 - made above
    )


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
        FROM selected WHERE split = '{Split.TRAIN}' AND {column} IS NOT NULL
        GROUP BY {column} ORDER BY {column}"""  # noqa: S608 - column names of this module
    ).fetchall()


def _write_rows(connection: duckdb.DuckDBPyConnection, labels: Labels, path: Path) -> str:
    """Writes the rows by (split, position); returns the SHA-256 over their keys, one per line."""
    countries = pa.array([label.code for label in labels.countries], pa.string())
    regions = pa.array([label.id for label in labels.regions], pa.string())
    rows = connection.sql(
        "SELECT key, split, country_code, region_id FROM selected ORDER BY split, position, key"
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
        connection.execute("SELECT split, count(*) FROM selected GROUP BY split").fetchall()
    )
    countries = connection.execute(
        """SELECT country_code, count(*) FROM selected WHERE country_code IS NOT NULL
        GROUP BY country_code ORDER BY country_code"""
    ).fetchall()
    return {
        "counts": {str(split): splits.get(str(split), 0) for split in Split},
        "countries": dict(countries),
    }
