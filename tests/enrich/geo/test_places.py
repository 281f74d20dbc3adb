"""Coordinates decide where there are any; a country's name stands in where there are none."""

import pytest

from enrich.geo.locators import Midpoints, NearestCity, Polygons
from enrich.geo.places import Place, locate_captures
from enrich.geo.position import Position
from enrich.geo.regions import load_region_table
from enrich.geo.towns import load_towns
from shards.schema import CountryFrom, Reason
from tests.enrich.samples import capture


def place(lat: str, lon: str, country: str = "", limit_km: float = 25.0) -> Place:
    record = capture("test-0", lat=lat, lon=lon, country=country)
    (found,) = locate_captures([record], Polygons(load_region_table(), limit_km))
    return found


def test_coordinates_give_country_and_region() -> None:
    found = place("55.70", "13.19", "Norway")
    assert found.position == Position(55.70, 13.19)
    assert (found.country_code, found.country_from) == ("SE", CountryFrom.COORDINATES)
    assert (found.region_id, found.region_name) == ("SWE-3429", "Sweden_Skåne_SWE-3429")
    assert found.region_distance_km == 0
    assert found.rejection is None


def test_a_country_alone_is_enough() -> None:
    for text in ("SE", "Sweden", "the kingdom of sweden"):
        found = place("", "", text)
        assert found == Place(country_code="SE", country_from=CountryFrom.NAME)


@pytest.mark.parametrize(
    ("lat", "lon", "country", "reason", "code"),
    [
        ("", "", "", Reason.NO_POSITION, None),
        ("", "", "Atlantis", Reason.NO_COUNTRY, None),
        ("91,200", "13", "", Reason.INVALID_POSITION, None),
        ("91,200", "13", "Sweden", Reason.INVALID_POSITION, "SE"),
        ("91,200", "13", "Atlantis", Reason.INVALID_POSITION, None),
        ("0", "0", "Ghana", Reason.INVALID_POSITION, "GH"),
        ("-30", "-120", "Chile", Reason.NO_COUNTRY, None),
    ],
)
def test_rejections_keep_what_is_known(
    lat: str, lon: str, country: str, reason: Reason, code: str | None
) -> None:
    found = place(lat, lon, country)
    assert found.rejection is not None
    assert (found.rejection.reason, found.country_code) == (reason, code)
    assert found.region_id is None


def test_the_limit() -> None:
    assert place("55.57", "12.85").country_code == "SE"
    at_sea = place("55.57", "12.85", limit_km=1)
    assert at_sea.rejection is not None
    assert "farther than the limit from every country" in at_sea.rejection.detail


def test_many_at_once_keep_their_order() -> None:
    records = [
        capture("a", lat="52.5189", lon="13.4003"),
        capture("b", lat="x"),
        capture("c", lat="", lon="", country="FR"),
        capture("d"),
    ]
    places = locate_captures(records, Polygons(load_region_table()))
    assert [found.country_code for found in places] == ["DE", None, "FR", "SE"]
    assert locate_captures([], Polygons(load_region_table())) == []


def test_the_nearest_town_stands_beside_the_region() -> None:
    found = place("55.70", "13.19")
    assert found.place_name == "Lund"
    # Its coordinates there are 55.70584, 13.19321: 0.649 km north and 0.201 km east.
    assert found.place_distance_km == pytest.approx(0.680, abs=0.001)
    at_sea = place("-30", "-120")
    assert at_sea.place_name == "Hanga Roa"  # Easter Island
    assert at_sea.place_distance_km == pytest.approx(1079, abs=1)
    assert place("", "", "Sweden").place_name is None


def test_misspelt_countries() -> None:
    assert place("", "", "Germny").country_code == "DE"
    unsure = place("", "", "Nigeira")
    assert unsure.rejection is not None
    assert "'Nigeira' is not the name of a country" in unsure.rejection.detail


def test_by_midpoints_country_and_region_agree_and_there_is_no_distance() -> None:
    table = load_region_table()
    record = capture("a", lat="55.70", lon="13.19")
    (found,) = locate_captures([record], Midpoints(table))
    # Lund is nearer to the middle of the capital region of Denmark than to that of Skåne.
    assert (found.country_code, found.region_id) == ("DK", "DNK-3419")
    assert found.region_distance_km is None


def test_a_region_of_another_country_than_the_towns_is_left_out() -> None:
    table = load_region_table()
    record = capture("a", lat="72", lon="-25")  # Greenland; in degrees the nearest is Icelandic
    (found,) = locate_captures([record], NearestCity(table, load_towns(), Polygons(table)))
    assert (found.country_code, found.region_id, found.region_name) == ("IS", None, None)
    assert found.rejection is None
