"""Results, against counts by hand and the report's own percentages."""

import pytest
from scipy.stats import binomtest

from training.baseline.scores import REPORT_PLAYERS, accuracies, compared, results


def test_the_report_s_table() -> None:
    shares = [[round(100 * n / p.photographs, 2) for n in p.right] for p in REPORT_PLAYERS]
    assert shares == [[26.67, 43.33, 56.67], [10.0, 13.33, 20.0], [8.0, 22.0, 30.0]]
    rows = results([], None)["report"]
    # Their Wilson intervals, worked out before: 14.2-44.4, 3.5-25.6, 3.2-18.8 %.
    intervals = [(round(100 * r["top1_low"], 1), round(100 * r["top1_high"], 1)) for r in rows]
    assert intervals == [(14.2, 44.4), (3.5, 25.6), (3.2, 18.8)]


def test_accuracies_are_wilson_s() -> None:
    ranks = [0, 0, 1, 2, 3, 4, -1, -1]
    found = accuracies(ranks)
    assert (found["top1"], found["top3"], found["top5"]) == (2 / 8, 4 / 8, 6 / 8)
    expected = binomtest(2, 8).proportion_ci(method="wilson")
    assert (found["top1_low"], found["top1_high"]) == pytest.approx((expected.low, expected.high))
    assert accuracies([])["top1"] is None


def test_people_and_model_photograph_by_photograph() -> None:
    people, model = [0, 0, 1, -1, 4], [0, 2, 0, 0, 7]
    found = compared(people, model)
    assert found["top1"] == {"only_person": 1, "only_model": 2, "p": 1.0}
    assert found["top3"] == {"only_person": 0, "only_model": 1, "p": 1.0}
    assert found["top5"] == {"only_person": 1, "only_model": 1, "p": 1.0}


def test_pooled_are_all_answers() -> None:
    model = {"a": 0, "b": 3, "c": 1}
    people = [
        ("Ada", [{"rank": 0, "key": "a"}, {"rank": -1, "key": "b"}]),
        ("Bob", [{"rank": 1, "key": "c"}, {"rank": 0, "key": "a"}]),
        ("Eve", []),
    ]
    found = results(people, model.__getitem__)
    assert [row["name"] for row in found["people"]] == ["Ada", "Bob"]
    assert found["people"][0]["model"]["top1"] == 0.5
    assert (found["pooled"]["photographs"], found["pooled"]["top1"]) == (4, 0.5)
    assert found["pooled"]["model"]["top1"] == 0.5
    assert "model" not in results(people, None)["pooled"]
