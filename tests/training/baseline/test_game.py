"""Rounds: one is open, only an answer closes it, and a new server goes on from there."""

import threading
from pathlib import Path

import pytest

from shards.errors import UsageError
from tests.training.baseline.conftest import ROUNDS
from training.baseline.deck import Deck, Resolution, read_deck
from training.baseline.game import Game, RoundClosedError

GUESSES = ["BR", "DE", "JP", "SE"]


def test_a_whole_game(game: Game) -> None:
    token = game.join("  Ada   Lovelace ")
    person = game.person(token)
    assert person is not None
    assert person.name == "Ada Lovelace"
    assert game.person("other") is game.person(None) is None
    for number in range(1, ROUNDS + 1):
        assert person.open_round == number
        assert [game.row_of(person, n) is not None for n in (0, number, number + 1)] == [
            False,
            True,
            False,
        ]
        row = game.row_of(person, number)
        assert row is not None
        answer = game.commit(person, number, GUESSES)
        assert answer["country"] == game.deck.country(row)
        assert GUESSES[answer["rank"]] == answer["country"]
    assert person.open_round is None
    with pytest.raises(RoundClosedError):
        game.commit(person, ROUNDS + 1, GUESSES)
    assert len({answer["key"] for answer in person.answers}) == ROUNDS


def test_an_answer_counts_once(game: Game) -> None:
    person = game.person(game.join("Ada"))
    assert person is not None
    counted, closed = [], []

    def send() -> None:
        try:
            counted.append(game.commit(person, 1, GUESSES))
        except RoundClosedError:
            closed.append(1)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(counted), len(closed), len(person.answers)) == (1, 7, 1)


def test_a_wrong_answer_has_no_rank(game: Game) -> None:
    person = game.person(game.join("Ada"))
    assert person is not None
    true = game.deck.country(person.order[0])
    answer = game.commit(person, 1, [code for code in GUESSES if code != true])
    assert answer["rank"] == -1


def test_a_new_server_goes_on(deck: Deck, tmp_path: Path) -> None:
    first = Game(deck, tmp_path, rounds=ROUNDS, seed=0)
    tokens = [first.join(name) for name in ("Ada", "Bob")]
    ada, bob = (first.person(token) for token in tokens)
    assert ada is not None
    assert bob is not None
    first.commit(ada, 1, GUESSES)
    first.commit(bob, 1, GUESSES)
    first.commit(bob, 2, GUESSES)
    first.close()
    second = Game(deck, tmp_path, rounds=1, seed=0)
    for token, before in zip(tokens, (ada, bob), strict=True):
        after = second.person(token)
        assert after is not None
        assert after.answers == before.answers
        assert after.order == before.order[: len(after.order)]
    assert (tmp_path / "answers.jsonl").read_text().count("\n") == 6
    assert not any(token in (tmp_path / "answers.jsonl").read_text() for token in tokens)
    second.close()


def test_answers_of_other_photographs_are_not_mixed_in(
    deck: Deck, shards: Path, tmp_path: Path
) -> None:
    Game(deck, tmp_path, rounds=1, seed=0).close()
    other = read_deck(shards, "test", Resolution(32, 18))
    with pytest.raises(UsageError, match="answers for another resolution; use another --out"):
        Game(other, tmp_path, rounds=1, seed=0)
    with pytest.raises(UsageError, match="answers for another seed"):
        Game(deck, tmp_path, rounds=1, seed=7)
    Game(deck, tmp_path, rounds=2, seed=0).close()  # and the refused ones left it free
