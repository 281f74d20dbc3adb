"""The numbers behind the charts, worked out by hand."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.evaluation.page.evaluations import make_rows, write_evaluation
from training.evaluation.page.charts import (
    calibration_error,
    confidences,
    distance_histogram,
    reliability_curve,
)
from training.evaluation.page.predictions import Predictions, read_predictions


def made(folder: Path, changes: list[dict[str, Any]]) -> Predictions:
    rows = [row | new for row, new in zip(make_rows(len(changes)), changes, strict=True)]
    return read_predictions(write_evaluation(folder, rows))


def test_confidences(tmp_path: Path) -> None:
    answers = [(0.05, 0), (0.15, 0), (0.15, 3), (0.95, 0), (1.0, 0), (1.0, -1), (None, 0)]
    predictions = made(tmp_path, [{"probability": p, "country_rank": r} for p, r in answers])
    bins = confidences(predictions)
    assert [(b.samples, b.accuracy) for b in bins] == [(1, 1), (2, 0.5), (3, pytest.approx(2 / 3))]
    assert [b.probability for b in bins] == pytest.approx([0.05, 0.15, 2.95 / 3])
    gaps = 1 * 0.95 + 2 * 0.35 + 3 * (2.95 / 3 - 2 / 3)
    assert calibration_error(bins) == pytest.approx(gaps / 6)
    assert reliability_curve(bins).count("<circle") == 3
    assert reliability_curve([]) == ""
    assert calibration_error([]) == 0


def test_distances_all_stand_in_the_histogram(tmp_path: Path) -> None:
    km = [0.0, 0.05, 3.0, 3.1, 800.0, 20_015.0, None]
    rows = [{"distance_km": d, "country_rank": n % 2} for n, d in enumerate(km)]
    svg = distance_histogram(made(tmp_path, rows))
    titles = re.findall(r": ([\d,]+) (right|wrong) country</title>", svg)
    counts = {kind: sum(int(n) for n, k in titles if k == kind) for kind in ("right", "wrong")}
    assert counts == {"right": 3, "wrong": 3}
    assert [text for text in (">1<", ">25<", ">200<", ">750<", ">2,500<") if text not in svg] == []


def test_without_coordinates_there_is_no_histogram(tmp_path: Path) -> None:
    predictions = made(tmp_path, [{"distance_km": None}, {"distance_km": np.nan}])
    assert distance_histogram(predictions) == ""
