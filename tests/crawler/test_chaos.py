"""The chaos run in small: our crawl loses nothing, and the count of the loss can tell."""

import random
from collections import Counter
from pathlib import Path

import pytest

from crawler.chaos.run import Loss, chaos_game, chaos_list, chaos_plain_scrapy


@pytest.mark.timeout(600)
def test_a_list_survives_the_kills(tmp_path: Path) -> None:
    # Enough of them: workers go on for a second or two after their driver was killed.
    loss = chaos_list(tmp_path / "list", 240, 2, random.Random(0))
    assert (loss.expected, loss.lost, loss.duplicated) == (240, 0, 0)
    assert dict(loss.kills) == {"driver": 1, "worker": 1}
    assert loss.left_behind == []


@pytest.mark.slow
def test_games_survive_the_kills(tmp_path: Path) -> None:
    loss = chaos_game(tmp_path / "game", 6, 4, random.Random(0))
    assert (loss.expected, loss.lost, loss.duplicated) == (30, 0, 0)
    assert dict(loss.kills) == {"browser": 2, "worker": 1, "driver": 1}
    assert loss.left_behind == []


def test_plain_scrapy_loses_what_a_kill_meets(tmp_path: Path) -> None:
    undisturbed = chaos_plain_scrapy(tmp_path / "whole", 40, 0, random.Random(0))
    assert (undisturbed.lost, undisturbed.duplicated) == (0, 0)
    killed = chaos_plain_scrapy(tmp_path / "killed", 200, 1, random.Random(0))
    assert killed.kills.total() == 1
    assert killed.lost > 0


def test_losses_add_up() -> None:
    one = Loss(expected=5, captured=4, duplicated=1, kills=Counter(driver=1))
    two = Loss(expected=2, captured=2, duplicated=0, kills=Counter(worker=1))
    both = one + two
    assert (both.expected, both.captured, both.lost, both.duplicated) == (7, 6, 1, 1)
    assert both.kills.total() == 2
