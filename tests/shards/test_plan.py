"""Shards are byte-limited, numbered without gaps, and never mix splits."""

from hypothesis import given
from hypothesis import strategies as st

from shards.plan import ShardPlan, plan_shards

splits = st.lists(
    st.tuples(st.sampled_from(["test", "train"]), st.integers(1024, 20_000)), max_size=60
).map(lambda samples: sorted(samples, key=lambda sample: sample[0]))


@given(splits, st.integers(4096, 60_000))
def test_plan(samples: list[tuple[str, int]], limit: int) -> None:
    plans = list(plan_shards(samples, limit))
    rest = iter(samples)
    for plan in plans:
        taken = [next(rest) for _ in range(plan.samples)]
        assert {split for split, _ in taken} == {plan.split}
        assert len(taken) == 1 or sum(size for _, size in taken) + 1024 <= limit
    assert next(rest, None) is None
    for split in {plan.split for plan in plans}:
        numbers = [plan.number for plan in plans if plan.split == split]
        assert numbers == list(range(len(numbers)))


def test_a_shard_is_as_full_as_the_limit_allows() -> None:
    samples = [("train", 1000)] * 7
    assert list(plan_shards(samples, 4024)) == [
        ShardPlan("train", 0, 3),
        ShardPlan("train", 1, 3),
        ShardPlan("train", 2, 1),
    ]


def test_names_expand_with_braces() -> None:
    assert ShardPlan("train", 12, 1).name == "train-000012"
