"""`lostfound baseline --results`, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lostfound import main
from training.baseline.deck import Resolution, read_deck
from training.baseline.game import Game

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lostfound(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run


def test_results(shards: Path, run: Path, lostfound: Run) -> None:
    out = shards.parent.parent / "baseline" / f"{shards.name}-test-32x32"
    game = Game(read_deck(shards, "test", Resolution(32, 32)), out, rounds=2, seed=0)
    person = game.person(game.join("Zoë"))
    assert person is not None
    game.commit(person, 1, [game.deck.country(person.order[0])])
    game.commit(person, 2, ["XX"])
    game.close()
    options = ("baseline", "--shards", shards, "--model", run, "--results")
    code, text, _ = lostfound(*options, "--json")
    assert code == 0
    found = json.loads(text)
    assert (found["people"][0]["name"], found["people"][0]["top1"]) == ("Zoë", 0.5)
    assert found["people"][0]["model"]["top5"] == 1.0
    assert found["report"][0]["photographs"] == 30
    code, text, _ = lostfound(*options)
    assert code == 0
    assert "1. Zoë" in text
    assert "advanced player (30)" in text


def test_what_is_refused_is_one_line(shards: Path, tmp_path: Path, lostfound: Run) -> None:
    common = ("baseline", "--shards", shards, "--results")
    for options, message in (
        (("--resolution", "big"), "write WIDTHxHEIGHT"),
        (("--split", "nothing"), "the nothing split is empty"),
        (("--model", tmp_path / "none"), "no such model file"),
        (("--shards", "memory://of-another"), "say where answers go: --out"),
    ):
        code, _, error = lostfound(*common, *options)
        assert code == 2
        assert message in error
        assert len(error.strip().splitlines()) == 1
