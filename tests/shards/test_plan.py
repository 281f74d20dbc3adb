"""Shards are nodes of the trie over positions: byte-limited, and no sample moves another one."""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.keys import HASH_RANGE, order_hash
from shards.plan import POSITION_BITS, Placed, ShardPlan, plan_shards
from shards.tar import END_OF_ARCHIVE

MORE = len(END_OF_ARCHIVE)
Shards = dict[tuple[str, int], list[Placed]]

# Close together, far apart, and equal ones.
positions = st.one_of(
    st.integers(0, HASH_RANGE - 1),
    st.integers(0, 40),
    st.integers(0, POSITION_BITS - 1).map(lambda bit: 1 << bit),
)
samples = st.lists(
    st.builds(Placed, st.sampled_from(["test", "train"]), positions, st.integers(1024, 20_000)),
    max_size=60,
).map(in_order := lambda found: sorted(found, key=lambda one: (one.split, one.position)))
limits = st.integers(4096, 60_000)


def shards(placed: list[Placed], limit: int) -> Shards:
    """The samples of each shard."""
    rest = iter(placed)
    return {
        (plan.split, plan.number): [next(rest) for _ in range(plan.samples)]
        for plan in plan_shards(placed, limit)
    }


def cut(placed: list[Placed], limit: int, bit: int = POSITION_BITS - 1) -> Iterator[list[Placed]]:
    """The definition: a node whose samples fit is a shard, else its halves are looked at."""
    if not placed:
        return
    if sum(one.bytes for one in placed) + MORE <= limit or len(placed) == 1:
        yield placed
        return
    for half in (0, 1):
        yield from cut([one for one in placed if one.position >> bit & 1 == half], limit, bit - 1)


@settings(max_examples=300)
@given(samples, limits)
def test_every_sample_stands_in_one_shard_below_the_limit(placed: list[Placed], limit: int) -> None:
    found = shards(placed, limit)
    assert [one for shard in found.values() for one in shard] == placed
    for (split, _), shard in found.items():
        assert {one.split for one in shard} == {split}
        assert len(shard) == 1 or sum(one.bytes for one in shard) + MORE <= limit
    for split in {split for split, _ in found}:
        numbers = [number for name, number in found if name == split]
        assert numbers == list(range(len(numbers)))


@settings(max_examples=300)
@given(samples, limits)
def test_shards_are_the_largest_nodes_that_fit(placed: list[Placed], limit: int) -> None:
    placed = in_order({(one.split, one.position): one for one in placed}.values())
    for split in {one.split for one in placed}:
        of_split = [one for one in placed if one.split == split]
        assert list(shards(of_split, limit).values()) == list(cut(of_split, limit))


@settings(max_examples=300)
@given(samples, limits, st.randoms(use_true_random=False))
def test_removing_changes_only_where_the_removed_stood(
    placed: list[Placed], limit: int, random: Random
) -> None:
    placed = in_order({(one.split, one.position): one for one in placed}.values())
    gone = set(random.sample(placed, len(placed) // 5))
    before = shards(placed, limit).values()
    after = list(shards([one for one in placed if one not in gone], limit).values())
    for shard in before:
        # Untouched, or one again with a neighbour that became smaller.
        if not gone & set(shard) and shard not in after:
            [joined] = [new for new in after if set(shard) < set(new)]
            outside = (joined[0].position ^ joined[-1].position).bit_length()
            node = joined[0].split, joined[0].position >> outside
            assert node in {(one.split, one.position >> outside) for one in gone}


def test_one_sample_less_in_a_thousand_leaves_most_shards_as_they_are() -> None:
    keys = [f"file-{number}" for number in range(20_000)]
    placed = in_order([Placed("train", order_hash(0, key), 5120) for key in keys])
    few = {order_hash(0, key) for key in keys[:20]}
    before = [tuple(shard) for shard in shards(placed, 512_000).values()]
    rest = [one for one in placed if one.position not in few]
    after = {tuple(shard) for shard in shards(rest, 512_000).values()}
    touched = {shard for shard in before if few & {one.position for one in shard}}
    assert 256 <= len(before) <= 260
    assert len(touched) <= 20
    assert set(before) - touched <= after
    fill = [sum(one.bytes for one in shard) / 512_000 for shard in before]
    assert 0.3 < min(fill) < max(fill) <= 1


@settings(max_examples=300)
@given(samples, limits, st.integers(0, POSITION_BITS))
def test_samples_that_begin_alike_may_come_together(
    placed: list[Placed], limit: int, bits: int
) -> None:
    groups: dict[tuple[str, int], list[Placed]] = {}
    for one in placed:
        groups.setdefault((one.split, one.position >> bits), []).append(one)
    together = []
    for (split, _), group in groups.items():
        total = sum(one.bytes for one in group)
        if total + MORE <= limit:
            together.append(Placed(split, group[0].position, total, len(group)))
        else:
            together += group
    assert list(plan_shards(together, limit)) == list(plan_shards(placed, limit))


def test_a_large_sample_stands_alone() -> None:
    placed = [Placed("train", number << 57, size) for number, size in enumerate([9, 9999, 9, 9])]
    assert list(plan_shards(placed, 2048)) == [
        ShardPlan("train", 0, 1),
        ShardPlan("train", 1, 1),
        ShardPlan("train", 2, 2),
    ]


def test_nothing_gives_no_shards() -> None:
    assert list(plan_shards([], 4096)) == []


def test_names_expand_with_braces() -> None:
    assert ShardPlan("train", 12, 1).name == "train-000012"


@pytest.mark.slow
def test_a_million_samples_take_a_few_nodes_of_memory() -> None:
    import tracemalloc

    step = HASH_RANGE // 1_000_000
    placed = (Placed("train", number * step, 5120) for number in range(1_000_000))
    tracemalloc.start()
    try:
        count = sum(1 for _ in plan_shards(placed, 512 << 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 16
    assert peak < 100_000
