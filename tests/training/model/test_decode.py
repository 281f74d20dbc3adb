from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.labels import CountryLabel, Labels
from training.config import Config
from training.geometry import destination, haversine_km
from training.model.cells.table import Cell, Cells, CellTable
from training.model.decode import Decoder, Places, conditioned, multiplied, softmax

LABELS = Labels(
    countries=[CountryLabel(index=i, code=c, name=c, samples=1) for i, c in enumerate("AB")],
    regions=[],
)
CENTRES = np.array([[1.0, 1], [60, 60]])
MIDPOINTS = np.array([[2.0, 2], [3, 3], [44, 4], [0, 0]])
# The second square lies across the border, the last in a country that is no class.
COUNTRIES: list[dict[str, int]] = [{"A": 3}, {"A": 1, "B": 3}, {"B": 1}, {"X": 1}]


def _cells() -> Cells:
    cells = [
        Cell(id=f"R{i}", name=f"Region {i}", members=[f"R{i}"], countries=countries)
        for i, countries in enumerate(COUNTRIES)
    ]
    return Cells(CellTable(members="regions", cells=cells), MIDPOINTS, np.full(4, 100.0))


def _decoder(heads: list[Any], **options: Any) -> Decoder:
    config = Config.model_validate({"heads": heads, **options})
    names = [head.name for head in config.heads if head.kind == "region"]
    return Decoder(LABELS, CENTRES, {n: _cells() for n in names or ["regions"]}, config)


def _logits(*probabilities: float) -> np.ndarray:
    return np.log(np.array([probabilities]) + 1e-30).astype(np.float32)


def test_softmax_of_large_logits() -> None:
    found = softmax(np.array([[1e4, 1e4 - 1, -1e4]], np.float32))
    assert found[0].tolist() == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.e), 0])


def test_cells_alone_add_up_to_countries() -> None:
    answers = _decoder(["region"], position="region").answers(
        {"region": _logits(0.1, 0.2, 0.3, 0.4)}
    )
    assert answers.countries[0].tolist() == pytest.approx([0.1 + 0.05, 0.3 + 0.15])


def test_the_country_head_decides_between_countries() -> None:
    outputs = {"country": _logits(0.7, 0.3), "region": _logits(0.1, 0.2, 0.3, 0.4)}
    answers = _decoder(["country", "region"]).answers(outputs)
    assert answers.cells is not None
    assert answers.countries[0].tolist() == pytest.approx([0.7, 0.3])
    # A's mass is 0.1 and a quarter of 0.2, B's three quarters of 0.2 and 0.3.
    expected = [0.7 * 0.1 / 0.15, 0.7 * 0.05 / 0.15 + 0.3 * 0.15 / 0.45, 0.3 * 0.3 / 0.45, 0]
    assert answers.cells[0].tolist() == pytest.approx(expected)


def test_both_heads_multiply() -> None:
    outputs = {"country": _logits(0.7, 0.3), "region": _logits(0.1, 0.2, 0.3, 0.4)}
    answers = _decoder(["country", "region"], hierarchy="product").answers(outputs)
    assert answers.cells is not None
    joint = np.array([[0.7 * 0.1, 0], [0.7 * 0.05, 0.3 * 0.15], [0, 0.3 * 0.3], [0, 0]])
    joint /= joint.sum()
    assert answers.countries[0].tolist() == pytest.approx(joint.sum(axis=0).tolist())
    assert answers.cells[0].tolist() == pytest.approx(joint.sum(axis=1).tolist())


@given(st.integers(0, 10**6))
def test_cells_sum_to_their_countries(seed: int) -> None:
    random = np.random.default_rng(seed)
    country_of = np.concatenate([np.arange(5), random.integers(0, 5, 20)])
    shares = np.eye(5)[country_of]
    countries, cells = random.dirichlet(np.ones(5), 3), random.dirichlet(np.full(25, 0.1), 3)
    for own, found in (
        (countries, conditioned(countries, cells, shares)),
        multiplied(countries, cells, shares),
    ):
        assert np.allclose(found @ shares, own)
        assert np.allclose(found.sum(axis=1), 1)


def test_heads_that_are_sure_of_different_countries() -> None:
    shares, countries, cells = np.eye(2), np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    found = multiplied(countries, cells, shares)
    assert found[0].tolist() == [[1, 0]]
    assert np.isfinite(found[1]).all()


def test_the_best_place_gains_from_its_neighbours() -> None:
    places = Places(np.array([[0.0, -120.0], [50.0, 10.0], [52.0, 12.0]]))
    probabilities = np.array([[0.4, 0.3, 0.3], [0.8, 0.1, 0.1]])
    assert places.expected(probabilities)[0] in (1, 2)
    assert places.expected(probabilities)[1] == 0
    assert places.likeliest(probabilities).tolist() == [0, 0]


def test_a_country_without_a_place_is_never_the_answer() -> None:
    places = Places(np.array([[np.nan, np.nan], [50.0, 10.0]]))
    probabilities = np.array([[0.9, 0.1]])
    for chosen in (places.expected(probabilities), places.likeliest(probabilities)):
        assert places.at(chosen).tolist() == [[50.0, 10.0]]
    nowhere = Places(np.full((2, 2), np.nan))
    assert np.isnan(nowhere.at(nowhere.expected(probabilities))).all()


@pytest.mark.parametrize("decode", ["expected", "argmax"])
def test_each_position_has_its_head(decode: str) -> None:
    outputs = {
        "country": _logits(0.99, 0.01),
        "region": _logits(0.001, 0.001, 0.998, 0.0),
        "coordinates": np.array([[0.0, 2.0, 0.0]], np.float32),
        "offset": np.array([[0, 0, 0, 0, 0.0, 0.5, 0, 0]], np.float32),
    }
    heads = list(outputs)
    expected = {
        "country": CENTRES[0],
        "coordinates": [0, 90],
        "region": MIDPOINTS[2],
        "offset": destination(44, 4, 0, 50.0),
    }
    for position, place in expected.items():
        own = heads if position in ("country", "coordinates") else ["region", "offset"]
        decoder = _decoder(own, position=position, decode=decode)
        assert np.allclose(decoder.answers(outputs).positions, [place])


def test_offsets_stay_near_their_cell() -> None:
    outputs = {
        "region": _logits(1.0, 0.0, 0.0, 0.0),
        "offset": np.full((1, 8), 1e6, np.float32),
    }
    found = _decoder(["region", "offset"], position="offset").answers(outputs).positions[0]
    assert haversine_km(*found, *MIDPOINTS[0]) == pytest.approx(100 * np.sqrt(2))


def test_countries_around_a_bare_position() -> None:
    outputs = {"coordinates": np.array([[0.999, 0.036, 0.036]], np.float32)}
    answers = _decoder(["coordinates"], position="coordinates").answers(outputs)
    assert answers.cells is None
    assert answers.positions[0] == pytest.approx([2.06, 2.06], abs=0.02)
    assert answers.countries[0, 0] > answers.countries[0, 1] > 0
