"""The names that countries go by: those of ISO 3166-1, their translations, everyday and old ones.

ISO's names and the translations are `pycountry`'s.

Codes are alpha-2, plus XK for Kosovo. A name that two countries share belongs to neither.
"""

import gettext
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pycountry

KOSOVO = "XK"
"""User-assigned in ISO 3166, but the code in general use; alpha-3 is XKX, or XKK with Unicode."""

EVERYDAY_NAMES = {
    "AE": ("UAE", "Emirates", "Trucial States"),
    "AL": ("Shqipëria",),
    "BA": ("Bosnia", "Bosnia-Herzegovina", "Bosnia i Hercegovina"),
    "BF": ("Upper Volta",),
    "BJ": ("Dahomey",),
    "BN": ("Brunei",),
    "BO": ("Plurinational State of Bolivia",),
    "BQ": ("Caribbean Netherlands",),
    "BS": ("The Bahamas",),
    "BW": ("Bechuanaland",),
    "BY": ("Belorussia", "Byelorussia", "White Russia", "Weißrussland"),
    "BZ": ("British Honduras",),
    "CC": ("Cocos Islands", "Keeling Islands"),
    "CD": (
        "Congo-Kinshasa",
        "Congo, Democratic Republic of the",
        "Democratic Republic of Congo",
        "Belgian Congo",
        "DR Congo",
        "DRC",
        "Zaire",
    ),
    "CF": ("CAR",),
    "CG": (
        "Congo-Brazzaville",
        "Congo Republic",
        "Congo, Republic of the",
        "Republic of Congo",
        "French Congo",
    ),
    "CI": ("Ivory Coast", "Cote d Ivoire", "Elfenbeinküste"),
    "CN": ("Mainland China", "PRC", "PR China"),
    "CV": ("Cape Verde", "Cape Verde Islands"),
    "CY": ("Northern Cyprus", "Turkish Republic of Northern Cyprus"),
    "CZ": ("Czech Republic", "Czech Rep"),
    "DE": ("West Germany", "East Germany", "German Democratic Republic", "GDR", "BRD", "DDR"),
    "DJ": ("French Somaliland",),
    "ES": ("Reino de España",),
    "ET": ("Abyssinia",),
    "FK": ("Falkland Islands", "Falklands", "Malvinas", "Islas Malvinas"),
    "FM": ("Micronesia", "Federated States of Micronesia"),
    "FO": ("Faeroe Islands", "Faroes"),
    "GB": ("UK", "Britain", "Great Britain", "England", "Scotland", "Wales", "Northern Ireland"),
    "GH": ("Gold Coast",),
    "GM": ("The Gambia",),
    "GQ": ("Spanish Guinea",),
    "GW": ("Portuguese Guinea",),
    "GY": ("British Guiana",),
    "HK": ("Hong Kong SAR", "Hong Kong SAR China"),
    "ID": ("Dutch East Indies",),
    "IE": ("Republic of Ireland", "Eire", "Irish Republic"),
    "IR": ("Persia", "ایران"),
    "JO": ("Transjordan",),
    "KG": ("Kirghizia", "Kirgizia"),
    "KH": ("Kampuchea",),
    "KI": ("Gilbert Islands",),
    "KP": ("DPRK", "DPR Korea", "N Korea"),
    "KR": ("ROK", "S Korea", "한국"),
    "KZ": ("Kazakstan",),
    "LA": ("Lao PDR", "Lao"),
    "LI": ("Lichtenstein",),
    "LK": ("Ceylon",),
    "LS": ("Basutoland",),
    "LY": ("Libyan Arab Jamahiriya",),
    "MD": ("Moldavia", "Moldawien"),
    "MF": ("Saint Martin", "Saint-Martin"),
    "MG": ("Malagasy Republic",),
    "MK": ("Macedonia", "FYR Macedonia", "FYROM", "Former Yugoslav Republic of Macedonia"),
    "ML": ("French Sudan",),
    "MM": ("Burma",),
    "MO": ("Macau", "Macao SAR", "Macau SAR", "Macao SAR China"),
    "MW": ("Nyasaland",),
    "MX": ("México",),
    "NL": ("Holland",),
    "PN": ("Pitcairn Islands",),
    "PS": (
        "Palestine",
        "Palestinian Territories",
        "Palestinian Territory",
        "Occupied Palestinian Territory",
        "West Bank and Gaza",
        "Palästina",
        "Palestina",
    ),
    "PT": ("Portuguese Republic",),
    "RE": ("La Réunion",),
    "RU": (
        *("Russia", "RSFSR", "Russie", "Russland", "Rusland", "Ryssland", "Rusia", "Rússia"),
        *("Rosja", "Rusko", "Rusija", "Rusya", "Rosia", "Venäjä", "Oroszország", "Россия"),
        *("Росія", "Русия", "Ρωσία", "俄罗斯", "俄羅斯", "ロシア", "러시아", "روسيا", "רוסיה"),
    ),
    "SB": ("Salomonen",),
    "SH": ("Saint Helena",),
    "SK": ("Slovenská republika",),
    "SO": ("Somaliland",),
    "SR": ("Surinam", "Dutch Guiana"),
    "ST": ("São Tomé",),
    "SX": ("Sint Maarten",),
    "SZ": ("Swaziland",),
    "TD": ("Tschad",),
    "TH": ("Siam", "ประเทศไทย"),
    "TL": ("East Timor", "Portuguese Timor"),
    "TM": ("Turkmenia",),
    "TR": ("Turkey",),
    "TT": ("Trinidad",),
    "TV": ("Ellice Islands",),
    "TW": ("Republic of China", "Formosa", "Chinese Taipei"),
    "TZ": ("Tanganyika", "Zanzibar"),
    "US": ("USA", "America", "United States of America", "U.S.", "U.S.A.", "The States"),
    "UY": ("Oriental Republic of Uruguay",),
    "VA": ("Vatican", "Vatican City", "Holy See", "Vatikanstadt", "Vatikan"),
    "VE": ("Venezuela RB",),
    "VG": ("British Virgin Islands", "BVI"),
    "VI": ("US Virgin Islands", "U.S. Virgin Islands", "United States Virgin Islands", "USVI"),
    "VU": ("New Hebrides",),
    "WS": ("Western Samoa",),
    KOSOVO: ("Kosovo", "Republic of Kosovo", "Kosova", "Kosowo", "Косово", "Косава"),
    "YE": ("South Yemen", "North Yemen"),
    "ZA": ("S Africa", "RSA"),
    "ZM": ("Northern Rhodesia",),
    "ZW": ("Rhodesia", "Southern Rhodesia"),
}
"""Names that are unambiguous in everyday use, now or in the past, and that ISO 3166 does not list.
What has no code of its own stands under the code that the region table gives it."""

NOBODYS_NAMES = (
    *("Korea", "Virgin Islands", "Guineas", "Dominican", "Guyane"),
    *("Yugoslavia", "Czechoslovakia", "Soviet Union", "Netherlands Antilles"),
    *("Africa", "North Africa", "East Africa", "West Africa", "Southern Africa"),
    *("North America", "Central America", "South America"),
)
"""Names that some language gives to one country, or that look like one, and that name several."""

MAIN_LANGUAGES = ("de", "es", "fr", "it", "nl", "pt", "pt_BR")
"""Those that tables of places are written in most often, beside English."""
LANGUAGES = (
    *MAIN_LANGUAGES,
    *("ar", "be", "bg", "bs", "ca", "cs", "cy", "da", "el", "et", "eu", "fa", "fi", "ga", "gl"),
    *("he", "hi", "hr", "hu", "hy", "id", "is", "ja", "ka", "kk", "ko", "lt", "lv", "mk"),
    *("nb_NO", "nn", "pl", "ro", "ru", "sk", "sl", "sq", "sr", "sr@latin", "sv", "th", "tr"),
    *("uk", "vi", "zh_CN", "zh_TW"),
)
"""Whose translations in `pycountry` are read: all of them as good as whole."""

_UNDIVIDED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"}
)
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_SHORT_FORMS = {
    "st": "saint",
    "rep": "republic",
    "dem": "democratic",
    "fed": "federated",
    "sts": "states",
    "is": "islands",
    "ppl": "peoples",
}

Names = dict[str, str | None]
"""Code by normalised name; None for a name that several countries share."""


@cache
def own_names() -> Names:
    """English, everyday and old names. Each belongs to one country, or stands in NOBODYS_NAMES."""
    names: Names = {}
    for country in pycountry.countries:
        for name in (*iso_names(country), _turned(country.name)):
            names[normalised(name)] = country.alpha_2
    for code, texts in EVERYDAY_NAMES.items():
        names |= dict.fromkeys(map(normalised, texts), code)
    return names | dict.fromkeys(map(normalised, NOBODYS_NAMES))


@cache
def main_names() -> Names:
    """`own_names` and those in the main languages; the own names win."""
    return _translated(MAIN_LANGUAGES) | own_names()


@cache
def all_names() -> Names:
    """`own_names` and those in all languages; the own names win."""
    return _translated(LANGUAGES) | own_names()


def _translated(languages: Sequence[str]) -> Names:
    names: Names = {}
    for language in languages:
        for code, text in _translations(language):
            for name in {normalised(text), normalised(text.lower().translate(_SPELT_OUT))}:
                names[name] = code if names.get(name, code) == code else None
    return names


@cache
def names_by_words() -> Names:
    """Code by a name's words in any order: `Korea (South)`, `Gambia, The`, `Iran Islamic Rep.`."""
    found: Names = {}
    for name, code in all_names().items():
        key = in_any_order(name)
        found[key] = code if found.get(key, code) == code else None
    return found


def in_any_order(name: str) -> str:
    """The words of a normalised name, sorted, without those that carry no meaning."""
    return " ".join(sorted(set(name.split()) - {"of", "the", "and"}))


def iso_names(country: object) -> list[str]:
    """Short, common and official name, as far as there are any."""
    fields = ("name", "common_name", "official_name")
    names = (getattr(country, field, None) for field in fields)
    return [name for name in names if name]


def normalised(text: str) -> str:
    """Lower case without accents, punctuation, a leading "the", or short forms like "St" and "Rep".

    `U.S.A.` becomes `usa`. Vowel signs of other scripts stay: they are letters there.
    """
    folded = re.sub("['`\u00b4\u02bb\u02bc\u2018\u2019]", "", text.casefold().replace("&", " and "))
    decomposed = unicodedata.normalize("NFKD", folded.translate(_UNDIVIDED))
    plain = unicodedata.normalize("NFKC", re.sub("[\u0300-\u036f]", "", decomposed))
    letters = (each if unicodedata.category(each)[0] in "LMN" else " " for each in plain)
    words = [_SHORT_FORMS.get(word, word) for word in "".join(letters).split()]
    joined = re.sub(r"\b(\w) (?=\w\b)", r"\1", " ".join(words))
    return joined.removeprefix("the ")


def _turned(name: str) -> str:
    """`Bolivia, Plurinational State of` as `Plurinational State of Bolivia`."""
    head, comma, tail = name.partition(", ")
    return f"{tail} {head}" if comma else name


def _translations(language: str) -> Iterator[tuple[str, str]]:
    """(code, name) of every country that `pycountry` has a name of in this language."""
    path = Path(pycountry.LOCALES_DIR) / language / "LC_MESSAGES" / "iso3166-1.mo"
    with open(path, "rb") as file:
        catalogue = gettext.GNUTranslations(file)
    for country in pycountry.countries:
        for name in iso_names(country):
            translated = catalogue.gettext(name)
            if translated != name:
                yield country.alpha_2, translated
                yield country.alpha_2, _turned(translated)
