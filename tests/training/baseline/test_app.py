"""The game over real HTTP: what is refused, what is never told, and what counts."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.training.baseline.conftest import ROUNDS, Playing
from training.baseline.app import COOKIE, MAX_BODY_BYTES, all_results
from training.baseline.deck import Deck
from training.baseline.game import Game
from training.baseline.machine import Machine

GUESSES = ["Brazil", "Germany", "Japan", "Sweden"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Player:
    """A browser without a screen: cookies, and the Origin that a form of the page sends."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx2.Client(base_url=url, headers={"Origin": url}, follow_redirects=True)

    def join(self, name: str = "Ada") -> Any:
        return self.client.post("/join", data={"name": name})

    def answer(self, number: int, guesses: list[str]) -> Any:
        return self.client.post("/answer", data={"round": number, "guess": guesses})


@pytest.fixture
def player(game: Game, playing: Playing) -> Player:
    return Player(playing(game))


def own(game: Game) -> Any:
    [person] = game.people.values()
    return person


def test_an_open_round_tells_nothing(game: Game, player: Player) -> None:
    page = player.join()
    row = own(game).order[0]
    picture = player.client.get("/picture/1")
    for response in (
        page,
        picture,
        player.client.get("/results"),
        player.client.get("/results.json"),
    ):
        assert response.status_code == 200
        told = response.content + str(response.headers).encode()
        assert game.deck.samples.keys[row].encode() not in told
        assert response.headers["cache-control"] == "no-store"
        assert not {"etag", "last-modified"} & set(response.headers)
    assert picture.content == game.deck.picture(row)
    # The page names every country, whatever the round shows.
    assert re.findall(r'"code": "(..)"', page.text) == ["BR", "DE", "JP", "SE"]
    assert player.client.get("/picture/2").status_code == 404
    assert player.client.get("/picture/0").status_code == 404
    assert "Which country?" in player.client.get("/round/1").text
    assert not own(game).answers


def test_a_reload_shows_the_same_and_counts_nothing(game: Game, player: Player) -> None:
    first = player.join().text
    for _ in range(3):
        assert player.client.get("/").text == first
    # What cannot be read counts nothing either, and what was written is still there.
    page = player.answer(1, ["Brazil", "Atlantis", "", "brasil"])
    assert page.status_code == 422
    assert 'value="Atlantis"' in page.text
    assert "names the same country as guess 1" in page.text
    assert not own(game).answers
    answered = player.answer(1, GUESSES)
    assert str(answered.url).endswith("/round/1")
    # Sent again, from the page before, or with a later number: nothing happens.
    for number in (1, 1, 3, 0):
        player.answer(number, GUESSES[::-1])
    assert [answer["guesses"] for answer in own(game).answers] == [["BR", "DE", "JP", "SE"]]
    assert "round 2 of 3" in player.client.get("/").text


def test_to_the_end(game: Game, player: Player) -> None:
    player.join()
    for number in range(1, ROUNDS + 1):
        player.answer(number, GUESSES)
    assert "you answered all 3 rounds" in player.client.get("/").text
    found = player.client.get("/results.json").json()
    assert found["people"][0]["photographs"] == ROUNDS
    assert found["people"][0]["top5"] == 1.0
    player.client.post("/leave", data={"a": "b"})
    assert "Your name" in player.client.get("/").text


def test_several_people_at_the_same_time(game: Game, playing: Playing) -> None:
    url = playing(game)
    ada, bob = Player(url), Player(url)
    ada.join("Ada")
    bob.join("Bob <script>")
    ada.answer(1, GUESSES)
    assert "round 2 of 3" in ada.client.get("/").text
    assert "round 1 of 3" in bob.client.get("/").text
    bob.answer(1, GUESSES)
    assert [len(person.answers) for person in game.people.values()] == [1, 1]
    page = ada.client.get("/results").text
    assert "Bob &lt;script&gt;" in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
def test_forms_of_other_sites_are_refused(
    game: Game, player: Player, headers: dict[str, str], status: int
) -> None:
    player.join()
    sent = {**FORM, **headers}
    response = player.client.post("/answer", content=b"round=1&guess=Brazil", headers=sent)
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not own(game).answers


def test_without_an_origin_nothing_is_taken(game: Game, player: Player) -> None:
    assert httpx2.post(f"{player.url}/join", data={"name": "Ada"}).status_code == 403
    assert not game.people


BODIES = [b"round=1&guess=" + b"x" * MAX_BODY_BYTES, b"\xff", b"a=1&" * 100, b"", b"round=%C2%B2"]


@pytest.mark.parametrize("body", BODIES)
def test_bodies_that_are_no_answer(game: Game, player: Player, body: bytes) -> None:
    player.join()
    response = player.client.post("/answer", content=body, headers=FORM)
    assert response.status_code in (400, 413)
    assert not own(game).answers


def test_nobody_plays_without_a_name(player: Player) -> None:
    for path in ("/picture/1", "/round/1"):
        assert player.client.get(path).status_code == 403
    player.client.cookies.set(COOKIE, "made-up")
    assert player.client.get("/picture/1").status_code == 403
    assert "Your name" in player.client.get("/").text
    for path in ("/docs", "/openapi.json", "/picture/x", "/answers.jsonl"):
        assert player.client.get(path).status_code in (404, 422)


def test_the_cookie_is_for_this_server_alone(player: Player) -> None:
    response = player.client.post("/join", data={"name": "Ada"}, follow_redirects=False)
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert response.status_code == 303


def test_the_model_answers_the_very_same_photographs(
    run: Path, deck: Deck, game: Game, playing: Playing
) -> None:
    machine = Machine(run, deck)
    player = Player(playing(game, machine))
    player.join()
    row = own(game).order[0]
    assert sorted(machine.ranking(row)) == ["BR", "DE", "JP", "SE"]
    assert "The model" in player.answer(1, GUESSES).text
    found = all_results(game, machine)["people"][0]
    assert found["model"]["top1"] == float(machine.rank(row) == 0)
    assert "the model, on the same" in player.client.get("/results").text
