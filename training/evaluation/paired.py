"""Two answers to the same samples: whether one is better than chance would make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

import numpy as np

from training.evaluation.intervals import RESAMPLES, Statistic, intervals
from training.evaluation.outcomes import Ints


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
    """One less the other, of a figure over the same samples, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def paired_differences(
    one: Mapping[str, Statistic],
    other: Mapping[str, Statistic],
    units: Ints,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Difference]:
    """Of every figure that both have, by its name; left out where it is no number.

    The statistics are of `training.evaluation.intervals`, of the same samples in the same order;
    `units`: what those are drawn with. Each resample draws the same samples for both, so that what
    is hard for both takes no part in the difference (Efron and Tibshirani, "An Introduction to
    the Bootstrap", 1993, ch. 13).
    """
    both = {
        name: _difference(statistic, other[name])
        for name, statistic in one.items()
        if name in other
    }
    found = {}
    everything = np.ones((1, len(units)))
    for name, interval in intervals(both, units, seed, resamples).items():
        value = float(both[name](everything)[0])
        if interval is not None and not np.isnan(value):
            found[name] = Difference(value, *interval)
    return found


def _difference(one: Statistic, other: Statistic) -> Statistic:
    return lambda weights: one(weights) - other(weights)
