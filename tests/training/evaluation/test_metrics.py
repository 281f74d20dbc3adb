"""Every figure against numbers worked out by hand, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    top_k_accuracy_score,
)

from training.evaluation.metrics import (
    balanced_accuracy,
    distance_figures,
    mean_nll,
    top_k,
    wilson_interval,
)
from training.evaluation.outcomes import most_probable, rank_of


def test_ranks_by_hand() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])
    rank = rank_of(probabilities, np.array([0, 1, 0, -1]))
    assert rank.tolist() == [0, 1, 2, -1]
    assert [top_k(rank, k) for k in (1, 2, 3, 5)] == [1 / 4, 2 / 4, 3 / 4, 3 / 4]
    # Of equal ones, the first.
    assert rank_of(np.array([[0.4, 0.4, 0.2]]), np.array([1])).tolist() == [1]


def test_balanced_accuracy_by_hand() -> None:
    # Class 0: one of two. Class 1: none of one. Class 5 does not occur; the unknown one is none.
    true, predicted = np.array([0, 0, 1, -1]), np.array([0, 5, 0, 0])
    assert balanced_accuracy(true, predicted) == 1 / 4
    assert balanced_accuracy(np.array([0, 1, -1]), np.array([0, 1, 0])) == 1.0
    assert balanced_accuracy(np.array([-1]), np.array([0])) is None


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
@given(st.integers(0, 10**6))
def test_equals_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    classes, samples = int(random.integers(6, 12)), 60
    probabilities = random.dirichlet(np.ones(classes), samples)
    true = random.integers(0, classes, samples)
    rank, predicted = rank_of(probabilities, true), probabilities.argmax(axis=1)
    for k in (1, 3, 5):
        expected = top_k_accuracy_score(true, probabilities, k=k, labels=range(classes))
        assert top_k(rank, k) == pytest.approx(expected, abs=1e-12)
    assert top_k(rank, 1) == accuracy_score(true, predicted)
    expected = balanced_accuracy_score(true, predicted)
    assert balanced_accuracy(true, predicted) == pytest.approx(expected, abs=1e-12)
    own = probabilities[np.arange(samples), true]
    expected = log_loss(true, probabilities, labels=range(classes))
    assert mean_nll(own) == pytest.approx(expected, abs=1e-9)


def test_likelihood_of_known_classes() -> None:
    assert mean_nll(np.array([0.5, 0.25, np.nan])) == pytest.approx(1.5 * np.log(2))
    assert mean_nll(np.array([np.nan])) is None
    found = mean_nll(np.array([0.0]))
    assert found is not None
    assert 700 < found < 710


def test_fewer_classes_than_are_named() -> None:
    order, probabilities = most_probable(np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]]), 5)
    assert order.tolist() == [[1, 2, 0, -1, -1], [0, 2, 1, -1, -1]]
    assert probabilities[0, :3].tolist() == [0.5, 0.3, 0.2]
    assert np.isnan(probabilities[:, 3:]).all()


def test_distances_by_hand() -> None:
    found = distance_figures(np.array([0.0, 10.0, 1492.7, np.nan]))
    assert found["samples"] == 3
    assert found["median"] == 10.0
    assert found["mean"] == pytest.approx(1502.7 / 3)
    expected = 5000 * (1 + np.exp(-10 / 1492.7) + np.exp(-1)) / 3
    assert found["geoscore"] == pytest.approx(expected)
    assert found["within"] == {
        "1 km": 1 / 3, "25 km": 2 / 3, "200 km": 2 / 3, "750 km": 2 / 3, "2500 km": 1.0
    }  # fmt: skip


def test_no_coordinates_at_all() -> None:
    found = distance_figures(np.array([np.nan]))
    assert (found["samples"], found["median"], found["geoscore"], found["within"]) == (
        0, None, None, {}
    )  # fmt: skip


def test_wilson_interval() -> None:
    # The report's players: 8 of 30 right is 14.2 to 44.4 %.
    assert wilson_interval(8 / 30, 30) == pytest.approx((0.142, 0.444), abs=5e-4)
    assert wilson_interval(0.0, 10)[0] == 0.0
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1.0)
