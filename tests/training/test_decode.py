import numpy as np
import pytest

from shards.labels import CountryLabel, Labels, RegionLabel
from training.decode import Decoder, best_place, softmax, sum_by_country

LABELS = Labels(
    countries=[CountryLabel(index=i, code=c, name=c, samples=1) for i, c in enumerate("AB")],
    regions=[
        RegionLabel(index=i, id=f"R{i}", name="", country_code=c, samples=1)
        for i, c in enumerate("ABBX")
    ],
)


def test_softmax_of_large_logits() -> None:
    found = softmax(np.array([[1e4, 1e4 - 1, -1e4]], np.float32))
    assert found[0].tolist() == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.e), 0])


def test_probabilities_of_regions_add_up() -> None:
    found = sum_by_country(np.array([[0.1, 0.2, 0.3, 0.4]]), LABELS)
    assert found.tolist() == [[pytest.approx(0.1), pytest.approx(0.5)]]


def test_the_best_place_gains_from_its_neighbours() -> None:
    places = np.array([[0.0, -120.0], [50.0, 10.0], [52.0, 12.0]])
    probabilities = np.array([[0.4, 0.3, 0.3], [0.8, 0.1, 0.1]])
    found = best_place(probabilities, places)
    assert found[0].tolist() in ([50.0, 10.0], [52.0, 12.0])
    assert found[1].tolist() == [0.0, -120.0]


def test_a_country_without_a_place_is_never_the_answer() -> None:
    places = np.array([[np.nan, np.nan], [50.0, 10.0]])
    assert best_place(np.array([[0.9, 0.1]]), places).tolist() == [[50.0, 10.0]]
    assert np.isnan(best_place(np.array([[0.9, 0.1]]), places * np.nan)).all()


def test_each_position_has_its_head() -> None:
    outputs = {
        "country": np.array([[5.0, 0.0]], np.float32),
        "region": np.array([[0.0, 0.0, 9.0, 0.0]], np.float32),
        "coordinates": np.array([[0.0, 2.0, 0.0]], np.float32),
    }
    centres, midpoints = (
        np.array([[1.0, 1], [60, 60]]),
        np.array([[2.0, 2], [3, 3], [44, 4], [0, 0]]),
    )
    expected = {"country": [1, 1], "region": [44, 4], "coordinates": [0, 90]}
    for position, place in expected.items():
        answers = Decoder(LABELS, centres, midpoints, position).answers(outputs)
        assert np.allclose(answers.positions, [place])
    only = Decoder(LABELS, centres, midpoints, "region").answers({"region": outputs["region"]})
    assert only.countries[0, 1] > 0.99
