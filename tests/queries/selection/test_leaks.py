"""The leak check: distances, groups, clusters and label shares, against hand-computed truth."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.geo.sphere import EARTH_RADIUS_KM
from queries.selection.leaks import label_shares, nearest_km
from queries.selection.splits import Split, random_split
from shards.schema import CLUSTERS_SCHEMA
from tests.queries.conftest import HandMade, row

Run = Callable[..., tuple[int, str, str]]
POINT = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def haversine_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, point)) for point in (a, b))
    square = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, square)))


def test_label_shares() -> None:
    # Expected are 20 in each cell, so chi2 = 4 * 10^2 / 20 and p = erfc(sqrt(20 / 2)).
    shares = label_shares(
        {
            "SE": {"train": 30, "validation": 0, "test": 10},
            "DE": {"train": 10, "validation": 0, "test": 30},
        }
    )
    assert shares == {
        "chi2": 20.0,
        "degrees_of_freedom": 1,
        "p": pytest.approx(math.erfc(math.sqrt(10)), rel=1e-5),
    }


@pytest.mark.parametrize(
    "countries",
    [
        {},
        {"SE": {"train": 3, "validation": 1, "test": 1}},
        {"SE": {"train": 3, "validation": 0, "test": 0}, "DE": {"train": 1, "validation": 0}},
    ],
)
def test_nothing_to_compare(countries: dict[str, dict[str, int]]) -> None:
    full = {code: {**dict.fromkeys(Split, 0), **counts} for code, counts in countries.items()}
    assert label_shares(full) == {"chi2": 0.0, "degrees_of_freedom": 0, "p": 1.0}


def test_nearest_across_the_antimeridian_and_the_pole() -> None:
    degree = EARTH_RADIUS_KM * math.pi / 180
    one = np.array([[0.0, 179.9], [89.5, 0.0]])
    other = np.array([[0.0, -179.9], [89.5, 180.0], [45.0, 45.0]])
    assert nearest_km(one, other) == pytest.approx([0.2 * degree, 1.0 * degree])
    assert np.isinf(nearest_km(one, other[:0])).all()


@settings(deadline=None, max_examples=50)
@given(st.lists(POINT, min_size=1, max_size=8), st.lists(POINT, min_size=1, max_size=8))
def test_nearest_is_the_smallest_haversine(
    one: list[tuple[float, float]], other: list[tuple[float, float]]
) -> None:
    truth = [min(haversine_km(a, b) for b in other) for a in one]
    # Haversines lose digits near the antipodes.
    assert nearest_km(np.array(one), np.array(other)) == pytest.approx(truth, abs=1e-3)


def selected(lostfound: Run, hand_made: HandMade, *arguments: object) -> dict[str, Any]:
    code, out, error = lostfound("select", hand_made.layout.root, *arguments, "--json")
    assert code == 0, error
    return dict(json.loads(out))


def test_groups_and_clusters_across_splits(hand_made: HandMade, lostfound: Run) -> None:
    by_split = {
        split: next(f"k-{i}" for i in range(99) if random_split(0, f"k-{i}") is split)
        for split in Split
    }
    keys = list(by_split.values())
    rows = hand_made.add_part(
        [row(i, key=key, group_id="") for i, key in enumerate(keys)]
        + [row(10 + i, "DE", group_id="game") for i in range(20)]
    )
    identity = ("key", "raw_segment", "raw_offset", "view")
    clusters = [
        {**{name: values[name] for name in identity}, "cluster": keys[0], "survivor": not i}
        for i, values in enumerate(rows[:2])
    ]
    hand_made.layout.catalog.mkdir()
    pq.write_table(
        pa.Table.from_pylist(clusters, schema=CLUSTERS_SCHEMA), hand_made.layout.clusters
    )
    leaks = selected(lostfound, hand_made)["leak_check"]
    assert (leaks["groups_across_splits"], leaks["clusters_across_splits"]) == (0, 1)
    assert sum(leaks["countries"]["DE"].values()) == 20
    leaks = selected(lostfound, hand_made, "--split-by", "key")["leak_check"]
    assert leaks["groups_across_splits"] == 1


def test_distances_are_stored(hand_made: HandMade, lostfound: Run) -> None:
    keys = {
        split: next(f"k-{i}" for i in range(99) if random_split(0, f"k-{i}") is split)
        for split in Split
    }
    places = {Split.TRAIN: (0.0, 179.5), Split.VALIDATION: (0.0, -179.5), Split.TEST: (None, None)}
    hand_made.add_part(
        [
            row(i, key=keys[split], group_id="", lat=lat, lon=lon)
            for i, (split, (lat, lon)) in enumerate(places.items())
        ]
    )
    assert selected(lostfound, hand_made)["leak_check"]["distance_km"] == {
        "train-validation": 111.195080,
        "train-test": None,
        "validation-test": None,
    }


def test_shown_to_people(hand_made: HandMade, lostfound: Run) -> None:
    hand_made.add_part([row(i) for i in range(50)])
    _, out, _ = lostfound("select", hand_made.layout.root)
    assert "smallest distance km" in out
    assert "degrees of freedom" in out
