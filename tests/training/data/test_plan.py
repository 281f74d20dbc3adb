import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.counter import key_hashes
from training.data.plan import (
    Indices,
    Order,
    evaluation_batches,
    parts,
    share,
    steps_per_epoch,
    training_batches,
)

SHARDS = st.lists(st.integers(0, 30), min_size=1, max_size=8).filter(any)
"""Samples of each shard."""


def _order(sizes: list[int], seed: int = 1, **options: object) -> Order:
    samples = sum(sizes)
    return Order(
        key_hashes([f"photo-{n}" for n in range(samples)]),
        np.arange(samples) % 3,
        np.repeat(np.arange(len(sizes)), sizes),
        seed,
        **options,
    )


def _plans(order: Order, batch: int, world: int, epoch: int = 0, first: int = 0):
    return [
        list(
            training_batches(
                order, batch_size=batch, epoch=epoch, world_size=world, rank=rank, first_step=first
            )
        )
        for rank in range(world)
    ]


def _read(plans: list[list[Indices]], workers: int) -> list[int]:
    """Every sample that any worker of any rank reads."""
    return [
        int(entry)
        for plan in plans
        for batch in plan
        for part in parts(batch, workers)
        for entry in batch[part]
    ]


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 1, 2])
@given(SHARDS, st.integers(1, 40), st.integers(0, 3))
@settings(max_examples=30)
def test_training_reads_each_sample_at_most_once(
    world: int, workers: int, sizes: list[int], batch: int, window: int
) -> None:
    order = _order(sizes, window=window)
    plans = _plans(order, batch, world)
    steps = steps_per_epoch(len(order), batch)
    assert [len(plan) for plan in plans] == [steps] * world
    read = _read(plans, workers)
    assert len(set(read)) == len(read) == steps * batch
    assert set(read) <= set(range(sum(sizes)))


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 1, 2])
@given(st.integers(0, 200), st.integers(1, 32))
@settings(max_examples=30)
def test_evaluation_reads_each_sample_exactly_once(
    world: int, workers: int, samples: int, batch: int
) -> None:
    plans = [
        list(evaluation_batches(samples, batch_size=batch, world_size=world, rank=rank))
        for rank in range(world)
    ]
    assert _read(plans, workers) == list(range(samples))


@given(SHARDS, st.integers(1, 32), st.integers(1, 5), st.integers(1, 5))
def test_global_batches_do_not_depend_on_the_number_of_ranks(
    sizes: list[int], batch: int, one: int, other: int
) -> None:
    def batches(world: int) -> list[list[int]]:
        ranks = _plans(_order(sizes, balance="sqrt"), batch, world)
        return [np.concatenate(ranks).tolist() for ranks in zip(*ranks, strict=True)]

    assert batches(one) == batches(other)


@given(st.integers(8, 100), st.integers(0, 12), st.sampled_from(["none", "class", "sqrt"]))
def test_a_continued_epoch_is_the_rest_of_the_epoch(samples: int, first: int, balance: str) -> None:
    order = _order([samples], balance=balance)
    whole, rest = _plans(order, 8, 2), _plans(order, 8, 2, first=first)
    for rank in range(2):
        assert [b.tolist() for b in whole[rank][first:]] == [b.tolist() for b in rest[rank]]


def test_epochs_and_seeds_differ() -> None:
    orders = {tuple(_order([64], seed).epoch(epoch)) for seed in (1, 2) for epoch in (0, 1)}
    assert len(orders) == 4


def test_more_data_moves_no_sample_past_another() -> None:
    few, many = _order([40]).epoch(3), _order([40, 60]).epoch(3)
    assert [entry for entry in many if entry < 40] == few.tolist()


def test_every_place_in_the_order_is_as_likely() -> None:
    order = _order([10])
    first = np.bincount([order.epoch(epoch)[0] for epoch in range(2000)], minlength=10)
    # 9 degrees of freedom: above 34 once in 10,000 times.
    assert ((first - 200) ** 2 / 200).sum() < 34


@given(SHARDS, st.integers(1, 4), st.integers(0, 5))
def test_a_window_of_shards_is_read_before_the_next(
    sizes: list[int], window: int, epoch: int
) -> None:
    order = _order(sizes, window=window)
    seen = order.shards[order.epoch(epoch)]
    assert sorted(seen) == sorted(order.shards)
    filled = [int(shard) for shard in np.unique(order.shards)]
    last: dict[int, int] = {int(shard): place for place, shard in enumerate(seen)}
    first = {int(shard): place for place, shard in reversed(list(enumerate(seen)))}
    for shard in filled:
        # At most window - 1 others are open while one is.
        others = [o for o in filled if first[o] < last[shard] and last[o] > first[shard]]
        assert len(others) <= 2 * window - 1
    if window == 1:
        assert (np.diff(seen) != 0).sum() == max(0, len(filled) - 1)


COUNTS = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@given(COUNTS, st.sampled_from(["class", "sqrt"]), st.integers(0, 5))
def test_balanced_classes_have_their_share(counts: list[int], balance: str, epoch: int) -> None:
    """N·√n / Σ√n or N/k draws of each class, rounded up or down, spread evenly over its samples."""
    samples, classes = sum(counts), np.repeat(np.arange(len(counts)), counts)
    hashes = key_hashes([f"photo-{n}" for n in range(samples)])
    order = Order(hashes, classes, classes, 7, balance)
    entries = order.epoch(epoch)
    assert len(set(entries)) == len(entries) == samples
    rows = entries % samples
    weights = np.sqrt(counts) if balance == "sqrt" else np.ones(len(counts))
    expected = samples * weights / weights.sum()
    drawn = np.bincount(classes[rows], minlength=len(counts))
    assert (np.abs(drawn - expected) < 1 + 1e-9).all()
    shown = np.bincount(rows, minlength=samples)
    for number in range(len(counts)):
        mine = shown[classes == number]
        assert mine.max() - mine.min() <= 1
    # A sample that is shown r times has the entries i, n + i, … (r - 1)·n + i.
    assert (np.bincount(rows, entries // samples, samples) == shown * (shown - 1) / 2).all()


def test_shares_are_exact_over_many_epochs() -> None:
    classes = np.repeat([0, 1, 2], [5, 20, 75])
    hashes = key_hashes([f"photo-{n}" for n in range(100)])
    for balance, shares in (("class", [1 / 3] * 3), ("sqrt", [0.1455, 0.2910, 0.5635])):
        order = Order(hashes, classes, classes, 0, balance)
        rows = np.concatenate([order.epoch(epoch) % 100 for epoch in range(300)])
        assert np.allclose(np.bincount(classes[rows]) / 30_000, shares, atol=0.002)
        # Within a class every sample comes as often as any other.
        for number in range(3):
            each = np.bincount(rows, minlength=100)[classes == number]
            assert each.std() < 0.1 * each.mean()


@given(st.integers(0, 1000), st.integers(1, 16))
def test_shares_differ_by_one_at_most(items: int, parts: int) -> None:
    sizes = [len(range(items)[share(items, parts, part)]) for part in range(parts)]
    assert sum(sizes) == items
    assert max(sizes) - min(sizes) <= 1
