"""A typo never makes one country of another."""

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.geo.countries import find_country, match_country
from enrich.geo.country_names import all_names, main_names, normalised, own_names
from enrich.geo.misspelt import may_be_misspelt, nearest_name

LETTERS = string.ascii_lowercase + " "


def typos(name: str, letters: str = LETTERS) -> set[str]:
    """Everything that one letter left out, added, wrong or swapped with the next makes of it."""
    cuts = [(name[:i], name[i:]) for i in range(len(name) + 1)]
    without = {a + b[1:] for a, b in cuts if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    other = {a + letter + b[1:] for a, b in cuts if b for letter in letters}
    more = {a + letter + b for a, b in cuts for letter in letters}
    return (without | swapped | other | more) - {name}


def test_no_typo_of_an_everyday_name_gives_another_country() -> None:
    """Unless it is exactly another one's name or code, as `Iraq` is for `Iran`."""
    chance = random.Random(1)
    for name, code in own_names().items():
        for text in chance.sample(sorted(typos(name)), 3):
            match = match_country(text)
            exact = find_country(text) is not None
            assert match is None or match.code == code or exact, (name, text, match)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_typo_in_any_language_gives_another_country(data: st.DataObject) -> None:
    name, code = data.draw(st.sampled_from(sorted(all_names().items(), key=lambda each: each[0])))
    text = data.draw(st.sampled_from(sorted(typos(name))))
    match = match_country(text)
    assert match is None or match.code == code or find_country(text), (name, text)


def test_typos_that_are_names_of_other_countries_are_few() -> None:
    """All of them, so that a name that brings more is seen: English, everyday and old ones."""
    names = own_names()
    pairs = {
        (min(name, text), max(name, text))
        for name, code in names.items()
        if len(name) > 3
        for text in typos(name) & names.keys()
        if code and len(text) > 3 and names[text] not in (code, None)
    }
    assert pairs == {
        ("gambia", "zambia"),
        ("iceland", "ireland"),
        ("iran", "iraq"),
        ("n korea", "s korea"),
        ("republic of iceland", "republic of ireland"),
    }


@pytest.mark.parametrize(
    "text", ["nigeira", "slovaia", "austrai", "gamba", "iceand", "nigerr", "koera", "mal", "congi"]
)
def test_nothing_between_two_countries(text: str) -> None:
    assert nearest_name(text) is None


@pytest.mark.parametrize(
    ("text", "name", "typos_made"),
    [
        ("germny", "germany", 1),
        ("gremany", "germany", 1),
        ("phillipines", "philippines", 2),
        ("dominican republc", "dominican republic", 1),
        ("itlay", "italy", 1),
    ],
)
def test_what_is_near(text: str, name: str, typos_made: int) -> None:
    found = nearest_name(text)
    assert found is not None
    assert (found.name, found.typos) == (name, typos_made)


def test_short_texts_and_lesser_languages_are_not_guessed() -> None:
    assert nearest_name("irn") is None
    assert "magyarorszag" in all_names()
    assert "magyarorszag" not in main_names()
    assert nearest_name("magyarorszg") is None


def test_names_one_typo_from_another_country() -> None:
    assert may_be_misspelt("nigera", "NE")
    assert not may_be_misspelt("magyarorszag", "HU")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  The  Netherlands ", "netherlands"),
        ("U.S.A.", "usa"),
        ("Virgin Islands, U.S.", "virgin islands us"),
        ("C\u00f4te d\u2019Ivoire", "cote divoire"),
        ("F\u00e6r\u00f8erne", "faeroerne"),
        ("Korea, Rep.", "korea republic"),
        ("St. Kitts & Nevis", "saint kitts and nevis"),
        ("\ub300\ud55c\ubbfc\uad6d", "\ub300\ud55c\ubbfc\uad6d"),
        ("\u092d\u093e\u0930\u0924", "\u092d\u093e\u0930\u0924"),
        ("...", ""),
    ],
)
def test_normalised(text: str, plain: str) -> None:
    assert normalised(text) == plain
