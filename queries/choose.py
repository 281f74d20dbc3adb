"""Which candidates a selection takes: the first of a stable order, within the quotas."""

import duckdb

from enrich.geo.countries import find_country
from queries.mapping import DistributionMapping, quotas
from queries.options import Options
from shards.errors import UsageError


def choose(connection: duckdb.DuckDBPyConnection, options: Options) -> DistributionMapping | None:
    """Makes the table `chosen`, the rows of `candidates` that the selection takes."""
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
