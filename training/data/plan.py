"""Who reads what: pure functions from an index and seeds to sample numbers.

A plan works on single samples, not on shards, so it is exact whatever the sizes of the shards.
Global batches depend neither on the number of processes nor on that of their threads: a run may be
continued with others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.counter import Hashes, counters, uniforms
from training.data_config import Balance

Indices = NDArray[np.int64]

_POWERS = {"none": 1.0, "sqrt": 0.5, "class": 0.0}


@dataclass(frozen=True, slots=True)
class Order:
    """How each epoch goes through a split. Of equal length:"""

    hashes: Hashes
    """Of the samples' keys, see `training.data.counter`."""
    classes: Indices
    """The class that `balance` looks at."""
    shards: Indices
    """The number of the shard that each sample stands in."""
    seed: int = 0
    balance: Balance = "none"
    """A class with n samples has a share of an epoch in proportion to n (`none`), to the root of n
    (`sqrt`), or to nothing (`class`): all classes have the same."""
    window: int = 0
    """Shards that are shuffled together; 0 shuffles all."""

    def __len__(self) -> int:
        return len(self.hashes)

    def epoch(self, epoch: int) -> Indices:
        """As many entries as there are samples n, in an order of (seed, epoch, keys) alone.

        Entry i is sample i; n + i is the same sample shown once more, 2n + i once more again.
        Without `balance` each sample comes once. With it, samples of a class come equally often,
        to within one. With `window`, a group of shards, drawn by chance, is read before the next
        one is begun.
        """
        # At 100 million samples each array is 0.8 GB: none is made that says nothing.
        if self.balance == "none":
            entries, keys = np.arange(len(self)), self.hashes
        else:
            rows = self._balanced(epoch)
            again = _repeats(rows)
            entries, keys = rows + again * len(self), self.hashes[rows] + again.astype(np.uint64)
        chance = counters(keys, self.seed, epoch, 0)
        if not self.window:
            return np.asarray(entries[np.argsort(chance, kind="stable")], dtype=np.int64)
        groups = self._groups(epoch)[entries % len(self)]
        return np.asarray(entries[np.lexsort((chance, groups))], dtype=np.int64)

    def _balanced(self, epoch: int) -> Indices:
        """Samples with repetitions, class by class."""
        members = np.unique(self.classes, return_inverse=True)[1]
        counts = np.bincount(members)
        weights = counts ** _POWERS[self.balance]
        # Systematic sampling: each class gets its share of the epoch, rounded up or down.
        start = uniforms(np.zeros(1, np.uint64), self.seed, epoch, 1)[0, 0]
        ends = np.floor(np.cumsum(weights) / weights.sum() * len(self) + start)
        ends[-1] = len(self)
        quotas = np.diff(ends, prepend=0).astype(np.int64)
        order = np.lexsort((counters(self.hashes, self.seed, epoch, 1), members))
        firsts = np.cumsum(counts) - counts
        return np.concatenate(
            [
                order[first + np.arange(quota) % count]
                for first, count, quota in zip(firsts, counts, quotas, strict=True)
            ]
        )

    def _groups(self, epoch: int) -> Indices:
        """(n,) when the shard of each sample has its turn."""
        chance = counters(np.arange(self.shards.max() + 1, dtype=np.uint64), self.seed, epoch, 2)
        turns = np.argsort(np.argsort(chance))
        return np.asarray(turns[self.shards] // self.window, dtype=np.int64)


def _repeats(rows: Indices) -> Indices:
    """How often each row stood there before."""
    order = np.argsort(rows, kind="stable")
    firsts = np.searchsorted(rows[order], rows[order])
    found = np.empty_like(rows)
    found[order] = np.arange(len(rows)) - firsts
    return found


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Full global batches; the rest of an epoch's order waits for another epoch."""
    return samples // batch_size


def share(items: int, parts: int, part: int) -> slice:
    """The contiguous slice of `part`; sizes differ by one at most and cover each item once."""
    return slice(part * items // parts, (part + 1) * items // parts)


def training_batches(
    order: Order,
    *,
    batch_size: int,
    epoch: int,
    world_size: int,
    rank: int,
    first_step: int = 0,
) -> Iterator[Indices]:
    """What one rank reads in one epoch: its share of every full global batch from `first_step`.

    All ranks get the same number of batches. Without `balance`, no sample comes twice in an epoch.
    """
    indices = order.epoch(epoch)
    mine = share(batch_size, world_size, rank)
    for step in range(first_step, steps_per_epoch(len(order), batch_size)):
        yield indices[step * batch_size : (step + 1) * batch_size][mine]


def evaluation_batches(
    samples: int, *, batch_size: int, world_size: int, rank: int
) -> Iterator[Indices]:
    """What one rank evaluates, in order: over all ranks every sample exactly once, no padding.

    Ranks may get different numbers of batches, also none.
    """
    mine = np.arange(samples, dtype=np.int64)[share(samples, world_size, rank)]
    for start in range(0, len(mine), batch_size):
        yield mine[start : start + batch_size]


def parts(batch: Indices, workers: int) -> list[slice]:
    """What each worker of a rank reads of a batch; in line (0 workers) it is all of it."""
    cuts = (share(len(batch), max(1, workers), worker) for worker in range(max(1, workers)))
    return [cut for cut in cuts if cut.start < cut.stop]
