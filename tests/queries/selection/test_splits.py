"""The random split: its SQL twin, its shares, and its independence."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.choices import SplitBy
from queries.selection.splits import (
    DEFAULT_SHARES,
    Shares,
    Split,
    parse_shares,
    random_split,
    random_split_sql,
)
from shards.errors import UsageError
from shards.keys import order_hash

TEXT = st.text(alphabet="av:/0-é", max_size=5)
SHARES = st.lists(st.integers(0, 100), min_size=2, max_size=2).map(
    lambda cuts: (
        parse_shares(f"{min(cuts) or 1},{max(cuts) - (min(cuts) or 1)},{100 - max(cuts)}")
        if max(cuts)
        else DEFAULT_SHARES
    )
)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(-(2**40), 2**40),
    st.lists(st.tuples(TEXT, TEXT, TEXT | st.none()), min_size=1),
    st.sampled_from(SplitBy),
    SHARES,
)
def test_sql_equals_python(
    seed: int, rows: list[tuple[str, str, str | None]], by: SplitBy, shares: Shares
) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (key VARCHAR, source VARCHAR, group_id VARCHAR)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    sql = f"SELECT key, source, group_id, {random_split_sql(seed, by, shares)} FROM t"
    for key, source, group, split in connection.execute(sql).fetchall():
        assert split == random_split(seed, key, source, group or "", by, shares)


def test_shares() -> None:
    splits = [random_split(7, f"key-{i}") for i in range(20_000)]
    for split, share in ((Split.TRAIN, 0.7), (Split.VALIDATION, 0.2), (Split.TEST, 0.1)):
        assert splits.count(split) / len(splits) == pytest.approx(share, abs=0.01)


def test_other_shares() -> None:
    shares = parse_shares("33.5, 0, 66.5")
    splits = [random_split(7, f"key-{i}", shares=shares) for i in range(20_000)]
    assert splits.count(Split.TRAIN) / len(splits) == pytest.approx(0.335, abs=0.01)
    assert Split.VALIDATION not in splits


@pytest.mark.parametrize(
    "text", ["70,20", "70,20,20", "0,50,50", "-10,60,50", "a,b,c", "1/0,2,3", "inf,0,0", "nan,1,1"]
)
def test_bad_shares(text: str) -> None:
    with pytest.raises(UsageError, match="--shares"):
        parse_shares(text)


def test_the_views_of_a_panorama_stay_together() -> None:
    for by in SplitBy:
        assert len({random_split(1, f"pano-v{i}", "s", "", by) for i in range(40)}) == 1
    assert len({random_split(1, f"pano-w{i}", "s", "", SplitBy.KEY) for i in range(40)}) == 3


def test_groups_stay_together() -> None:
    whole = {random_split(1, f"k{i}", "game", "g1") for i in range(50)}
    divided = {random_split(1, f"k{i}", "game", "g1", SplitBy.KEY) for i in range(50)}
    assert (len(whole), len(divided)) == (1, 3)


def test_independent_of_the_order() -> None:
    """Taking the first of an order, as quotas do, must not take one split only."""
    first = sorted((f"k{i}" for i in range(2_000)), key=lambda key: order_hash(3, key))[:500]
    assert sum(random_split(3, key) is Split.TRAIN for key in first) == pytest.approx(350, abs=40)
