"""Figures of weighted samples equal those of samples that are written out, and cover the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.intervals import (
    balanced_accuracy_of,
    intervals,
    mean_of,
    quantile_of,
    units_of,
)
from training.evaluation.metrics import balanced_accuracy


@given(st.integers(0, 10**6))
def test_weights_are_repetitions(seed: int) -> None:
    random = np.random.default_rng(seed)
    samples = int(random.integers(1, 30))
    weights = random.integers(0, 4, (3, samples)).astype(np.float64)
    values = np.where(random.random(samples) < 0.2, np.nan, random.normal(size=samples))
    true, predicted = random.integers(-1, 4, samples), random.integers(0, 4, samples)
    found = [
        statistic(weights)
        for statistic in (
            mean_of(values),
            quantile_of(values, 0.5),
            quantile_of(values, 0.9),
            balanced_accuracy_of(true, predicted),
        )
    ]
    for row in range(3):
        drawn = np.repeat(np.arange(samples), weights[row].astype(int))
        own = values[drawn][~np.isnan(values[drawn])]
        expected = [own.mean(), *np.quantile(own, [0.5, 0.9])] if len(own) else [np.nan] * 3
        balanced = balanced_accuracy(true[drawn], predicted[drawn]) if len(drawn) else None
        expected.append(np.nan if balanced is None else balanced)
        assert [one[row] for one in found] == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_the_interval_of_a_mean() -> None:
    """Of 400 normal values: the mean plus and minus 1.96 standard errors."""
    values = np.random.default_rng(3).normal(10, 4, 400)
    found = intervals({"mean": mean_of(values)}, np.arange(400), seed=5)["mean"]
    assert found is not None
    error = values.std() / 20
    assert found == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.15 * error
    )
    assert intervals({"mean": mean_of(values)}, np.arange(400), seed=5)["mean"] == found
    assert intervals({"none": mean_of(values * np.nan)}, np.arange(400), seed=5)["none"] is None


def test_groups_that_fail_together_are_less_certain() -> None:
    groups = np.array([f"game-{n // 10}" for n in range(200)] + [""] * 2)
    units, grouped = units_of(groups)
    assert grouped
    assert units.max() + 1 == 22
    assert not units_of(np.array(["", "", "a"]))[1]
    right = np.repeat(np.arange(20) % 2, 10).astype(np.float64)
    alone = intervals({0: mean_of(right)}, np.arange(200), seed=1)[0]
    together = intervals({0: mean_of(right)}, units[:200], seed=1)[0]
    assert alone is not None
    assert together is not None
    assert together[1] - together[0] > 2.5 * (alone[1] - alone[0])
