"""Views on disputed areas, held against ISO 3166 as pycountry has it."""

from pathlib import Path

import pyarrow.parquet as pq
import pycountry
import pytest

from enrich.geo.borders import AREAS, DE_FACTO, ISO, VIEWS, find_view
from enrich.geo.regions import load_region_table
from enrich.options import EnrichOptions
from enrich.pipeline import enrich_segment
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.enrich.samples import capture, jpeg, write_segment

OFFICIAL = {country.alpha_2 for country in pycountry.countries}


def test_every_area_has_its_regions() -> None:
    ids = load_region_table().ids
    counts = {
        area.name: sum(
            id_ in area.regions or f"{id_.partition('-')[0]}-" in area.regions for id_ in ids
        )
        for area in AREAS
    }
    assert counts == {
        "Crimea and Sevastopol": 2,
        "Western Sahara west of the sand wall": 2,
        "Kosovo": 30,
    }


def test_the_views_differ_in_these_areas_alone() -> None:
    de_facto, iso = load_region_table(DE_FACTO), load_region_table(ISO)
    assert (iso.ids, iso.names) == (de_facto.ids, de_facto.names)
    codes = zip(de_facto.ids, de_facto.country_codes, iso.country_codes, strict=True)
    changed = [(id_, here, there) for id_, here, there in codes if here != there]
    assert len(changed) == 34
    assert {(here, there) for _, here, there in changed} == {
        ("RU", "UA"),
        ("MA", "EH"),
        ("XK", "RS"),
    }


def test_codes_of_the_iso_view_are_those_of_the_standard() -> None:
    assert set(load_region_table(ISO).country_codes) == OFFICIAL
    assert set(load_region_table(DE_FACTO).country_codes) == OFFICIAL | {"XK"}
    for code, country in (("UA-43", "UA"), ("UA-40", "UA"), ("RS-KM", "RS")):
        assert pycountry.subdivisions.get(code=code).country_code == country


@pytest.mark.parametrize(
    ("lat", "lon", "de_facto", "iso"),
    [
        (45.05, 33.98, "RU", "UA"),  # Simferopol
        (44.6, 33.53, "RU", "UA"),  # Sevastopol
        (42.66, 21.16, "XK", "RS"),  # Pristina
        (27.15, -13.2, "MA", "EH"),  # El Aaiún
        (24.2, -12.3, "EH", "EH"),  # behind the sand wall
        (35.33, 33.32, "CY", "CY"),
        (9.56, 44.06, "SO", "SO"),
        (25.03, 121.56, "TW", "TW"),
        (31.9, 35.2, "PS", "PS"),
        (35.4, 77.1, "IN", "IN"),  # the Siachen Glacier
        (48.0, 37.8, "UA", "UA"),  # Donetsk
        (43.0, 41.0, "GE", "GE"),  # Abkhazia
    ],
)
def test_places(lat: float, lon: float, de_facto: str, iso: str) -> None:
    for name, expected in ((DE_FACTO, de_facto), (ISO, iso)):
        table = load_region_table(name)
        (region,), (distance,) = table.locate([lat], [lon])
        assert (table.country_codes[region], distance) == (expected, 0)


def test_a_country_that_a_view_does_not_have() -> None:
    assert load_region_table(DE_FACTO).country("XK") == "XK"
    assert load_region_table(ISO).country("XK") == "RS"
    assert load_region_table(ISO).country("SE") == "SE"


def test_one_table_per_view() -> None:
    assert load_region_table() is load_region_table(DE_FACTO)
    assert load_region_table(ISO) is load_region_table(ISO)
    with pytest.raises(UsageError, match="--borders un: use de-facto or iso"):
        load_region_table("un")
    assert list(VIEWS) == [DE_FACTO, ISO]
    assert find_view(DE_FACTO).country_codes(["SWE-1"], ["SE"]) == ["SE"]


def test_a_dataset_in_a_view(tmp_path: Path) -> None:
    places = {"a": ("45.05", "33.98", ""), "b": ("42.66", "21.16", ""), "c": ("", "", "Kosovo")}
    captures = [
        (capture(f"test-{key}", lat=lat, lon=lon, country=country), jpeg(ord(key)), "jpg")
        for key, (lat, lon, country) in places.items()
    ]
    for borders, codes, beginning in (
        (DE_FACTO, ["RU", "XK", "XK"], "Russian Federation_Crimea_RUS-283"),
        (ISO, ["UA", "RS", "RS"], "Ukraine_Crimea_RUS-283"),
    ):
        layout = DatasetLayout(tmp_path / borders)
        segment = write_segment(layout, "w-000000", captures)
        options = EnrichOptions(borders=borders)
        enrich_segment(layout, segment, options)
        rows = pq.read_table(layout.part_rows(segment)).to_pylist()
        assert [row["country_code"] for row in rows] == codes
        assert rows[0]["region_name"] == beginning
        for row in rows[:2]:
            assert row["region_name"].startswith(f"{row['country_name']}_")
        assert options.to_json()["borders"] == borders
    with pytest.raises(UsageError, match="--borders nowhere"):
        EnrichOptions(borders="nowhere")
