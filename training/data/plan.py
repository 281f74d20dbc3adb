"""Who reads what: pure functions from counts and seeds to sample indices.

A plan works on single samples, not on shards, so it is exact whatever the sizes of the shards.
Global batches do not depend on the number of workers: a run may be continued with another one.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def epoch_order(samples: int, seed: int, epoch: int) -> Indices:
    """A permutation of `samples` indices that depends on (seed, epoch) alone."""
    return np.random.default_rng([seed, epoch]).permutation(samples)


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Full global batches; the rest of an epoch's order waits for another epoch."""
    return samples // batch_size


def share(items: int, parts: int, part: int) -> slice:
    """The contiguous slice of `part`; sizes differ by one at most and cover each item once."""
    return slice(part * items // parts, (part + 1) * items // parts)


def training_batches(
    samples: int,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    world_size: int,
    rank: int,
    first_step: int = 0,
) -> Iterator[Indices]:
    """What one rank reads in one epoch: its share of every full global batch from `first_step`.

    All ranks get the same number of batches. No sample comes twice in an epoch.
    """
    order = epoch_order(samples, seed, epoch)
    mine = share(batch_size, world_size, rank)
    for step in range(first_step, steps_per_epoch(samples, batch_size)):
        yield order[step * batch_size : (step + 1) * batch_size][mine]


def evaluation_batches(
    samples: int, *, batch_size: int, world_size: int, rank: int
) -> Iterator[Indices]:
    """What one rank evaluates, in order: over all ranks every sample exactly once, no padding.

    Ranks may get different numbers of batches, also none.
    """
    mine = np.arange(samples, dtype=np.int64)[share(samples, world_size, rank)]
    for start in range(0, len(mine), batch_size):
        yield mine[start : start + batch_size]
