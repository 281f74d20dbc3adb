"""Tests of two answers to the same samples, against scipy and against closed forms."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from training.evaluation.paired import mcnemar_exact, mean, median, paired_bootstrap


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


def test_bootstrap_agrees_with_scipy() -> None:
    random = np.random.default_rng(5)
    one = random.normal(0.3, 1, 400)
    other = 0.8 * one + random.normal(-0.1, 0.5, 400)
    found = paired_bootstrap(one, other, resamples=4000)
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
    found = paired_bootstrap(other + 0.5, other)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    assert paired_bootstrap(other + 0.5, other, median).low == pytest.approx(0.5)
    assert not paired_bootstrap(other, other).beyond_chance


def test_the_same_seed_gives_the_same_interval_in_any_portion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(2).random((2, 50))
    whole = paired_bootstrap(*values, mean, resamples=200)
    monkeypatch.setattr("training.evaluation.paired._DRAWN_AT_ONCE", 350)
    assert paired_bootstrap(*values, mean, resamples=200) == whole


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        one, other = random.random(120) < 0.6, random.random(120) < 0.5
        found = paired_bootstrap(one.astype(float), other.astype(float), resamples=300)
        hits += found.low <= 0.1 <= found.high
    assert 0.88 <= hits / 200 <= 0.99
