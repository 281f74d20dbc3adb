"""Train, validation and test: which split a unit belongs to, by hash alone.

A unit is what stays together: a game or sequence, a key, or a block of the map. Its split depends
on the seed and on its name, never on what else the dataset holds: adding data moves nothing.
"""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate

from queries.choices import SplitBy
from shards.errors import UsageError
from shards.keys import HASH_RANGE, order_hash, order_hash_sql


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


Shares = tuple[Fraction, Fraction, Fraction]
"""Percent of all units in train, validation and test."""

DEFAULT_SHARES: Shares = (Fraction(70), Fraction(20), Fraction(10))


def parse_shares(text: str) -> Shares:
    """`70,20,10` as exact numbers. Raises UsageError unless they are three that make 100."""
    try:
        train, validation, test = (Fraction(Decimal(part.strip())) for part in text.split(","))
    except (ValueError, OverflowError, InvalidOperation):
        raise UsageError(
            f"--shares {text!r}: give percents of train, validation and test, such as 70,20,10"
        ) from None
    shares = (train, validation, test)
    if min(shares) < 0 or train == 0 or sum(shares) != 100:
        raise UsageError(f"--shares {text}: not below 0, some of it train, and 100 in total")
    return shares


def bounds(shares: Shares) -> list[int]:
    """The hashes below which units are train, validation and test; the last is HASH_RANGE."""
    return [int(HASH_RANGE * total / 100) for total in accumulate(shares)]


def hash_split(seed: int, unit: str, shares: Shares = DEFAULT_SHARES) -> Split:
    """The split of a unit."""
    position = order_hash(seed, unit)
    return next(split for split, end in zip(Split, bounds(shares), strict=True) if position < end)


def random_split(
    seed: int,
    key: str,
    source: str = "",
    group_id: str = "",
    by: SplitBy = SplitBy.GROUP,
    shares: Shares = DEFAULT_SHARES,
) -> Split:
    """The split of one sample, by its group or by its key.

    The views of a panorama, whose keys end in -v0, -v1, …, are one unit either way.
    """
    # No unit looks like a key, so that the split is independent of the order by (seed, key).
    if by is SplitBy.GROUP and group_id:
        return hash_split(seed, f"split:{source}/{group_id}", shares)
    stem, mark, view = key.rpartition("-v")
    of_view = mark and view.isascii() and view.isdigit()
    return hash_split(seed, f"split:{stem if of_view else key}", shares)


def unit_sql(by: SplitBy = SplitBy.GROUP) -> str:
    """The unit of `random_split` as a DuckDB expression over key, source and group_id."""
    alone = "'split:' || regexp_replace(key, '-v[0-9]+$', '')"
    if by is SplitBy.KEY:
        return alone
    return (
        f"CASE WHEN coalesce(group_id, '') = '' THEN {alone}"
        " ELSE 'split:' || coalesce(source, '') || '/' || group_id END"
    )


def random_split_sql(
    seed: int, by: SplitBy = SplitBy.GROUP, shares: Shares = DEFAULT_SHARES
) -> str:
    """`random_split` as a DuckDB expression over the columns key, source and group_id."""
    position = order_hash_sql(seed, f"({unit_sql(by)})")
    train, validation, _ = bounds(shares)
    return (
        f"CASE WHEN {position} < {train} THEN '{Split.TRAIN}'"
        f" WHEN {position} < {validation} THEN '{Split.VALIDATION}' ELSE '{Split.TEST}' END"
    )
