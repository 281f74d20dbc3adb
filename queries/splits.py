"""Train, validation and test: which split a sample belongs to, by hash alone.

A sample's split depends on the seed and on its unit (its game or sequence, or its key), never on
what else the dataset holds: adding data moves nothing.
"""

from enum import StrEnum

from queries.choices import SplitBy
from shards.keys import HASH_RANGE, order_hash, order_hash_sql


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


PERCENT = {Split.TRAIN: 70, Split.VALIDATION: 20, Split.TEST: 10}
_TRAIN_BELOW = HASH_RANGE * PERCENT[Split.TRAIN] // 100
_VALIDATION_BELOW = HASH_RANGE * (PERCENT[Split.TRAIN] + PERCENT[Split.VALIDATION]) // 100


def random_split(
    seed: int, key: str, source: str = "", group_id: str = "", by: SplitBy = SplitBy.GROUP
) -> Split:
    """The split of one sample: 70 % train, 20 % validation, 10 % test of all units."""
    # No unit looks like a key, so that the split is independent of the order by (seed, key).
    grouped = by is SplitBy.GROUP and group_id
    position = order_hash(seed, f"split:{source}/{group_id}" if grouped else f"split:{key}")
    if position < _TRAIN_BELOW:
        return Split.TRAIN
    return Split.VALIDATION if position < _VALIDATION_BELOW else Split.TEST


def random_split_sql(seed: int, by: SplitBy = SplitBy.GROUP) -> str:
    """`random_split` as a DuckDB expression over the columns key, source and group_id."""
    unit = "'split:' || key"
    if by is SplitBy.GROUP:
        unit = (
            "CASE WHEN coalesce(group_id, '') = '' THEN 'split:' || key"
            " ELSE 'split:' || coalesce(source, '') || '/' || group_id END"
        )
    position = order_hash_sql(seed, f"({unit})")
    return (
        f"CASE WHEN {position} < {_TRAIN_BELOW} THEN '{Split.TRAIN}'"
        f" WHEN {position} < {_VALIDATION_BELOW} THEN '{Split.VALIDATION}' ELSE '{Split.TEST}' END"
    )
