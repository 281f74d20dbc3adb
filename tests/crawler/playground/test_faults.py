"""Faults happen as often as they were asked for, at the same opportunities for the same seed."""

import pytest

from crawler.playground.faults import SHARES, Faults, Luck, parse_faults
from shards.errors import UsageError


def struck(luck: Luck, name: str, count: int) -> list[int]:
    return [number for number in range(1, count + 1) if luck.strikes(name)]


def test_nothing_goes_wrong_by_default() -> None:
    luck = Luck(1, Faults())
    assert [name for name in SHARES for _ in range(50) if luck.strikes(name)] == []
    assert not +luck.happened


def test_a_share_is_kept_and_repeatable() -> None:
    faults = Faults(rate_limit=0.2, crash=0.2)
    one, other = Luck(1, faults), Luck(1, faults)
    hits = struck(one, "rate_limit", 1000)
    assert 150 < len(hits) < 250
    assert struck(other, "crash", 500) != hits[:500], "each fault has its own dice"
    assert struck(other, "rate_limit", 1000) == hits
    assert one.happened["rate_limit"] == len(hits)
    assert struck(Luck(2, faults), "rate_limit", 1000) != hits


def test_a_schedule_is_exact() -> None:
    assert struck(Luck(1, Faults(ban=(2, 5))), "ban", 9) == [2, 5]


def test_words_of_the_command_line() -> None:
    assert parse_faults(["rate_limit=0.1", "crash=1"]) == Faults(rate_limit=0.1, crash=1)
    for word in ("rate_limit", "rate_limit=x", "nothing=0.1", "crash=1.5", "slow_seconds=1"):
        with pytest.raises(UsageError):
            parse_faults([word])
