"""The rules of matches: the clock, who is in and out, shared games, what a viewer may know."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.playground.game import NoSuchGame, WrongRound
from crawler.playground.multiplayer import MAX_ROUNDS, MIN_ROUNDS, Match, Matches, Pace, Phase
from crawler.playground.multiplayer_view import truth, view
from crawler.playground.names import in_sentence, label, labels
from crawler.playground.world import World, WorldConfig, listed_places

CONFIG = WorldConfig(seed=5, countries=12, bad_share=0)
PACE = Pace(start=10, round=20, pause=5)
SENTENCE = re.compile(r"right answer was (?:in |indeed |actually )?(.+)\. ")


@pytest.fixture(scope="module")
def world() -> World:
    return World(CONFIG)


@pytest.fixture
def matches(world: World) -> Matches:
    return Matches(world, PACE)


def wrong(match: Match, number: int) -> str:
    return next(code for code in ("SE", "FR") if code != match.country(number))


def test_the_nth_match_is_always_the_same(world: World, matches: Matches) -> None:
    other = Matches(World(CONFIG), PACE)
    first = [matches.join("a", now) for now in (0, 100, 200)]
    second = [other.join("b", now) for now in (7, 300, 999)]
    assert [match.id for match in first] == [match.id for match in second]
    assert [match.rounds for match in first] == [match.rounds for match in second]
    assert [match.bot_guesses for match in first] == [match.bot_guesses for match in second]
    assert len({match.id for match in first}) == 3


def test_countries_are_dealt_evenly(matches: Matches) -> None:
    rounds = [dealt for n in range(60) for dealt in matches.join("a", 1e6 * n).rounds]
    counts = Counter(dealt.place.country for dealt in rounds)
    assert set(counts) == set(World(CONFIG).countries)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {len(match.rounds) for match in matches.matches.values()} == set(
        range(MIN_ROUNDS, MAX_ROUNDS + 1)
    )


def test_every_country_can_be_dealt() -> None:
    world = World(WorldConfig(countries=len(listed_places()), bad_share=0))
    dealt = {world.even_round(number).place.country for number in range(len(world.countries))}
    assert dealt == set(labels())
    assert {"XK", "TR", "CI", "NL", "CG", "CD", "US", "CZ", "SZ", "TL", "HK"} <= dealt


def test_names_as_a_sentence_prints_them() -> None:
    codes = "XK TR CI NL CG CD US CZ SZ TL HK SE PH GM KR"
    assert [in_sentence(code) for code in codes.split()] == [
        "Kosovo",
        "Türkiye",
        "Côte d'Ivoire",
        "the Netherlands",
        "the Republic of the Congo",
        "the Democratic Republic of the Congo",
        "the United States",
        "Czechia",
        "Eswatini",
        "Timor-Leste",
        "Hong Kong",
        "Sweden",
        "the Philippines",
        "the Gambia",
        "South Korea",
    ]
    assert label("NL") == "Netherlands"
    names = list(labels().values())
    assert len(set(names)) == len(names)
    assert not [name for name in names if "," in name or name.startswith("the ")]


@pytest.mark.parametrize(
    ("seconds", "phase", "number", "left"),
    [
        (0, Phase.STARTING, 0, 10),
        (9.5, Phase.STARTING, 0, 0.5),
        (10, Phase.ROUND, 1, 20),
        (29, Phase.ROUND, 1, 1),
        (30, Phase.ANSWER, 1, 5),
        (35, Phase.ROUND, 2, 20),
    ],
)
def test_a_match_runs_by_the_clock(
    matches: Matches, seconds: float, phase: Phase, number: int, left: float
) -> None:
    moment = matches.join("a", 1000).moment(1000 + seconds)
    assert (moment.phase, moment.round, moment.left) == (phase, number, left)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 400), st.sampled_from([PACE, Pace(0, 0.3, 0.1), Pace(1, 5, 0)]))
def test_every_phase_ends_in_the_next_one(world: World, seconds: float, pace: Pace) -> None:
    match = Matches(world, pace).join("a", 0)
    moment = match.moment(seconds)
    if moment.phase is Phase.OVER:
        assert (moment.round, moment.left) == (len(match.rounds), 0)
        return
    assert 0 <= moment.left <= max(pace.start, pace.round, pace.pause) + 1e-6
    after = match.moment(seconds + moment.left + 1e-6)
    assert (after.phase, after.round) != (moment.phase, moment.round)
    assert after.round - moment.round in (0, 1)


def test_a_match_is_over_when_its_last_round_is(matches: Matches) -> None:
    match = matches.join("a", 0)
    last = len(match.rounds)
    end = match.began(last) + PACE.round
    assert match.moment(end - 0.1).phase is Phase.ROUND
    assert match.moment(end).phase is match.moment(1e9).phase is Phase.OVER
    assert match.moment(1e9).round == last


def test_waiting_players_meet_and_a_running_match_is_closed(matches: Matches) -> None:
    match = matches.join("a", 0)
    assert matches.join("b", 9) is match
    assert matches.join("c", 10) is not match
    assert set(match.players) == {"a", "b"}


def test_one_player_is_offered_one_match_once_unless_it_is_dealt_again(matches: Matches) -> None:
    match = matches.join("a", 0)
    assert matches.join("a", 1) is not match
    newest = matches.join("a", 2)
    assert matches.join("a", 40, again=True) is newest
    assert matches.join("a", 1e9, again=True) is not newest


def test_a_hit_stays_in_and_a_miss_is_out(matches: Matches) -> None:
    match = matches.join("a", 0)
    matches.join("b", 0)
    assert matches.guess(match, "a", 1, match.country(1), 12)
    assert not matches.guess(match, "b", 1, wrong(match, 1), 13)
    assert not matches.guess(match, "b", 1, match.country(1), 14), "only the first guess counts"
    assert view(match, "a", 15)["you"] == {
        "role": "player",
        "in": True,
        "guess": label(match.country(1)),
        "right": True,
    }
    assert view(match, "b", 15)["you"]["in"] is False
    assert matches.guess(match, "a", 2, match.country(2), 36)
    with pytest.raises(WrongRound):
        matches.guess(match, "b", 2, match.country(2), 36)


def test_who_never_guesses_is_out_and_sees_the_answers(matches: Matches) -> None:
    match = matches.join("a", 0)
    assert view(match, "a", 29)["you"]["in"] is True
    shown = view(match, "a", 31)
    assert shown["you"]["in"] is False
    assert shown["answer"]["place"] == in_sentence(match.country(1))


@pytest.mark.parametrize(("number", "now"), [(1, 5), (1, 31), (2, 15), (0, 15), (9, 1e9)])
def test_a_guess_outside_its_round_is_refused(matches: Matches, number: int, now: float) -> None:
    match = matches.join("a", 0)
    with pytest.raises(WrongRound):
        matches.guess(match, "a", number, "SE", now)
    assert match.players == {"a": {}}


def test_guesses_of_strangers_and_of_no_country_are_refused(matches: Matches) -> None:
    match = matches.join("a", 0)
    with pytest.raises(WrongRound):
        matches.guess(match, "b", 1, "SE", 12)
    with pytest.raises(ValueError, match="no country"):
        matches.guess(match, "a", 1, "QQ", 12)
    with pytest.raises(NoSuchGame):
        matches.match("none")


def test_nobody_learns_the_country_before_the_round_is_over(matches: Matches) -> None:
    for start in range(0, 20_000, 1000):
        match = matches.join("a", start)
        for number in range(1, len(match.rounds) + 1):
            running = view(match, "a", match.began(number) + 19.9)
            assert "answer" not in running
            assert label(match.country(number)) not in [made["name"] for made in running["made"]]
            over = view(match, "a", match.began(number) + 20)
            assert over["answer"]["place"] == in_sentence(match.country(number))


def test_every_sentence_holds_the_country_and_some_a_link(matches: Matches) -> None:
    words: set[str] = set()
    links = Counter[str]()
    for start in range(0, 60_000, 1000):
        match = matches.join("a", start)
        for number, dealt in enumerate(match.rounds, start=1):
            began = match.began(number)
            if number == 1:
                guess = match.country(1) if start % 2000 else wrong(match, 1)
                matches.guess(match, "a", 1, guess, began + 1)
            answer = view(match, "a", began + 20)["answer"]
            sentence = answer["before"] + answer["place"] + answer["after"]
            found = SENTENCE.search(sentence + " ")
            assert found
            assert found[1].partition(". ")[0] == in_sentence(dealt.place.country)
            words.add(answer["before"].partition("right answer was")[2].strip())
            if "link" not in answer:
                links["none"] += 1
            elif "?ll=0,0&" in answer["link"]:
                links["unknown"] += 1
            else:
                assert f"?ll={dealt.place.lat},{dealt.place.lon}&" in answer["link"]
                links["known"] += 1
    assert words == {"", "in", "indeed", "actually"}
    assert min(links[kind] for kind in ("none", "unknown", "known")) > 10


def test_bots_guess_in_every_round_and_some_miss(matches: Matches) -> None:
    misses = 0
    for start in range(0, 20_000, 1000):
        match = matches.join("a", start)
        for number in range(1, len(match.rounds) + 1):
            shown = view(match, "a", match.began(number) + 20)
            assert any(player["state"] == "right" for player in shown["players"])
            misses += len(shown["made"])
            assert all(made["name"] == label(made["country"]) for made in shown["made"])
    assert misses > 20


def test_a_state_brings_matches_back(world: World, matches: Matches) -> None:
    match = matches.join("a", 0)
    matches.guess(match, "a", 1, match.country(1), 12)
    copy = Matches(world)
    copy.load(matches.to_state())
    assert copy.matches == matches.matches
    assert copy.join("b", 1e6).id == matches.join("b", 1e6).id


def test_the_truth_names_the_country_as_the_sentence_does(matches: Matches) -> None:
    match = matches.join("a", 0)
    for number, row in enumerate(truth(match.rounds), start=1):
        place = match.rounds[number - 1].place
        assert row == {
            "lat": place.lat,
            "lon": place.lon,
            "country": place.country,
            "country_name": view(match, "a", 25 * number + 5)["answer"]["place"],
            "kind": "good",
        }
