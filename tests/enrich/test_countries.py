"""Names and codes in every spelling that sources use, and no guesses."""

import json
from pathlib import Path

import pycountry
import pytest

from enrich.countries import country_name, country_names, find_country


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
