"""The table `areas`: every region of the region table, with its size.

Columns: `region_id`, `country_code` (in the default view of `enrich.geo.borders`), `name`, `km2`.
"""

import re

import duckdb
import pyarrow as pa

AREAS = "areas"


def add_areas(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Makes the table if `sql` may ask for it: the polygons take a second to read."""
    if not re.search(rf"\b{AREAS}\b", sql, re.IGNORECASE):
        return
    from enrich.geo.areas import region_areas_km2
    from enrich.geo.regions import load_region_table

    regions = load_region_table()
    sizes = region_areas_km2()
    table = pa.table(
        {
            "region_id": list(regions.ids),
            "country_code": list(regions.country_codes),
            "name": list(regions.names),
            "km2": [sizes[region] for region in regions.ids],
        }
    )
    connection.register(AREAS, table)
