"""Two answers to the same samples: whether one is better than chance would make it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from training.geometry import Floats

RESAMPLES = 2000
_DRAWN_AT_ONCE = 2_000_000


def mcnemar_exact(only_one: int, only_other: int) -> float:
    """Two-sided p that both are right equally often (McNemar's test, exact binomial form).

    `only_one`: samples that one got right and the other did not; `only_other`: the reverse. Those
    that both got right or both wrong say nothing. 1.0 without any.
    """
    pairs = only_one + only_other
    if pairs == 0:
        return 1.0
    tail: int = sum(comb(pairs, k) for k in range(min(only_one, only_other) + 1))
    # In whole numbers: 2**pairs is beyond a float for 1,024 pairs and more.
    scaled: int = 2 * tail * 10**18 // 2**pairs
    return min(1.0, scaled / 10**18)


@dataclass(frozen=True, slots=True)
class Difference:
    """One less the other, of a statistic over the same samples, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


Statistic = Callable[[Floats], Floats]
"""Of (resamples, n) values, over the last axis."""


def mean(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=-1))


def median(values: Floats) -> Floats:
    return np.asarray(np.median(values, axis=-1))


def paired_bootstrap(
    one: Floats,
    other: Floats,
    statistic: Statistic = mean,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """`one` and `other`: (n,) values of the same samples, in the same order; n at least 1.

    Samples are drawn with replacement, the same ones for both; the interval is that of the 2.5th
    and 97.5th percentile (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13).
    """
    random = np.random.default_rng(seed)
    count = len(one)
    value = float(statistic(one[None])[0] - statistic(other[None])[0])
    found = []
    step = max(1, _DRAWN_AT_ONCE // count)
    for start in range(0, resamples, step):
        drawn: NDArray[np.int64] = random.integers(
            0, count, (min(step, resamples - start), count), dtype=np.int64
        )
        found.append(statistic(one[drawn]) - statistic(other[drawn]))
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return Difference(value, float(low), float(high))
