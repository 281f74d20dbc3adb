"""What a person may write for a country: its names in many languages, with accents or without."""

from collections import defaultdict
from typing import Any

from enrich.geo.country_names import all_names, in_any_order, names_by_words, normalised
from shards.labels import Labels

MAX_TEXT = 100


def country_options(labels: Labels) -> list[dict[str, Any]]:
    """`code`, `name` and `also` (other names, normalised) of every country that may be named.

    Sorted by name. The page completes from these; the server decides with `read_guesses`.
    """
    also = defaultdict(list)
    for name, code in all_names().items():
        if code is not None:
            also[code].append(name)
    options = [
        {"code": c.code, "name": c.name, "also": sorted(also[c.code])} for c in labels.countries
    ]
    return sorted(options, key=lambda option: (option["name"], option["code"]))


def read_guesses(texts: list[str], labels: Labels, wanted: int) -> tuple[list[str], list[str]]:
    """Codes of the countries that the texts name, and what is wrong with them, one line each.

    All is well when the list of problems is empty; then there are `wanted` different codes.
    """
    codes: list[str] = []
    problems = []
    known = {country.code for country in labels.countries}
    for number, text in enumerate(texts[:wanted] + [""] * (wanted - len(texts)), 1):
        code = _named(text, labels)
        if not text.strip():
            problems.append(f"Guess {number} is missing: name {wanted} countries.")
        elif code is None:
            problems.append(f"Guess {number}: no country is called “{text.strip()[:MAX_TEXT]}”.")
        elif code not in known:
            problems.append(f"Guess {number}: none of the {len(known)} countries of this data.")
        elif code in codes:
            problems.append(
                f"Guess {number} names the same country as guess {codes.index(code) + 1}."
            )
        codes.append(code or "")
    return codes, problems


def _named(text: str, labels: Labels) -> str | None:
    """The names of the label table first: they are what the page shows. No guessing at typos."""
    if len(text) > MAX_TEXT:
        return None
    own = {name: c.code for c in labels.countries for name in (c.name, c.code, c.code.lower())}
    name = normalised(text)
    return (
        own.get(text.strip()) or all_names().get(name) or names_by_words().get(in_any_order(name))
    )
