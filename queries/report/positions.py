"""The positions of a dataset's samples, read from its rows."""

from collections.abc import Iterator

import duckdb
import numpy as np

from shards.pages.positions import (
    MAX_POINTS,
    NO_COUNTRY,
    Ints,
    Positions,
    gather_positions,
    morton_codes,
)

_BATCH_ROWS = 500_000


def read_positions(
    connection: duckdb.DuckDBPyConnection, countries: list[str], most: int = MAX_POINTS
) -> Positions:
    """The cells of all samples that have a position; `countries` are codes, in their order."""
    return gather_positions(_batches(connection, countries[:NO_COUNTRY]), most)


def _batches(
    connection: duckdb.DuckDBPyConnection, countries: list[str]
) -> Iterator[tuple[Ints, Ints]]:
    """Morton codes and indices of countries."""
    index = {code: number for number, code in enumerate(countries)}
    rows = connection.sql(
        "SELECT lat, lon, country_code FROM samples WHERE isfinite(lat) AND isfinite(lon)"
    )
    for batch in rows.to_arrow_reader(_BATCH_ROWS):
        lats, lons, codes = batch.columns
        names = codes.dictionary_encode()
        known = [index.get(name, NO_COUNTRY) for name in names.dictionary.to_pylist()]
        owners = np.array([*known, NO_COUNTRY], np.int64)
        at = names.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
        yield morton_codes(lats.to_numpy(), lons.to_numpy()), owners[at]
