import numpy as np
import pytest

from training.reproduce.outcomes import FIGURES, Outcomes, measure

FOUND = Outcomes(
    country=np.array([0, 0, 0, 1, -1]),
    country_rank=np.array([0.0, 0, 4, 7, np.nan]),
    region_rank=np.array([0.0, 3, 9, np.nan, np.nan]),
    distance_km=np.array([0.0, 10, 20, 30, np.nan]),
)


@pytest.mark.parametrize(
    ("task", "name", "expected"),
    [
        ("country", "top1", 2 / 5),
        ("country", "top5", 3 / 5),
        ("country", "balanced_accuracy", (2 / 3 + 0) / 2),
        ("region", "top1", 1 / 5),
        ("region", "top5", 2 / 5),
        ("region", "median_km", 15.0),
        ("coordinates", "mean_km", 15.0),
        ("coordinates", "geoscore", 5000 * np.mean(np.exp(-np.array([0, 10, 20, 30]) / 1492.7))),
    ],
)
def test_figures_equal_hand_computed_ones(task: str, name: str, expected: float) -> None:
    figure = next(f for f in FIGURES if (f.task, f.name) == (task, name))
    assert figure.of(FOUND, np.arange(5)) == pytest.approx(expected)


def _of_share(share: float) -> Outcomes:
    rank = np.where(np.arange(400) < 400 * share, 0.0, 1.0)
    return Outcomes(np.zeros(400, np.int64), rank, rank, rank)


def test_an_interval_is_that_of_the_binomial_distribution() -> None:
    top1 = FIGURES[0]
    found = measure(top1, {"other": [_of_share(0.3), _of_share(0.5)], "ours": [_of_share(0.5)]})
    assert found["other"]["mean"] == pytest.approx(0.4)
    assert found["other"]["seeds"] == [0.3, 0.5]
    half = 1.96 * (0.5 * 0.5 / 400) ** 0.5
    assert found["ours"]["low"] == pytest.approx(0.5 - half, abs=0.01)
    assert found["ours"]["high"] == pytest.approx(0.5 + half, abs=0.01)
    # A fifth of the photographs, half of the seeds: 0.1 ahead. The same photographs are drawn for
    # both, so only how many of this fifth are drawn is left to chance.
    half = 1.96 * 0.5 * (0.2 * 0.8 / 400) ** 0.5
    assert found["other"]["gain_low"] == pytest.approx(0.1 - half, abs=0.005)
    assert found["other"]["gain_high"] == pytest.approx(0.1 + half, abs=0.005)
