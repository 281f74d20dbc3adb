"""Reading links and labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.game.pages import game_id, parse_map_link, parse_round


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_a_link_gives_back_its_coordinates(lat: float, lon: float) -> None:
    link = f"https://www.google.com/maps?q&layer=c&cbll={lat},{lon}&cbp=11,271.3,0,0,0"
    found = parse_map_link(link)
    assert tuple(map(float, found)) == (lat, lon)


def test_a_link_is_not_judged() -> None:
    assert parse_map_link("https://x.test/?cbll=91,200") == ("91", "200")


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
    assert game_id("http://x.test/") == ""
