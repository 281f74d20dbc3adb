"""Metadata rows by the million, as `enrich` would leave them, without any pictures.

Of the columns that questions, selections and splits use, each has values of a realistic kind and
number; the rest are null. A row depends on its number alone.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa

from enrich.geo.countries import country_name
from enrich.geo.regions import load_region_table
from queries.views.sources import quoted
from shards.console import progress
from shards.keys import order_hash
from shards.layout import DatasetLayout
from shards.schema import METADATA_SCHEMA

FILES = 100
"""Part files of a dataset: the first n of them are a dataset of their own, of n % of the rows."""

PLACES = 4_596
"""Regions of the table; each is the place of some rows."""


def _digits(first: int, count: int) -> str:
    """Some digits of the row's hash, as a number."""
    return f"('0x' || substr(h, {first}, {count}))::BIGINT"


_PLACE = f"floor({PLACES} * pow({_digits(15, 10)} / {16**10}.0, 3))"
"""A cube, so that places differ in number: the first has 6 % of the rows, the last 0.007 %."""
_COLUMNS = {
    "key": "'bench-' || substr(h, 1, 24)",
    "source": "['mapillary', 'panoramax', 'kartaview'][1 + d % 3]",
    "group_id": "'sequence-' || (i // 8)",
    "lat": "round(least(90, greatest(-90, place.lat + (d % 1000003) / 5e5 - 1)), 6)",
    "lon": "round(place.lon + (d // 7 % 1000003) / 5e5 - 1, 6)",
    "country_code": "place.country_code",
    "country_name": "place.country_name",
    "country_from": "'coordinates'",
    "region_id": "place.region_id",
    "region_name": "place.region_name",
    "region_distance_km": "0",
    "captured_at": "epoch_ms(1400000000000 + d % 350000000000)",
    "license": "'CC-BY-SA-4.0'",
    "attribution": "'author ' || (i // 800 % 50000)",
    "width": "320",
    "height": "180",
    "status": "if(d % 10 = 9, 'rejected', 'kept')",
    "reason": "if(d % 10 = 9, 'blurry', NULL)",
    "raw_segment": "'raw/bench/bench-' || (i // 10000) || '.tar'",
    "raw_offset": "i % 10000 * 65536",
    "raw_size": "60000 + d % 5000",
    "view": "0",
    "tar": "'enriched/bench/bench-' || (i // 10000) || '.tar'",
    "tar_offset": "i % 10000 * 16384",
    "tar_size": "15000 + d % 1000",
}


def write_dataset(root: Path, rows: int) -> DatasetLayout:
    """A dataset of about `rows` rows, `FILES` files of equal length; the same at every call."""
    layout = DatasetLayout(root)
    folder = layout.enriched / "bench"
    folder.mkdir(parents=True)
    each = -(-rows // FILES)
    columns = ", ".join(
        f"{_COLUMNS.get(field.name, 'NULL')}::{_sql_type(field.type)} AS {field.name}"
        for field in METADATA_SCHEMA
    )
    with duckdb.connect() as connection, progress("rows", FILES) as advance:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("places", _places())
        connection.execute("CREATE TABLE place AS FROM places")

        def write(number: int) -> None:
            connection.cursor().execute(
                f"""COPY (SELECT {columns} FROM (
                    SELECT i, h, {_digits(25, 8)} AS d, {_PLACE}::BIGINT AS index
                    FROM (SELECT i, md5('row' || i) AS h
                        FROM range({number * each}, {(number + 1) * each}) AS numbers(i)))
                    JOIN place USING (index) ORDER BY i)
                TO {quoted(f"{folder}/bench-{number:06d}.parquet")}
                (FORMAT parquet, COMPRESSION zstd)"""  # noqa: S608 - made here
            )
            advance()

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(write, range(FILES)))
    return layout


def first_files(whole: DatasetLayout, root: Path, files: int) -> DatasetLayout:
    """A dataset of the first files of another, which stand on the disk only once."""
    layout = DatasetLayout(root)
    (layout.enriched / "bench").mkdir(parents=True)
    for part in whole.parts()[:files]:
        os.link(part, layout.enriched / "bench" / part.name)
    return layout


def _places() -> pa.Table:
    """The regions in an order of their own, with a position in each."""
    table = load_region_table()
    assert len(table) == PLACES
    order = sorted(range(len(table)), key=lambda index: order_hash(0, table.ids[index]))
    codes = [table.country_codes[index] for index in order]
    names = [country_name(code) for code in codes]
    return pa.table(
        {
            "index": pa.array(range(len(order)), pa.int64()),
            "country_code": codes,
            "country_name": names,
            "region_id": [table.ids[index] for index in order],
            "region_name": [
                f"{name}_{table.names[index]}_{table.ids[index]}"
                for name, index in zip(names, order, strict=True)
            ],
            "lat": table.representatives[order, 0],
            "lon": table.representatives[order, 1],
        }
    )


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE"
    names = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int32(): "INTEGER"}
    return names.get(kind, "BIGINT")
