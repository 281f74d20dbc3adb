"""95 % intervals of figures, by the percentile bootstrap (Efron 1979).

What is drawn again are samples, or whole groups (games, sequences) where samples have some:
pictures of one group fail together, so that single ones would promise too much. Draws come from a
seed; resamples are weights of samples, and figures of many resamples are computed at once.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from training.evaluation.outcomes import Ints
from training.geometry import Floats
from training.model.cells.table import Names

RESAMPLES = 1000
LEVEL = 0.95
_CELLS_AT_ONCE = 1 << 22

Name = TypeVar("Name")
Statistic = Callable[[Floats], Floats]
"""From weights (resamples, samples) to figures (resamples,); NaN where there is none."""


def mean_of(values: Floats) -> Statistic:
    """The mean of the values that are numbers."""
    known = ~np.isnan(values)
    numbers = values[known]

    def figure(weights: Floats) -> Floats:
        own = weights[:, known]
        return _divided(own @ numbers, own.sum(axis=1))

    return figure


def quantile_of(values: Floats, share: float) -> Statistic:
    """Of the values that are numbers, interpolated between two as by `numpy.quantile`."""
    order = np.argsort(values)[: int(np.sum(~np.isnan(values)))]
    ordered = np.append(values[order], np.nan)

    def figure(weights: Floats) -> Floats:
        until = np.cumsum(weights[:, order], axis=1)
        total = until[:, -1] if len(order) else np.zeros(len(weights))
        place = np.maximum(total - 1, 0) * share
        below = np.floor(place)
        low, high = (
            ordered[(until <= number[:, None]).sum(axis=1)] for number in (below, np.ceil(place))
        )
        return np.asarray(low + (high - low) * (place - below))

    return figure


def balanced_accuracy_of(true: Ints, predicted: Ints) -> Statistic:
    """The mean recall over the known classes that a resample has."""
    known = np.flatnonzero(true >= 0)
    rows = known[np.argsort(true[known], kind="stable")]
    starts = np.flatnonzero(np.diff(true[rows], prepend=-1))
    right = (true[rows] == predicted[rows]).astype(np.float64)

    def figure(weights: Floats) -> Floats:
        if not len(rows):
            return np.full(len(weights), np.nan)
        own = weights[:, rows]
        recall = _divided(
            np.add.reduceat(own * right, starts, axis=1), np.add.reduceat(own, starts, axis=1)
        )
        occurs = ~np.isnan(recall)
        return _divided(np.nansum(recall, axis=1), occurs.sum(axis=1))

    return figure


def _divided(above: Floats, below: Floats) -> Floats:
    found: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return found


def intervals(
    statistics: Mapping[Name, Statistic], units: Ints, seed: int, resamples: int = RESAMPLES
) -> dict[Name, tuple[float, float] | None]:
    """Low and high of each statistic; None where no resample has one.

    `units`: (samples,) the number, from 0, of what each sample is drawn with.
    """
    found: dict[Name, list[Floats]] = {name: [] for name in statistics}
    for weights in _resampled(units, seed, resamples):
        for name, statistic in statistics.items():
            found[name].append(statistic(weights))
    edges = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    return {name: _percentiles(np.concatenate(parts), edges) for name, parts in found.items()}


def _percentiles(values: Floats, edges: tuple[float, float]) -> tuple[float, float] | None:
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, edges).tolist()
    return low, high


def _resampled(units: Ints, seed: int, resamples: int) -> Iterator[Floats]:
    """Weights of all samples, (some resamples, samples) at a time."""
    count = int(units.max()) + 1
    rows = max(1, _CELLS_AT_ONCE // len(units))
    for first in range(0, resamples, rows):
        yield np.stack(
            [_weights(units, count, seed, n) for n in range(first, min(first + rows, resamples))]
        )


def _weights(units: Ints, count: int, seed: int, number: int) -> Floats:
    """(samples,) how often each is in one resample; the same whatever else is computed."""
    drawn = np.random.default_rng([seed, number]).integers(0, count, count)
    return np.bincount(drawn, minlength=count)[units].astype(np.float64)


def units_of(groups: Names) -> tuple[Ints, bool]:
    """What samples are drawn with: their group, or themselves where it is "".

    Also whether any two are drawn together.
    """
    own = np.array([f"g{name}" if name else f"s{row}" for row, name in enumerate(groups)])
    names, units = np.unique(own, return_inverse=True)
    return units.astype(np.int64), len(names) < len(own)
