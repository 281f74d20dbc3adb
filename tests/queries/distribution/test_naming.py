"""Which names are the same country or region, and what is said about those that are none."""

import pytest

from queries.distribution.naming import (
    areas_km2,
    check_names,
    column,
    identity,
    in_pool_names,
    suggestions,
)
from shards.errors import UsageError


def test_countries_by_code_or_name_keep_the_pools_spelling() -> None:
    pool = ["Russian Federation", "SE", "côte d'ivoire", "Elsewhere"]
    target = {"Russia": 3, "Schweden": 2, "CIV": 1, "Elsewhere": 4, "Peru": 5}
    assert in_pool_names(pool, target, "country_code", "--target") == {
        "Russian Federation": 3,
        "SE": 2,
        "côte d'ivoire": 1,
        "Elsewhere": 4,
        "Peru": 5,
    }


def test_names_that_are_no_country_must_be_equal_to_the_letter() -> None:
    same = identity("country_code")
    assert same("elsewhere") != same("Elsewhere")
    assert same("Korea") == "Korea"  # there are two


def test_two_spellings_of_one_country() -> None:
    with pytest.raises(UsageError, match="'Germany' and 'de' both mean DE"):
        check_names(["Germany", "France", "de"], "country_code", "counts.csv")
    check_names(["Germany", "France", "de"], "source", "counts.csv")


def test_regions_by_id_or_whole_name() -> None:
    assert identity("region_id")("Sweden_Skåne_SWE-3429") == identity("region_id")("SWE-3429")
    assert identity("region_id")("a_b") == "a_b"


def test_short_names_of_columns() -> None:
    assert [column(by) for by in ("country", "region", " source ")] == [
        "country_code",
        "region_id",
        "source",
    ]


def test_suggestions() -> None:
    names = ["Germny", "Atlantis", "SE"]
    assert suggestions(names, "country_code") == [
        "'Germny' is no country's name; Germany (DE)?",
        "'Atlantis' is no country's name or code",
    ]
    assert suggestions(names, "source") == []


def test_areas() -> None:
    areas = areas_km2(["Luxembourg", "CHE", "Atlantis"], "country_code")
    assert areas == pytest.approx({"Luxembourg": 2586, "CHE": 41_291}, rel=0.02)
    assert 10_000 < areas_km2(["SWE-3429"], "region_id")["SWE-3429"] < 100_000
    with pytest.raises(UsageError, match="not by source"):
        areas_km2(["x"], "source")
