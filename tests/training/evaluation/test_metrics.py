import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from training.evaluation.inference import rank_of
from training.evaluation.metrics import (
    Outcomes,
    balanced_accuracy,
    distance_figures,
    figures,
    top_k,
    wilson_interval,
)


def _outcomes(probabilities: np.ndarray, true: list[int]) -> Outcomes:
    country = np.array(true, dtype=np.int64)
    return Outcomes(
        country,
        probabilities.argmax(axis=1),
        rank_of(probabilities, country),
        np.full(len(country), np.nan),
    )


def test_by_hand() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])
    outcomes = _outcomes(probabilities, [0, 1, 0, -1])
    assert outcomes.rank.tolist() == [0, 1, 2, -1]
    assert top_k(outcomes, 1) == 1 / 4
    assert top_k(outcomes, 2) == 2 / 4
    assert top_k(outcomes, 3) == 3 / 4
    assert top_k(outcomes, 5) == 3 / 4
    # Class 0: one of two. Class 1: none of one. The unknown one is no class.
    assert balanced_accuracy(outcomes.country, outcomes.predicted) == 1 / 4


@given(st.integers(0, 10**6))
def test_equals_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    classes, samples = int(random.integers(6, 12)), 60
    probabilities = random.dirichlet(np.ones(classes), samples)
    true = random.integers(0, classes, samples).tolist()
    outcomes = _outcomes(probabilities, true)
    for k in (1, 3, 5):
        expected = top_k_accuracy_score(true, probabilities, k=k, labels=range(classes))
        assert top_k(outcomes, k) == pytest.approx(expected)
    assert balanced_accuracy(outcomes.country, outcomes.predicted) == pytest.approx(
        balanced_accuracy_score(true, outcomes.predicted)
    )


def test_equal_probabilities_rank_in_index_order() -> None:
    probabilities = np.full((4, 4), 0.25)
    assert rank_of(probabilities, np.arange(4)).tolist() == [0, 1, 2, 3]


def test_unknown_countries_do_not_lower_balanced_accuracy() -> None:
    country, predicted = np.array([0, 1, -1]), np.array([0, 1, 0])
    assert balanced_accuracy(country, predicted) == 1.0
    assert balanced_accuracy(np.array([-1]), np.array([0])) is None


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
    found = figures(_outcomes(np.eye(3), [0, 1, 2]))
    assert found["distance_km"]["median"] is None
    assert found["country"]["top1"] == 1.0


def test_wilson_interval() -> None:
    # The report's players: 8 of 30 right is 14.2 to 44.4 %.
    assert wilson_interval(8 / 30, 30) == pytest.approx((0.142, 0.444), abs=5e-4)
    assert wilson_interval(0.0, 10)[0] == 0.0
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1.0)
