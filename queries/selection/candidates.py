"""Which samples a selection chooses from: those that meet its condition and may be used.

What is dropped for its own sake is dropped here, before quotas and limits: these then hold exactly.
"""

import duckdb

from queries.choices import SplitMethod
from queries.question.errors import check_expression, sql_error
from queries.selection.options import Options
from shards.errors import WorkError
from shards.keys import order_hash_sql
from shards.rights import LICENSED_SQL


def gather(connection: duckdb.DuckDBPyConnection, options: Options) -> int:
    """Makes the view `eligible`, rows of `samples`, and of it the view `candidates`.

    `candidates` has one row for each: key, unit (the value of `options.by` as text, if anything
    depends on it) and position, the order in which samples are taken. What stands in the table
    `dropped` of keys, empty so far, is no candidate. Returns how many samples are left out because
    they state no licence or attribution. Raises UsageError for a bad condition or expression,
    WorkError when nothing is left.
    """
    if options.where.strip():
        check_expression(connection, options.where, "--where")
    try:
        matching = connection.table("samples")
        if options.where.strip():
            # A filter takes one expression, so the text cannot end the statement it stands in.
            matching = matching.filter(duckdb.SQLExpression(options.where))
        matching.create_view("matching")
        unlicensed = _take_licensed(connection, options)
    except duckdb.Error as error:
        raise sql_error(error, "--where") from None
    connection.execute("CREATE TEMP TABLE dropped (key VARCHAR)")
    if not _count(connection, "eligible"):
        raise WorkError(_why_empty(connection, options, unlicensed))
    try:
        # Expressions again, for the same reason.
        connection.sql("FROM eligible ANTI JOIN dropped USING (key)").project(
            duckdb.ColumnExpression("key"),
            duckdb.SQLExpression(options.by if options.mapped else "''")
            .cast("VARCHAR")
            .alias("unit"),
            duckdb.SQLExpression(order_hash_sql(options.seed)).alias("position"),
        ).create_view("candidates")
        [(units,)] = connection.execute("SELECT count(unit) FROM candidates").fetchall()
    except duckdb.Error as error:
        raise sql_error(error, "--by") from None
    if not units:
        raise WorkError(f"no sample that matches has a value of --by {options.by}")
    return unlicensed


def statement(options: Options) -> str:
    """The SQL that gives the candidates' keys in their order, to be stored and run again.

    Where neither quotas nor other samples decide, these are the keys that are chosen.
    """
    conditions = [] if options.allow_unlicensed else [LICENSED_SQL]
    if options.where.strip():
        conditions.append(f"(\n{options.where.strip()}\n)")
    where = f"WHERE {' AND '.join(conditions)}\n" if conditions else ""
    others = options.mapped or options.decontaminate or options.split is SplitMethod.SPATIAL
    limit = "" if others or options.limit is None else f"\nLIMIT {options.limit}"
    order = f"ORDER BY {order_hash_sql(options.seed)}, key{limit}"
    return f"SELECT key FROM samples\n{where}{order}"  # noqa: S608 - stored, not run


def _take_licensed(connection: duckdb.DuckDBPyConnection, options: Options) -> int:
    """Makes the view `eligible`; returns how many rows of `matching` it lacks."""
    condition = "true" if options.allow_unlicensed else LICENSED_SQL
    connection.execute(f"CREATE TEMP VIEW eligible AS SELECT * FROM matching WHERE {condition}")  # noqa: S608
    return _count(connection, "matching") - _count(connection, "eligible")


def _why_empty(connection: duckdb.DuckDBPyConnection, options: Options, unlicensed: int) -> str:
    if unlicensed:
        return (
            f"none of the {unlicensed} samples states both a licence and an attribution;"
            " --allow-unlicensed takes them all the same, and"
            " `lostfound import --license L --attribution A` says them for your own"
        )
    if not _count(connection, "samples"):
        return "the dataset has no kept samples; run `lostfound enrich` on it first"
    return (
        f"no sample matches {options.where!r}; see which values there are with"
        " `lostfound query DATASET 'SUMMARIZE samples'`"
    )


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    [(count,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608
    return int(count)
