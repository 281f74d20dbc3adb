"""AUC and thresholds against scikit-learn, and what the scores tell apart on real photographs."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from enrich.images.decode import decode
from enrich.images.resize import resize
from enrich.options import EnrichOptions
from enrich.scores.separation import SCORES, Separation, auc, best_threshold, measure
from tests.enrich.samples import picture


def test_auc_by_hand() -> None:
    # 3 > 1, 3 > 2, 2 > 1 and one tie: 3.5 of 4 pairs.
    assert auc(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == 3.5 / 4
    assert auc(np.array([1.0]), np.array([1.0])) == 0.5
    assert auc(np.array([1.0]), np.array([2.0])) == 0


def test_the_threshold_stands_between_what_it_separates() -> None:
    assert best_threshold(np.array([10.0, 20.0]), np.array([1.0, 4.0])) == 7
    # One photograph among the spoiled ones: giving it up costs less than keeping two of them.
    assert best_threshold(np.array([2.0, 20.0, 21.0, 22.0]), np.array([1.0, 3.0, 4.0])) == 12


few = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=30).map(np.array)


@settings(max_examples=100, deadline=None)
@given(above=few, below=few)
def test_both_agree_with_scikit_learn(above: np.ndarray, below: np.ndarray) -> None:
    truth = np.repeat([1, 0], [len(above), len(below)])
    scores = np.concatenate([above, below])
    assert auc(above, below) == pytest.approx(roc_auc_score(truth, scores))
    false_positives, true_positives, _ = roc_curve(truth, scores, drop_intermediate=False)
    cut = best_threshold(above, below)
    gain = np.mean(above > cut) - np.mean(below > cut)
    assert gain == pytest.approx((true_positives - false_positives).max())


def test_no_photographs() -> None:
    assert measure([], {}) == (0, [])


def test_the_threshold_in_use_is_judged() -> None:
    count, found = measure([picture(n, 320, 180) for n in range(3)], {"min_rgb_variance": 300.0})
    assert count == 3
    judged = {one.degradation.name: one for one in found if one.score == "rgb_variance"}
    strong = judged["darkened, gain 0.125"]
    assert (strong.in_use, strong.rejected_in_use, strong.auc) == (300, 1, 1)
    assert all(one.in_use is None for one in found if one.score != "rgb_variance")


@pytest.fixture(scope="module")
def found(shared_data: Path) -> list[Separation]:
    options = EnrichOptions()
    files = sorted((shared_data / "photos").glob("*/*.jp*g"))
    decoded = [decode(file.read_bytes(), options.width, options.height).pixels for file in files]
    working = [resize(one, options.width, options.height) for one in decoded if one is not None]
    count, separations = measure(working, options.thresholds())
    assert count == 72
    return separations


def test_every_score_sees_what_it_is_there_for(found: list[Separation]) -> None:
    expected = [one for one in found if one.expected]
    assert {one.score for one in expected} == set(SCORES)
    assert {one.degradation.kind for one in expected} == {"blurred", "darkened", "dusk", "flat"}
    for one in expected:
        assert one.auc >= 0.95, f"{one.score} against {one.degradation.name}: {one.auc:.3f}"


def test_the_default_thresholds_stop_the_strongest(found: list[Separation]) -> None:
    stopped = {(one.degradation.name, one.score): one.rejected_in_use for one in found}
    assert stopped["blurred, sigma 2", "laplacian_variance"] == 1
    assert stopped["darkened, gain 0.125", "rgb_variance"] == 1
    assert stopped["flat, contrast 0.125", "rgb_variance"] == 1
