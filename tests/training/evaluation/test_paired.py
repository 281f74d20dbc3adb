"""Tests of two answers to the same samples, against scipy and against closed forms."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from training.evaluation.intervals import mean_of, quantile_of
from training.evaluation.paired import Difference, mcnemar_exact, paired_differences
from training.geometry import Floats


@pytest.mark.parametrize("one", [0, 1, 2, 5, 9, 40, 700])
@pytest.mark.parametrize("other", [0, 1, 3, 8, 41, 800])
def test_mcnemar_is_the_exact_binomial_test(one: int, other: int) -> None:
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert mcnemar_exact(one, other) == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert mcnemar_exact(one, other) == mcnemar_exact(other, one)


def test_mcnemar_by_hand() -> None:
    assert mcnemar_exact(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar_exact(1, 4) == pytest.approx(2 * (1 + 5) / 2**5)
    assert mcnemar_exact(3, 3) == 1.0


def paired(one: Floats, other: Floats, **options: Any) -> Difference:
    units = options.pop("units", np.arange(len(one)))
    return paired_differences({"m": mean_of(one)}, {"m": mean_of(other)}, units, **options)["m"]


def test_bootstrap_agrees_with_scipy() -> None:
    random = np.random.default_rng(5)
    one = random.normal(0.3, 1, 400)
    other = 0.8 * one + random.normal(-0.1, 0.5, 400)
    found = paired(one, other, resamples=4000)
    expected = bootstrap(
        (one, other),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=4000,
        rng=random,
    ).confidence_interval
    assert found.value == pytest.approx(float(np.mean(one - other)))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.006)
    assert found.beyond_chance


def test_pairs_make_the_interval_narrow() -> None:
    """What is better by the same on every sample is better for sure, however they scatter."""
    other = np.random.default_rng(1).normal(0, 100, 300)
    found = paired(other + 0.5, other)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    units = np.arange(300)
    medians = {"m": quantile_of(other + 0.5, 0.5)}, {"m": quantile_of(other, 0.5)}
    assert paired_differences(*medians, units)["m"].low == pytest.approx(0.5)
    assert not paired(other, other).beyond_chance


def test_what_was_taken_together_is_drawn_together() -> None:
    """Ten groups of 30 equal samples say no more than ten samples."""
    steps = np.random.default_rng(2).normal(0.2, 1, 10)
    one, units = np.repeat(steps, 30), np.repeat(np.arange(10), 30)
    grouped, ten = paired(one, 0 * one, units=units), paired(steps, 0 * steps)
    assert (grouped.low, grouped.high) == pytest.approx((ten.low, ten.high))
    alone = paired(one, 0 * one)
    assert alone.high - alone.low < (grouped.high - grouped.low) / 3


def test_figures_that_are_no_numbers_are_left_out() -> None:
    unknown = {"m": mean_of(np.full(5, np.nan))}
    known = {"m": mean_of(np.ones(5)), "n": mean_of(np.ones(5))}
    assert paired_differences(unknown, known, np.arange(5)) == {}


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(100):
        one, other = random.random(120) < 0.6, random.random(120) < 0.5
        found = paired(one.astype(float), other.astype(float), resamples=200)
        hits += found.low <= 0.1 <= found.high
    assert 0.87 <= hits / 100 <= 1
