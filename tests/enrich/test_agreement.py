"""The comparison of labelling methods: counted by hand on a few points, sane on many."""

import numpy as np
import pytest

from enrich.agreement import compare_methods, random_land_points
from enrich.regions import load_region_table
from enrich.towns import load_towns

TABLE, TOWNS = load_region_table(), load_towns()


def test_a_few_points() -> None:
    # Lund; Helsingborg's harbour; the middle of Greenland, whose nearest town in degrees of
    # latitude and longitude is Icelandic; the Pacific.
    points = np.array([55.70, 56.04, 72.0, -30.0]), np.array([13.19, 12.69, -25.0, -120.0])
    found = compare_methods(points, TABLE, TOWNS)
    assert (found["points"], found["outside"]) == (3, 1)
    flat = found["methods"]["nearest-city"]
    assert flat["country"] == pytest.approx(2 / 3)
    assert flat["confused"] == ["GL as IS: 1"]
    midpoint = found["methods"]["midpoint"]
    assert set(midpoint) == {"country", "region", "without_region", "confused"}
    assert midpoint["without_region"] == 0


def test_random_land() -> None:
    points = random_land_points(TABLE, 3_000, seed=1)
    again = random_land_points(TABLE, 3_000, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(points, again, strict=True))
    regions, distances = TABLE.locate(*points)
    assert (distances == 0).all()
    assert "AQ" not in {TABLE.country_codes[region] for region in regions}
    methods = compare_methods(points, TABLE, TOWNS)["methods"]
    assert 0.92 < methods["nearest-city"]["country"] < 0.96
    assert 0.87 < methods["midpoint"]["country"] < 0.93
    assert 0.65 < methods["midpoint"]["region"] < 0.75
    both = methods["nearest-city, midpoint"]
    assert both["region"] + both["without_region"] < 1


def test_nothing_to_compare() -> None:
    none = compare_methods((np.array([-30.0]), np.array([-120.0])), TABLE, TOWNS)
    assert (none["points"], none["outside"]) == (0, 1)
