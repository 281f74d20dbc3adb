"""Country names and codes: ISO 3166-1 by `pycountry`, plus Kosovo, plus the names people use.

Codes are alpha-2. Names are pycountry's (`Korea, Republic of`), which the report's lists use too.
"""

import re
import unicodedata
from functools import cache
from typing import Any

import pycountry

KOSOVO = "XK"
"""User-assigned in ISO 3166, but the code in general use; alpha-3 is XKX, or XKK with Unicode."""

EVERYDAY_NAMES = {
    "AE": ("UAE", "Emirates"),
    "BA": ("Bosnia", "Bosnia & Herzegovina", "Bosnia-Herzegovina"),
    "BN": ("Brunei",),
    "BO": ("Plurinational State of Bolivia",),
    "BQ": ("Caribbean Netherlands",),
    "BS": ("The Bahamas",),
    "CC": ("Cocos Islands", "Keeling Islands"),
    "CD": (
        "Congo-Kinshasa",
        "Congo Kinshasa",
        "Congo (Kinshasa)",
        "Congo, Democratic Republic of the",
        "Democratic Republic of Congo",
        "Democratic Republic of the Congo",
        "DR Congo",
        "DRC",
        "Zaire",
    ),
    "CG": (
        "Congo-Brazzaville",
        "Congo Brazzaville",
        "Congo (Brazzaville)",
        "Congo Republic",
        "Congo, Republic of the",
        "Republic of Congo",
        "Republic of the Congo",
    ),
    "CI": ("Ivory Coast", "Cote d Ivoire"),
    "CV": ("Cape Verde",),
    "CZ": ("Czech Republic",),
    "FK": ("Falkland Islands", "Falklands"),
    "FM": ("Micronesia", "Federated States of Micronesia"),
    "FO": ("Faeroe Islands", "Faroes"),
    "GB": ("UK", "Britain", "Great Britain", "England", "Scotland", "Wales", "Northern Ireland"),
    "GM": ("The Gambia",),
    "IE": ("Republic of Ireland", "Eire"),
    "IR": ("Islamic Republic of Iran",),
    "KP": ("DPRK", "Democratic People's Republic of Korea"),
    "KR": ("Republic of Korea",),
    "LA": ("Lao PDR",),
    "MF": ("Saint Martin", "Saint-Martin"),
    "MK": ("Macedonia", "FYR Macedonia"),
    "MM": ("Burma",),
    "MO": ("Macau",),
    "NL": ("Holland",),
    "PN": ("Pitcairn Islands",),
    "PS": ("Palestine", "Palestinian Territories", "Occupied Palestinian Territory"),
    "RE": ("La Réunion",),
    "RU": ("Russia",),
    "SH": ("Saint Helena",),
    "ST": ("São Tomé", "Sao Tome & Principe"),
    "SX": ("Sint Maarten",),
    "SZ": ("Swaziland",),
    "TL": ("East Timor",),
    "TR": ("Turkey",),
    "TT": ("Trinidad", "Trinidad & Tobago"),
    "TW": ("Republic of China",),
    "US": ("USA", "America", "United States of America", "U.S.", "U.S.A."),
    "VA": ("Vatican", "Vatican City", "Holy See"),
    "VG": ("British Virgin Islands",),
    "VI": ("US Virgin Islands", "U.S. Virgin Islands", "United States Virgin Islands"),
    "XK": ("Republic of Kosovo", "Kosova"),
}
"""Names that are unambiguous in everyday use and that ISO 3166 does not list."""

ALPHA_3 = {"XKX": KOSOVO, "XKK": KOSOVO}


@cache
def country_names() -> dict[str, str]:
    """Name by code, sorted by code."""
    names = {country.alpha_2: country.name for country in pycountry.countries}
    return dict(sorted((names | {KOSOVO: "Kosovo"}).items()))


def country_name(code: str) -> str:
    """The name of a country. Raises KeyError for a code that is not in use."""
    return country_names()[code]


def find_country(text: str) -> str | None:
    """The code of a country given by code or name in any common spelling; None when unsure.

    A bare "Congo" is CG, because that is what ISO 3166 calls it; "Korea" is nobody.
    """
    code = text.strip().upper()
    if code in country_names():
        return code
    return _codes_by_name().get(_normalised(text)) or _codes_by_alpha_3().get(code)


@cache
def _codes_by_alpha_3() -> dict[str, str]:
    return {country.alpha_3: country.alpha_2 for country in pycountry.countries} | ALPHA_3


@cache
def _codes_by_name() -> dict[str, str]:
    codes: dict[str, str] = {}
    for country in pycountry.countries:
        for name in _iso_names(country):
            codes[_normalised(name)] = country.alpha_2
    for code, names in (EVERYDAY_NAMES | {KOSOVO: ("Kosovo", *EVERYDAY_NAMES[KOSOVO])}).items():
        codes |= {_normalised(name): code for name in names}
    return codes


def _iso_names(country: Any) -> list[str]:
    """Short, common and official name; `Bolivia, Plurinational State of` also turned round."""
    names = [country.name]
    names += [getattr(country, field, None) for field in ("common_name", "official_name")]
    known = [name for name in names if name]
    head, comma, tail = country.name.partition(", ")
    return [*known, f"{tail} {head}"] if comma else known


def _normalised(text: str) -> str:
    """Lower case without accents, punctuation, a leading "the", or "St" for "Saint"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    words = re.sub(r"[^\w]+", " ", re.sub("['\u2019]", "", plain))
    words = re.sub(r"\bst\b", "saint", words.strip())
    return words.removeprefix("the ")
