"""How the game's pages print the name of a country: everyday English, with its article.

ISO 3166-1 lists `Congo, The Democratic Republic of the`; a page says `the Democratic Republic of
the Congo` in a sentence, and `Democratic Republic of the Congo` on a label.
"""

from functools import cache

from crawler.playground.world import listed_places
from enrich.geo.countries import country_name

EVERYDAY = {
    "BN": "Brunei",
    "BO": "Bolivia",
    "BQ": "Caribbean Netherlands",
    "CC": "Cocos (Keeling) Islands",
    "CD": "Democratic Republic of the Congo",
    "CG": "Republic of the Congo",
    "CV": "Cape Verde",
    "FK": "Falkland Islands",
    "FM": "Micronesia",
    "GS": "South Georgia and the South Sandwich Islands",
    "IR": "Iran",
    "KP": "North Korea",
    "KR": "South Korea",
    "LA": "Laos",
    "MD": "Moldova",
    "MF": "Saint Martin",
    "MO": "Macau",
    "PN": "Pitcairn Islands",
    "PS": "Palestine",
    "RU": "Russia",
    "SH": "Saint Helena",
    "SJ": "Svalbard and Jan Mayen",
    "ST": "São Tomé and Príncipe",
    "SX": "Sint Maarten",
    "SY": "Syria",
    "TF": "French Southern Territories",
    "TW": "Taiwan",
    "TZ": "Tanzania",
    "VA": "Vatican City",
    "VE": "Venezuela",
    "VG": "British Virgin Islands",
    "VI": "U.S. Virgin Islands",
    "VN": "Vietnam",
}
_ARTICLE = (
    "AE AX BQ BS CC CD CF CG CK DO FK FO GB GM IM KM KY MH MP MV NL PH PN SB SC TC TF US VG VI"
)
WITH_ARTICLE = frozenset(_ARTICLE.split())


@cache
def label(code: str) -> str:
    """A country's name as it stands alone: on a picture, in a list."""
    return EVERYDAY.get(code) or country_name(code)


def in_sentence(code: str) -> str:
    """A country's name inside an English sentence: `the Netherlands`, `Sweden`."""
    return f"the {label(code)}" if code in WITH_ARTICLE else label(code)


@cache
def labels() -> dict[str, str]:
    """Label by code of every country that has a town in the list, in the labels' order."""
    return dict(sorted(((code, label(code)) for code in listed_places()), key=lambda row: row[1]))
