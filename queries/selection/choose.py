"""Which candidates a selection takes: the first of a stable order, within the quotas.

Positions in the order are hashes, so they are spread evenly. From a count and a quota follows how
far into the order a group's samples are wanted, and only the rows up to there, and a few more, are
put into order. One pass over the candidates finds them; memory grows with the selection alone.
"""

from typing import Any

import duckdb
import pyarrow as pa

from queries.distribution.mapping import DistributionMapping
from queries.distribution.quotas import wish_for
from queries.distribution.rules import map_pool
from queries.selection.options import Options
from shards.errors import UsageError, WorkError
from shards.keys import HASH_RANGE

DEVIATIONS = 6.0
"""How many standard deviations more rows than wanted are looked for: so few too many, and too few
once in a billion groups. Then the next pass looks for more."""
EVERYTHING = 1e8
"""With so many deviations more, all rows are looked at."""


def choose(connection: duckdb.DuckDBPyConnection, options: Options) -> DistributionMapping | None:
    """Makes the table `chosen` of keys and positions: the rows of `candidates` that are taken.

    Returns the quotas that a rule or a target gives. Raises UsageError when they are impossible,
    and when `candidates` has other rows each time it is asked; WorkError when a key that is taken
    stands in the samples twice.
    """
    mapping = _choose(connection, options)
    twice = connection.execute(
        """SELECT key FROM eligible SEMI JOIN chosen USING (key)
        GROUP BY key HAVING count(*) > 1 ORDER BY key LIMIT 1"""
    ).fetchall()
    for (key,) in twice:
        raise WorkError(
            f"the key {key} stands in the samples twice; `lostfound enrich` finds duplicates"
        )
    return mapping


def _choose(connection: duckdb.DuckDBPyConnection, options: Options) -> DistributionMapping | None:
    if not options.mapped and options.limit is None:
        connection.execute("CREATE TEMP TABLE chosen AS SELECT key, position FROM candidates")
        return None
    connection.execute(
        """CREATE TEMP TABLE counted AS SELECT unit, count(*) AS samples FROM candidates
        WHERE unit IS NOT NULL GROUP BY unit"""
    )
    mapping = _make_quotas(connection, options)
    deviations = DEVIATIONS
    while not _take(connection, options.limit, deviations):
        if deviations > EVERYTHING:
            raise UsageError(
                "--where gives other samples each time it is asked; without random() and the like,"
                " --limit and --seed take a sample that stays"
            )
        deviations = 4 * deviations + 1
    return mapping


def _make_quotas(
    connection: duckdb.DuckDBPyConnection, options: Options
) -> DistributionMapping | None:
    """Makes the table `quotas` of units, their samples and how many are taken."""
    if options.like is None and options.rule is None:
        # There may be as many units as samples: these never leave the database.
        most = "samples" if options.max_per is None else f"least(samples, {int(options.max_per)})"
        connection.execute(
            f"CREATE TEMP TABLE quotas AS SELECT unit, samples, {most} AS quota FROM counted"  # noqa: S608
        )
        return None
    pool = dict(connection.execute("SELECT unit, samples FROM counted ORDER BY unit").fetchall())
    wish = wish_for(
        pool,
        options.by,
        rule=options.rule,
        target=options.like,
        min_share=options.min_share,
        slack=options.slack,
        max_per=options.max_per,
    )
    mapping = map_pool(pool, wish)
    names, counts = list(mapping.quotas), list(mapping.quotas.values())
    connection.register(
        "wanted", pa.table({"unit": pa.array(names, pa.string()), "quota": pa.array(counts)})
    )
    connection.execute(
        """CREATE TEMP TABLE quotas AS
        SELECT unit, samples, quota FROM counted JOIN wanted USING (unit)"""
    )
    connection.unregister("wanted")
    return mapping


def _take(connection: duckdb.DuckDBPyConnection, limit: int | None, deviations: float) -> bool:
    """Makes `chosen` from the rows up to each unit's bound; False when those were too few."""
    limited = _limited_share(connection, limit, deviations)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE bounds AS
        SELECT unit, quota, quota < samples AS ranked, own <= {limited!r}::DOUBLE AS whole,
            (least(own, {limited!r}::DOUBLE) * {HASH_RANGE}::DOUBLE)::BIGINT AS bound
        FROM (SELECT *, least(1.0::DOUBLE, {_more("quota", deviations)} / samples) AS own
            FROM quotas)"""  # noqa: S608 - numbers
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE near AS SELECT key, unit, position, quota, ranked
        FROM candidates JOIN bounds USING (unit) WHERE position < bound"""
    )
    first = "" if limit is None else f"ORDER BY position, key LIMIT {int(limit)}"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE chosen AS SELECT key, position FROM (
            SELECT key, position FROM near WHERE NOT ranked
            UNION ALL SELECT key, position FROM (FROM near WHERE ranked
                QUALIFY row_number() OVER (PARTITION BY unit ORDER BY position, key) <= quota)
        ) {first}"""  # noqa: S608 - a whole number
    )
    return _enough(connection, limit)


def _enough(connection: duckdb.DuckDBPyConnection, limit: int | None) -> bool:
    """Whether `near` holds all that is to be taken.

    Below the bound that the limit sets, units with a lower one are complete when they have their
    quota, and the others in any case. So the limit's first rows are the first of all.
    """
    wanted = "coalesce(sum(quota), 0)"
    if limit is not None:
        wanted = f"least({wanted}, {int(limit)})"
    enough: bool = _one(
        connection,
        f"""WITH found AS (SELECT unit, count(*) AS rows FROM near GROUP BY unit)
        SELECT (SELECT {wanted} FROM bounds) <= (SELECT count(*) FROM chosen) AND NOT EXISTS (
            FROM bounds LEFT JOIN found USING (unit) WHERE whole AND coalesce(rows, 0) < quota)""",  # noqa: S608
    )
    return enough


def _limited_share(
    connection: duckdb.DuckDBPyConnection, limit: int | None, deviations: float
) -> float:
    """How far into the order, as a share of it, the first `limit` rows within quotas reach."""
    if limit is None:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > high / 1000:
        middle = (low + high) / 2
        expected = f"sum(least(quota, samples * {middle!r}::DOUBLE))"
        enough = f"{expected} >= {_more(str(int(limit)), deviations)}"
        if _one(connection, f"SELECT {enough} FROM quotas"):  # noqa: S608 - numbers
            high = middle
        else:
            low = middle
    return high


def _more(wanted: str, deviations: float) -> str:
    """The SQL of how many rows to expect so that hardly ever fewer than `wanted` are found."""
    return f"({wanted} + {deviations!r} * sqrt({wanted}) + {deviations * deviations!r})"


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """The value of a query for one."""
    [(value,)] = connection.execute(sql).fetchall()
    return value
