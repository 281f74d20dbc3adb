import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.data.plan import evaluation_batches, share, steps_per_epoch, training_batches


def _plans(samples: int, batch: int, world: int, seed: int = 1, epoch: int = 0, first: int = 0):
    return [
        list(
            training_batches(
                samples,
                batch_size=batch,
                seed=seed,
                epoch=epoch,
                world_size=world,
                rank=rank,
                first_step=first,
            )
        )
        for rank in range(world)
    ]


@given(st.integers(0, 300), st.integers(1, 64), st.integers(1, 7))
def test_training_reads_each_sample_at_most_once(samples: int, batch: int, world: int) -> None:
    plans = _plans(samples, batch, world)
    assert {len(plan) for plan in plans} == {steps_per_epoch(samples, batch)}
    read = np.concatenate([part for plan in plans for part in plan] or [np.array([], int)])
    assert len(set(read.tolist())) == len(read) == samples // batch * batch
    assert all(0 <= i < samples for i in read)


@given(st.integers(1, 200), st.integers(1, 32), st.integers(1, 5), st.integers(1, 5))
def test_global_batches_do_not_depend_on_the_number_of_workers(
    samples: int, batch: int, one: int, other: int
) -> None:
    def batches(world: int) -> list[list[int]]:
        ranks = _plans(samples, batch, world)
        return [np.concatenate(parts).tolist() for parts in zip(*ranks, strict=True)]

    assert batches(one) == batches(other)


@given(st.integers(8, 100), st.integers(0, 12))
def test_a_continued_epoch_is_the_rest_of_the_epoch(samples: int, first: int) -> None:
    whole, rest = _plans(samples, 8, 2), _plans(samples, 8, 2, first=first)
    for rank in range(2):
        assert [b.tolist() for b in whole[rank][first:]] == [b.tolist() for b in rest[rank]]


def test_epochs_and_seeds_differ() -> None:
    orders = {
        tuple(_plans(64, 64, 1, seed, epoch)[0][0].tolist()) for seed in (1, 2) for epoch in (0, 1)
    }
    assert len(orders) == 4


@given(st.integers(0, 200), st.integers(1, 32), st.integers(1, 9))
def test_evaluation_reads_each_sample_exactly_once(samples: int, batch: int, world: int) -> None:
    read = [
        i
        for rank in range(world)
        for part in evaluation_batches(samples, batch_size=batch, world_size=world, rank=rank)
        for i in part.tolist()
    ]
    assert read == list(range(samples))


@given(st.integers(0, 1000), st.integers(1, 16))
def test_shares_differ_by_one_at_most(items: int, parts: int) -> None:
    sizes = [len(range(items)[share(items, parts, part)]) for part in range(parts)]
    assert sum(sizes) == items
    assert max(sizes) - min(sizes) <= 1
