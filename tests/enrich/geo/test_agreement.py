"""The comparison of labelling methods: counted by hand on a few points, sane on many."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from enrich.geo.agreement import (
    compare_methods,
    dataset_names,
    dataset_points,
    random_land_points,
)
from enrich.geo.locators import CountryMethod, RegionMethod
from enrich.geo.regions import load_region_table
from enrich.geo.towns import load_towns
from enrich.options import EnrichOptions
from enrich.pipeline import enrich_segment
from lostfound import main
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.enrich.samples import capture, jpeg, write_segment

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


def enriched(root: Path, options: EnrichOptions, *places: tuple[str, str, str]) -> DatasetLayout:
    """A dataset of captures with these latitudes, longitudes and countries."""
    layout = DatasetLayout(root)
    captures = [
        (capture(f"test-{n}", lat=lat, lon=lon, country=country), jpeg(n), "jpg")
        for n, (lat, lon, country) in enumerate(places)
    ]
    enrich_segment(layout, write_segment(layout, "w-000000", captures), options)
    return layout


def run(*words: str) -> object:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    return stop.value.code


NAMES = [("", "", "Germny"), ("", "", "Germny"), ("", "", "Sweden"), ("91", "0", "Europe")]


def test_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = enriched(tmp_path, EnrichOptions(), ("55.70", "13.19", "Norway"), *NAMES)
    lat, lon = dataset_points(layout)
    assert (lat.tolist(), lon.tolist()) == ([55.70], [13.19])
    names = {
        "captures": 4,
        "misspelt": 2,
        "unknown": 1,
        "most_misspelt": {"Germny as DE": 2},
        "most_unknown": {"Europe": 1},
    }
    assert dataset_names(layout) == names
    assert run("labels", str(tmp_path), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["names"] == names
    # Lund is nearer to the middle of Denmark's capital region than to that of its own.
    assert found["methods"]["midpoint"] == {
        "country": 0,
        "region": 0,
        "without_region": 0,
        "confused": ["SE as DK: 1"],
    }


def test_without_positions_or_without_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no row has a position"):
        dataset_points(enriched(tmp_path / "names", EnrichOptions(), *NAMES))
    with pytest.raises(UsageError, match="no row has a position"):
        dataset_points(DatasetLayout(tmp_path / "empty"))
    assert run("labels", str(tmp_path / "nothing")) == 2


@pytest.mark.parametrize(
    ("countries", "regions", "labels"),
    [
        ("polygons", "polygons", ("SE", "SWE-3429", 0.0)),
        ("polygons", "midpoint", ("DK", "DNK-3419", None)),
        ("nearest-city", "polygons", ("SE", "SWE-3429", 0.0)),
        ("nearest-city", "midpoint", ("SE", None, None)),
    ],
)
def test_rows_by_every_method(
    tmp_path: Path, countries: str, regions: str, labels: tuple[str, str | None, float | None]
) -> None:
    options = EnrichOptions(countries=CountryMethod(countries), regions=RegionMethod(regions))
    layout = enriched(tmp_path, options, ("55.70", "13.19", ""))
    (row,) = pq.read_table(layout.parts()[0]).to_pylist()
    assert (row["country_code"], row["region_id"], row["region_distance_km"]) == labels
    assert (row["status"], row["country_from"], row["place_name"]) == (
        "kept",
        "coordinates",
        "Lund",
    )
    stored = json.loads(json.dumps(options.to_json()))
    assert (stored["countries"], stored["regions"]) == (countries, regions)


def test_a_method_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("enrich", str(tmp_path), "--regions", "middle") == 2
    assert "--regions middle: use polygons or midpoint" in capsys.readouterr().err
