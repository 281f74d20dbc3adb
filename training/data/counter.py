"""Random numbers without a generator: each is a hash of what it is for.

The order of samples and the changes of their images are functions of (seed, epoch, key), so they
are the same for any number of workers, any batch size and after a restart, and for a whole batch
they are a few operations on arrays.
"""

import numpy as np
from numpy.typing import NDArray

from shards.keys import order_hash

Hashes = NDArray[np.uint64]
"""Of keys: 60 random bits each."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)


def key_hashes(keys: list[str]) -> Hashes:
    """(n,) of keys; computed once, for all epochs and seeds."""
    return np.array([order_hash(0, key) for key in keys], dtype=np.uint64)


def mix(values: Hashes) -> Hashes:
    """The output function of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64 bits."""
    values = (values ^ (values >> _SHIFTS[0])) * _FACTORS[0]
    values = (values ^ (values >> _SHIFTS[1])) * _FACTORS[1]
    return values ^ (values >> _SHIFTS[2])


def counters(hashes: Hashes, *numbers: int) -> Hashes:
    """(n,) of independent 64 bits for each hash and each tuple of numbers."""
    for number in numbers:
        hashes = mix(hashes + _GAMMA * np.array([number + 1], dtype=np.uint64))
    return hashes


def uniforms(hashes: Hashes, seed: int, epoch: int, columns: int) -> NDArray[np.float64]:
    """(n, columns) numbers in [0, 1) for each key in one epoch."""
    steps = _GAMMA * np.arange(1, columns + 1, dtype=np.uint64)
    bits = mix(counters(hashes, seed, epoch)[:, None] + steps)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
