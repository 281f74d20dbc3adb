"""The build script on a small layer of its own, and the outlines that it made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from enrich.data.build_regions import OUTLINES_FILE, build, country_code
from enrich.geo.countries import country_names
from enrich.geo.region_file import read_regions
from shards.errors import UsageError


def feature(adm1_code: str, shape: Any, **properties: Any) -> dict[str, Any]:
    values = {"adm1_code": adm1_code, "name": adm1_code.lower(), "admin": "Sweden", "iso_a2": "SE"}
    geometry = json.loads(shapely.to_geojson(shape))
    return {"properties": values | {"adm0_a3": "SWE"} | properties, "geometry": geometry}


LAYER = [
    feature("B-2", shapely.box(10, 0, 12, 2).difference(shapely.box(10.5, 0.5, 11, 1))),
    feature("A-1", shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 7)])),
    feature("C-3", shapely.box(-3, 0.1234567, -2, 1), iso_a2="FR", gu_a3="REU", name=None),
]


def written(folder: Path, layer: list[dict[str, Any]]) -> Path:
    path = folder / "admin1.json"
    path.write_text(json.dumps({"features": layer}))
    return path


def test_polygons_come_back_from_the_file(tmp_path: Path) -> None:
    regions_file, outlines_file = tmp_path / "regions.parquet", tmp_path / "outlines.json"
    build(written(tmp_path, LAYER), regions_file, outlines_file)
    regions = read_regions(regions_file)
    assert regions.ids == ["A-1", "B-2", "C-3"]
    assert regions.names == ["a-1", "b-2", "Sweden"]
    assert regions.country_codes == ["SE", "SE", "RE"]
    for found, source in zip(
        regions.polygons.geometries(), (LAYER[1], LAYER[0], LAYER[2]), strict=True
    ):
        original = shapely.from_geojson(json.dumps(source["geometry"]))
        assert shapely.hausdorff_distance(found, original) <= 5e-6
        assert found.symmetric_difference(original).area < 1e-4
    assert regions.midpoints[2] == pytest.approx([0.5617, -2.5], abs=1e-3)
    first = regions_file.read_bytes()
    build(written(tmp_path, LAYER[::-1]), regions_file, outlines_file)
    again = read_regions(regions_file)
    assert np.array_equal(again.midpoints, regions.midpoints)
    assert len(regions_file.read_bytes()) == len(first)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"iso_a2": "-1"}, "no country code"),
        ({"iso_a2": "RU", "adm0_a3": "CYN"}, "the source says RU, not CY"),
    ],
)
def test_an_unknown_country_stops_the_build(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        country_code({"adm1_code": "X-1", "iso_a2": "SE", "adm0_a3": "SWE"} | properties)


def test_what_is_no_layer_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "admin1.json"
    for text in (None, "[", '{"type": 1}'):
        if text:
            path.write_text(text)
        with pytest.raises(UsageError, match="not the admin-1 GeoJSON"):
            build(path, tmp_path / "regions.parquet", tmp_path / "outlines.json")


def test_the_outlines_are_small_and_complete() -> None:
    assert OUTLINES_FILE.stat().st_size <= 400_000
    countries = json.loads(OUTLINES_FILE.read_text())["countries"]
    assert [country["code"] for country in countries] == list(country_names())
    for country in countries:
        for ring in country["rings"]:
            assert len(ring) >= 4
            assert ring[0] == ring[-1]
            assert all(-180 <= lon <= 180 and -90 <= lat <= 90 for lon, lat in ring)
        # No outline crosses the map from one side to the other.
        if country["code"] != "AQ":
            assert all(np.ptp(np.array(ring)[:, 0]) < 180 for ring in country["rings"])
