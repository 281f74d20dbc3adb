"""Calibration by hand, against scikit-learn, and a temperature that is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from training.evaluation.calibration import (
    COLDEST,
    HOTTEST,
    expected_error,
    fit_temperature,
    reliability,
)
from training.evaluation.outcomes import _class_columns
from training.model.decode import softmax


def test_reliability_by_hand() -> None:
    curve = reliability(
        np.array([0.0, 0.5, 0.45, 0.9, 1.0]), np.array([False, True, False, True, True]), bins=2
    )
    assert [(row["low"], row["high"], row["samples"]) for row in curve] == [
        (0.0, 0.5, 3), (0.5, 1.0, 2)
    ]  # fmt: skip
    assert curve[0]["accuracy"] == pytest.approx(1 / 3)
    assert curve[0]["confidence"] == pytest.approx(0.95 / 3)
    assert expected_error(curve) == pytest.approx((3 * 0.05 / 3 + 2 * 0.05) / 5)
    assert expected_error([]) is None


def test_brier_equals_scikit_learn() -> None:
    random = np.random.default_rng(1)
    probabilities, true = random.dirichlet(np.ones(4), 50), random.integers(0, 4, 50)
    found = _class_columns(probabilities, true)[:, 4].mean()
    expected = brier_score_loss(true, probabilities, labels=range(4), scale_by_half=False)
    assert found == pytest.approx(expected, abs=1e-12)


@given(st.floats(0.3, 5.0))
def test_a_known_temperature_is_found(temperature: float) -> None:
    """Logits that were multiplied by T: the optimum moves by T."""
    random = np.random.default_rng(7)
    logits = random.normal(0, 2, (400, 6))
    true = np.array([random.choice(6, p=p) for p in softmax(logits.astype(np.float32))])
    base = fit_temperature(logits, true)
    assert 0.8 < base < 1.25
    assert fit_temperature(logits * temperature, true) == pytest.approx(base * temperature)
    # Nothing around it is better.
    losses = [
        log_loss(true, softmax((logits / t).astype(np.float32)), labels=range(6))
        for t in (base * 0.98, base, base * 1.02)
    ]
    assert min(losses) == losses[1]


def test_bounds_and_nothing_to_fit() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 2.0]])
    assert fit_temperature(logits, np.array([0, 1])) == COLDEST
    assert fit_temperature(logits, np.array([1, 0])) == HOTTEST
    assert fit_temperature(logits, np.array([-1, -1])) == 1.0
