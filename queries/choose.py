"""Which samples a selection takes: those that meet its condition, within the quotas, by hash."""

from typing import Any

import duckdb

from enrich.geo.countries import find_country
from queries.mapping import DistributionMapping, quotas
from queries.options import Options
from queries.query import sql_error
from queries.splits import random_split_sql
from shards.errors import UsageError, WorkError
from shards.keys import order_hash_sql


def choose(connection: duckdb.DuckDBPyConnection, options: Options) -> DistributionMapping | None:
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


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """The first value of the first row, or None."""
    rows = connection.execute(sql).fetchall()
    return rows[0][0] if rows else None
