"""Tables of countries against numbers counted by hand."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.evaluation.page.evaluations import make_rows, write_evaluation
from training.evaluation.metrics import wilson_interval
from training.evaluation.page.confusion import country_rows, matrix, pairs
from training.evaluation.page.predictions import Predictions, read_predictions

# (true, predicted, km)
ANSWERS = [
    ("SE", "SE", 10.0),
    ("SE", "DE", 700.0),
    ("SE", "DE", 900.0),
    ("SE", "BR", None),
    ("DE", "DE", 50.0),
    ("DE", "SE", 800.0),
    (None, "SE", 5.0),
    ("FJ", "FJ", 1.0),
]


@pytest.fixture
def predictions(tmp_path: Path) -> Predictions:
    rows: list[dict[str, Any]] = make_rows(len(ANSWERS))
    for row, (true, predicted, km) in zip(rows, ANSWERS, strict=True):
        rank = (0 if true == predicted else 2) if true else None
        row |= {"country": true, "predicted_country": predicted, "distance_km": km}
        row["country_rank"] = rank
    return read_predictions(write_evaluation(tmp_path / "evaluation", rows))


def test_countries(predictions: Predictions) -> None:
    sweden, germany, fiji = country_rows(predictions)
    assert (sweden.code, sweden.samples, sweden.recall) == ("SE", 4, 0.25)
    assert (sweden.low, sweden.high) == wilson_interval(0.25, 4)
    assert sweden.median_km == 700
    assert (sweden.mistaken_for, sweden.mistaken) == ("DE", 2)
    assert (germany.code, germany.recall, germany.median_km) == ("DE", 0.5, 425)
    assert (fiji.code, fiji.recall, fiji.mistaken_for) == ("FJ", 1.0, "")


def test_pairs(predictions: Predictions) -> None:
    found = [(p.true, p.predicted, p.samples, p.share, p.median_km) for p in pairs(predictions)]
    assert found == [
        ("SE", "DE", 2, 0.5, 800),
        ("DE", "SE", 1, 0.5, 800),
        ("SE", "BR", 1, 0.25, None),
    ]
    assert len(pairs(predictions, 1)) == 1


def test_matrix(predictions: Predictions) -> None:
    found = matrix(predictions)
    assert found.codes == ["SE", "DE"]  # Brazil is only an answer; Fiji was never mistaken
    assert found.counts == [[1, 2, 1], [1, 1, 0]]
    assert matrix(predictions, 1).counts == [[1, 3]]
