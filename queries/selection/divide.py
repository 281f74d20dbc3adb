"""Divides the rows of a selection into splits, by the hash of their unit or by their place."""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from queries.choices import SplitMethod
from queries.selection.options import Options
from queries.selection.spatial import Places, place
from queries.selection.splits import Split, random_split_sql, unit_sql
from shards.errors import WorkError
from shards.keys import order_hash_sql

_SPLITS = pa.array([str(split) for split in Split])


def divide(connection: duckdb.DuckDBPyConnection, options: Options) -> dict[str, Any]:
    """Adds the rows that a spatial split drops to `dropped`, before any are chosen.

    Returns what `selection.json` says of it: rows dropped by cause, and how many have no position;
    nothing for a random split. Makes the table `placed` of keys and splits. Raises WorkError when
    no row is left.
    """
    if options.split is not SplitMethod.SPATIAL:
        return {}
    unit = order_hash_sql(options.seed, f"({unit_sql(options.split_by)})")
    rows = connection.sql(
        f"SELECT key, lat, lon, {unit} AS unit FROM eligible ANTI JOIN dropped USING (key)"  # noqa: S608
    ).to_arrow_table()
    # A null becomes NaN.
    lat, lon = (rows[name].to_numpy().astype(np.float64) for name in ("lat", "lon"))
    placed = place(
        Places(lat=lat, lon=lon, unit=rows["unit"].to_numpy()),
        seed=options.seed,
        shares=options.shares,
        block_km=options.block_km,
        buffer_km=options.buffer_km,
    )
    if not placed.kept.any():
        raise WorkError(
            f"no sample is left: all lie within {options.buffer_km:g} km of another split;"
            " lower --buffer-km or raise --block-km"
        )
    kept = pa.array(placed.kept)
    table = pa.table({"key": rows["key"], "split": _SPLITS.take(pa.array(placed.split))})
    connection.execute("CREATE TEMP TABLE placed (key VARCHAR, split VARCHAR)")
    _insert(connection, "placed", table.filter(kept))
    _insert(connection, "dropped", table.filter(pc.invert(kept)).select(["key"]))
    return {
        "dropped": {
            "within_the_buffer": int((placed.buffer & ~placed.straddling).sum()),
            "group_in_several_splits": int(placed.straddling.sum()),
        },
        "without_position": int((~np.isfinite(lat) | ~np.isfinite(lon)).sum()),
    }


def _insert(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    connection.register("rows_to_insert", rows)
    connection.execute(f"INSERT INTO {name} FROM rows_to_insert")
    connection.unregister("rows_to_insert")


def split_sql(options: Options) -> str:
    """The split of a row of `eligible`, as a DuckDB expression; spatial ones stand in `placed`."""
    if options.split is SplitMethod.SPATIAL:
        return "(SELECT split FROM placed WHERE placed.key = eligible.key)"
    return random_split_sql(options.seed, options.split_by, options.shares)
