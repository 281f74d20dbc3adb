"""Names and codes in every spelling that sources use, and no guesses."""

import csv
import json
from pathlib import Path

import pycountry
import pytest

from enrich.geo.countries import (
    LONGEST_TEXT,
    Match,
    country_name,
    country_names,
    find_country,
    match_country,
)

TABLE = Path(__file__).parent / "country_names.csv"
"""Texts that people write for countries, by hand; those without a code name none for sure."""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SE", "SE"),
        ("se", "SE"),
        ("SWE", "SE"),
        ("Sweden", "SE"),
        ("Kingdom of Sweden", "SE"),
        (" sweden ", "SE"),
        ("the Netherlands", "NL"),
        ("Netherlands", "NL"),
        ("Congo", "CG"),
        ("Republic of the Congo", "CG"),
        ("Congo-Brazzaville", "CG"),
        ("DR Congo", "CD"),
        ("The Democratic Republic of the Congo", "CD"),
        ("Congo, The Democratic Republic of the", "CD"),
        ("Côte d'Ivoire", "CI"),
        ("Cote d\u2019Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Kosovo", "XK"),
        ("XK", "XK"),
        ("XKX", "XK"),
        ("Türkiye", "TR"),
        ("Turkiye", "TR"),
        ("Turkey", "TR"),
        ("South Korea", "KR"),
        ("Korea, Republic of", "KR"),
        ("Republic of Korea", "KR"),
        ("North Korea", "KP"),
        ("Taiwan", "TW"),
        ("Russia", "RU"),
        ("Vietnam", "VN"),
        ("Laos", "LA"),
        ("Bolivia", "BO"),
        ("Plurinational State of Bolivia", "BO"),
        ("Czech Republic", "CZ"),
        ("U.S.A.", "US"),
        ("UK", "GB"),
        ("Åland Islands", "AX"),
        ("Curacao", "CW"),
        ("Reunion", "RE"),
        ("St. Lucia", "LC"),
        ("Guinea-Bissau", "GW"),
        ("Guinea", "GN"),
        ("Niger", "NE"),
        ("Nigeria", "NG"),
        ("Dominica", "DM"),
        ("Hong Kong", "HK"),
    ],
)
def test_spellings(text: str, code: str) -> None:
    assert find_country(text) == code


@pytest.mark.parametrize(
    "text", ["", " ", "Atlantis", "Germny", "Korea", "XX", "EU", "1", "the", "nan"]
)
def test_no_guesses(text: str) -> None:
    assert find_country(text) is None


def table() -> list[tuple[str, str]]:
    with open(TABLE, encoding="utf-8", newline="") as file:
        return [(row["name"], row["code"]) for row in csv.DictReader(file)]


def test_the_table_of_names() -> None:
    names = {name: code for name, code in table() if code}
    assert len(names) >= 900
    wrong = {name: match_country(name) for name in names}
    assert {
        name: match for name, match in wrong.items() if not match or match.code != names[name]
    } == {}


def test_the_table_of_texts_that_name_no_country() -> None:
    texts = [name for name, code in table() if not code]
    assert len(texts) >= 90
    assert [text for text in texts if match_country(text)] == []


def test_misspelt_names_are_told_from_known_ones() -> None:
    assert match_country("Germny") == Match("DE", "germany", 1)
    assert match_country("Switserlnd") == Match("CH", "switzerland", 2)
    assert match_country("Germany") == Match("DE", "germany", 0)
    assert match_country(" se ") == Match("SE", "SE", 0)
    assert find_country("Germny") is None


def test_a_known_name_in_another_language_that_is_a_typo_of_a_main_one_is_nobodys() -> None:
    # Latvian for Niger, and Nigeria without an i.
    assert match_country("Nigera") is None


def test_the_name_of_a_town_is_no_misspelling() -> None:
    assert match_country("Vienna") is None  # one letter from the Portuguese for Vietnam
    assert match_country("Viennam") == Match("VN", "vietnam", 1)


def test_long_texts_are_not_compared() -> None:
    assert match_country("Sweden" + " " * LONGEST_TEXT) is None


def test_every_country_is_found_by_all_its_iso_names() -> None:
    assert len(country_names()) == len(pycountry.countries) + 1
    for country in pycountry.countries:
        assert country_name(country.alpha_2) == country.name
        fields = ("alpha_2", "alpha_3", "name", "official_name", "common_name")
        for field in fields:
            if text := getattr(country, field, None):
                assert find_country(text) == country.alpha_2, text


def test_the_reports_own_names_are_ours(shared_data: Path) -> None:
    for path in sorted((shared_data / "distribution").glob("*.json")):
        for name in json.loads(path.read_text()):
            code = find_country(name)
            assert code is not None, name
            assert country_name(code) == name
