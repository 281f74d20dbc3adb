"""What `quotas` and `select` share: the counts of a pool, and a wish under the pool's names."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import duckdb

from queries.choices import Rule
from queries.distribution.counts import read_counts
from queries.distribution.naming import areas_km2, check_names, in_pool_names
from queries.distribution.rules import Wish
from queries.question.errors import sql_error
from queries.views.catalogue import connect
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout


def wish_for(
    pool: Iterable[str],
    by: str,
    *,
    rule: Rule | None = None,
    target: Mapping[str, int] | None = None,
    min_share: Fraction = Fraction(0),
    slack: Fraction | None = None,
    max_per: int | None = None,
    where: str = "--like",
) -> Wish:
    """What to follow, for a pool with names of the column `by`.

    `where` is the option that the target came with, for errors. Raises UsageError for options that
    do not go together, and for names of the target that are one country.
    """
    names = list(pool)
    if rule is None and target is not None:
        rule = Rule.TARGET
    if rule is None and (slack is not None or min_share):
        raise UsageError(f"--min-share and --slack belong to {where} or --rule; give one of them")
    if rule is None and max_per is None:
        raise UsageError(f"nothing to follow; give {where}, --rule or --max-per")
    if rule is Rule.TARGET and target is None:
        raise UsageError(f"--rule target needs {where}, or choose another rule")
    if target is not None:
        target = in_pool_names(names, target, by, where)
    return Wish(
        rule=rule,
        target=target,
        areas_km2=areas_km2([*names, *(target or ())], by) if rule is Rule.AREA else None,
        min_share=min_share,
        slack=slack,
        max_per=max_per,
    )


def read_pool(counts: Path | None, dataset: Path | None, by: str) -> dict[str, int]:
    """The pool of a file of counts or of a dataset, whichever is given.

    Raises UsageError for both or neither, and for what `read_named` refuses.
    """
    if (counts is None) == (dataset is None):
        raise UsageError("give one of --pool COUNTS and --dataset DATASET")
    if dataset is not None:
        return dataset_pool(DatasetLayout.existing(dataset), by)
    assert counts is not None
    return read_named(counts, by)


def read_named(path: Path, by: str) -> dict[str, int]:
    """The counts of a file. Raises UsageError for two names that are one country."""
    counts = read_counts(path)
    check_names(counts, by, str(path))
    return counts


def dataset_pool(layout: DatasetLayout, by: str) -> dict[str, int]:
    """How many samples there are of each value of the column or expression `by`, sorted by it.

    Raises UsageError for a bad expression, WorkError without samples.
    """
    try:
        unit = duckdb.SQLExpression(by).cast("VARCHAR").alias("unit")
        rows = connect(layout).table("samples").project(unit)
        counted = rows.aggregate("unit, count(*)").filter("unit IS NOT NULL").order("unit")
        pool = dict(counted.fetchall())
    except duckdb.Error as error:
        raise sql_error(error, "--by") from None
    if not pool:
        raise WorkError(f"{layout.root}: no sample has a {by}; run `lostfound enrich` on it first")
    return pool
