"""Reading links, sentences, labels and headers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.game.pages import (
    game_id,
    parse_answer,
    parse_map_link,
    parse_retry_after,
    parse_round,
)
from crawler.playground.multiplayer_view import SENTENCES
from crawler.playground.names import in_sentence, label, labels
from enrich.geo.countries import country_names, find_country

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@settings(deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_a_link_gives_back_its_coordinates(lat: float, lon: float) -> None:
    link = f"https://www.google.com/maps?q&layer=c&cbll={lat},{lon}&cbp=11,271.3,0,0,0"
    found = parse_map_link(link)
    assert tuple(map(float, found)) == (lat, lon)


def test_a_link_is_not_judged() -> None:
    assert parse_map_link("https://x.test/?cbll=91,200") == ("91", "200")
    assert parse_map_link("https://x.test/?cbll=0,0") == ("0", "0")


def test_the_link_of_a_match() -> None:
    assert parse_map_link("https://maps.google.com/maps?ll=1.5,-2&z=5") == ("1.5", "-2")
    for nowhere in ("0,0", "0.0,-0", "-0.000,0"):
        with pytest.raises(ValueError, match="not a map link"):
            parse_map_link(f"https://maps.google.com/maps?ll={nowhere}&z=5")
    assert parse_map_link("https://x.test/?ll=1.2.3,0") == ("1.2.3", "0")


@pytest.mark.parametrize(
    "link", ["", "https://x.test/", "https://x.test/?cbll=", "?cbll=1", "?cbll=a,b", "http://[x"]
)
def test_other_links_are_refused(link: str) -> None:
    with pytest.raises(ValueError, match="not a map link"):
        parse_map_link(link)


def test_round_numbers_and_game_ids() -> None:
    assert parse_round("Round 3 / 5") == 3
    with pytest.raises(ValueError, match="no number"):
        parse_round("Round")
    assert game_id("http://x.test/game/abc?x=1#y") == "abc"
    assert game_id("/results/abc/") == "abc"
    assert game_id("abc") == "abc"
    assert game_id("http://x.test/") == ""


EVERY_SENTENCE = [text for variants in SENTENCES.values() for text in variants]
MORE_SENTENCES = [
    "The right answer was {place}.",
    "The right answer was in {place}! Next round starts in 5",
    "Oh no. The right answer was indeed {place}. St. Lucia is nice, too.",
    "the right answer was actually in {place}",
]


@pytest.mark.parametrize("sentence", [*EVERY_SENTENCE, *MORE_SENTENCES])
def test_every_country_that_can_be_dealt_is_found_in_every_sentence(sentence: str) -> None:
    for code in {*labels(), *country_names()}:
        for name in {label(code), in_sentence(code), country_names()[code]}:
            said = sentence.replace("{place}", name).format(knew=2, players=7)
            country = parse_answer(said)
            assert find_country(country) == code, said


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Kosovo", "XK"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("Côte d'Ivoire", "CI"),
        ("Côte d\u2019Ivoire", "CI"),
        ("the Ivory Coast", "CI"),
        ("the Netherlands", "NL"),
        ("the Republic of the Congo", "CG"),
        ("the Democratic Republic of the Congo", "CD"),
        ("DR Congo", "CD"),
        ("the United States", "US"),
        ("the U.S. Virgin Islands", "VI"),
        ("Hong Kong", "HK"),
        ("Macao", "MO"),
        ("the Czech Republic", "CZ"),
        ("Czechia", "CZ"),
        ("South Korea", "KR"),
        ("Russia", "RU"),
        ("Curaçao", "CW"),
        ("Réunion", "RE"),
        ("the Åland Islands", "AX"),
        ("Eswatini", "SZ"),
        ("North Macedonia", "MK"),
        ("the Isle of Man", "IM"),
        ("St. Lucia", "LC"),
        ("Palestine", "PS"),
        ("Taiwan", "TW"),
        ("Laos", "LA"),
        ("Bolivia", "BO"),
        ("Vietnam", "VN"),
        ("the UAE", "AE"),
    ],
)
def test_names_as_sites_print_them(name: str, code: str) -> None:
    said = f"Too bad! The right answer was in {name}. Better luck next time."
    assert parse_answer(said) == name
    assert find_country(name) == code


@pytest.mark.parametrize("text", ["", "Correct", "The right answer was", "right answer was .."])
def test_no_sentence_no_country(text: str) -> None:
    with pytest.raises(ValueError, match="no right answer"):
        parse_answer(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for each in (text, f"right answer was {text}"):
        try:
            assert parse_answer(each).strip()
        except ValueError:
            continue


def test_retry_after() -> None:
    assert parse_retry_after("7", NOW) == 7
    assert parse_retry_after(" 0 ", NOW) == 0
    assert parse_retry_after("Thu, 01 Jan 2026 00:02:00 GMT", NOW) == 120
    assert parse_retry_after("Thu, 01 Jan 2026 00:02:00", NOW) == 120
    assert parse_retry_after("Wed, 31 Dec 2025 00:00:00 GMT", NOW) is None
    for nonsense in ("", "soon", "-3", "1e9", "Thu, 99 Jan 2026 00:00:00 GMT"):
        assert parse_retry_after(nonsense, NOW) is None
