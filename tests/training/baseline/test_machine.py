"""The model's answers: to the pixels that people see, of the same classes."""

from pathlib import Path

import pytest

from shards.errors import WorkError
from tests.training.shardmaker import PLACES, make_shards
from training.baseline.deck import Deck, Resolution, read_deck
from training.baseline.machine import Machine, model_size
from training.deploy.predict import predict_images


def test_it_sees_the_picture_that_is_served(run: Path, deck: Deck, tmp_path: Path) -> None:
    machine = Machine(run, deck)
    for row in range(4):
        path = tmp_path / f"{row}.png"
        path.write_bytes(deck.picture(row))
        [answer] = predict_images(run, [path], k=4)
        assert machine.ranking(row) == [country["code"] for country in answer["countries"]]
        assert machine.ranking(row)[machine.rank(row)] == deck.country(row)
    assert model_size(run) == (32, 32)


def test_other_classes_are_refused(run: Path, tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 4, "test": 2}, places=PLACES[:2])
    with pytest.raises(WorkError, match="names 4 countries, not the 2 of these shards"):
        Machine(run, read_deck(shards, "test", Resolution(32, 18)))
