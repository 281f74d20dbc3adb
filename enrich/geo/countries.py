"""Country codes and names: which country a text names, exactly or with a letter or two wrong.

Codes are alpha-2. Names are pycountry's (`Korea, Republic of`), which the report's lists use too.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import pycountry

from enrich.geo.country_names import (
    KOSOVO,
    all_names,
    in_any_order,
    main_names,
    names_by_words,
    normalised,
    own_names,
)
from enrich.geo.misspelt import may_be_misspelt, nearest_name
from enrich.geo.towns import load_towns

ALPHA_3 = {"XKX": KOSOVO, "XKK": KOSOVO}

LONGEST_TEXT = 200
"""In letters; no country has a name as long, and comparing longer ones takes long."""


@dataclass(frozen=True, slots=True)
class Match:
    """The country that a text names."""

    code: str
    name: str
    """What the text was read as: a name in lower case without accents, or a code."""
    typos: int
    """Letters left out, added, wrong or swapped; 0 for a name or code as it is known."""


@cache
def country_names() -> dict[str, str]:
    """Name by code, sorted by code."""
    names = {country.alpha_2: country.name for country in pycountry.countries}
    return dict(sorted((names | {KOSOVO: "Kosovo"}).items()))


def country_name(code: str) -> str:
    """The name of a country. Raises KeyError for a code that is not in use."""
    return country_names()[code]


def find_country(text: str) -> str | None:
    """The code of a country given by code or name in any known spelling; None when unsure.

    A bare "Congo" is CG, because that is what ISO 3166 calls it; "Korea" is nobody.
    """
    match = match_country(text)
    return match.code if match and not match.typos else None


@lru_cache(maxsize=65_536)
def match_country(text: str) -> Match | None:
    """The country that a text names, misspelt or not; None when none is near or two are.

    In this order: a code; an English, everyday or old name; one in another language; the words of
    one in another order; the nearest name, unless the text is the name of a town.
    """
    if len(text) > LONGEST_TEXT:
        return None
    code, name = text.strip().upper(), normalised(text)
    if code in _codes():
        return Match(_codes()[code], code, 0)
    known = _find_name(name)
    if known is not None:
        return Match(known, name, 0) if known else None
    spelling = nearest_name(name)
    if spelling is None or load_towns().has(text.strip()):
        return None
    return Match(spelling.code, spelling.name, spelling.typos)


def _find_name(name: str) -> str | None:
    """The country of a known name; empty when several have it, None for an unknown name."""
    for names in (own_names, main_names):
        if name in names():
            return names()[name] or ""
    if name in all_names():
        code = all_names()[name] or ""
        # Latvian for Niger is `Nigera`, but so is Nigeria for whoever is in a hurry.
        return "" if may_be_misspelt(name, code) else code
    words = in_any_order(name)
    return names_by_words()[words] or "" if words in names_by_words() else None


@cache
def _codes() -> dict[str, str]:
    """Alpha-2 by alpha-2 and alpha-3."""
    codes = {country.alpha_3: country.alpha_2 for country in pycountry.countries}
    return codes | {code: code for code in country_names()} | ALPHA_3
