"""The table of modes, the delays between attempts, and the room on the disk."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.frontier import NewTask, Task
from crawler.game.modes import (
    MODES,
    Delays,
    children,
    find_mode,
    game_of,
    mode_of,
)
from crawler.game.port import AlwaysRoom, Outcome
from crawler.game.room import DiskRoom, free_bytes_of
from crawler.reasons import FailReason
from shards.errors import UsageError


def leased(task: NewTask, item: str = "") -> Task:
    return Task(task.id, 1, item, task.payload)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_a_task_is_run_as_what_it_is(mode: object) -> None:
    assert mode in MODES.values()
    for each in MODES.values():
        assert mode_of(each.tasks(1)[0].id) is each
        assert mode_of(each.tasks_of(["abc"])[0].id) is each
        assert mode_of(each.listing().id) is each


def test_the_game_of_a_task() -> None:
    single, results = MODES["singleplayer"], MODES["results"]
    (task,) = single.tasks(1)
    assert (task.id, task.payload) == ("game-000000", "")
    assert game_of(leased(task)) == ""
    assert game_of(leased(task, "abc")) == "abc"
    (named,) = results.tasks_of(["abc", "abc"])
    assert (named.id, game_of(leased(named))) == ("results-abc", "abc")


def test_a_list_of_games_becomes_tasks() -> None:
    results = MODES["results"]
    found = children(leased(results.listing()), Outcome(found=("a", "b")))
    assert found == results.tasks_of(["a", "b"])
    assert game_of(leased(results.listing())) == ""


def test_matches_are_a_source_of_their_own() -> None:
    single = MODES["singleplayer"].site("http://127.0.0.1:1")
    match = MODES["multiplayer"].site("http://127.0.0.1:1", 2.0)
    assert (single.source, single.mode) == ("geoguessr", "singleplayer")
    assert (match.source, match.mode) == ("geoguessr-multiplayer", "multiplayer")
    assert match.round_pause == 2
    assert MODES["results"].site("http://127.0.0.1:1") == single
    assert single.game_url("a") == "http://127.0.0.1:1/game/a"
    assert match.game_url("a") == "http://127.0.0.1:1/battle-royale/a"


def test_an_unknown_mode_is_refused() -> None:
    assert find_mode("shadow") is MODES["shadow"]
    with pytest.raises(UsageError, match="known are singleplayer, multiplayer, results, shadow"):
        find_mode("multi")


def test_delays() -> None:
    delays, limited = Delays(), Outcome(reason=FailReason.RATE_LIMITED)
    assert [delays.after(limited, attempt) for attempt in (1, 2, 3)] == [40, 80, 160]
    for reason in (FailReason.RATE_LIMITED, FailReason.SERVER_ERROR):
        asked = Outcome(reason=reason, retry_after=7.0)
        assert [delays.after(asked, attempt) for attempt in (1, 5)] == [7, 7]
    assert delays.after(Outcome(reason=FailReason.DUPLICATE), 1) == 10
    assert delays.after(Outcome(reason=FailReason.BROWSER), 3) == 1
    assert Delays(rate_limit=0.5).after(limited, 2) == 1


def test_the_disk_is_low_until_there_is_clearly_room() -> None:
    free = iter([10, 4, 5, 7, 8, 7, 5, 4, 9])
    room = DiskRoom(lambda: next(free), floor=5, resume=8)
    assert [room.low for _ in range(9)] == [
        False,
        True,
        True,
        True,
        False,
        False,
        False,
        True,
        False,
    ]
    assert not AlwaysRoom().low


@settings(deadline=None)
@given(st.lists(st.integers(0, 100)), st.integers(0, 100), st.integers(0, 100))
def test_room_never_lies(frees: list[int], one: int, other: int) -> None:
    floor, resume = sorted((one, other))
    now = 0
    room = DiskRoom(lambda: now, floor=floor, resume=resume)
    for now in frees:
        low = room.low
        assert low or now >= floor
        assert not low or now < resume


def test_room_is_that_of_the_disk(tmp_path: Path) -> None:
    assert free_bytes_of(tmp_path)() > 0
    assert DiskRoom(free_bytes_of(tmp_path), floor=1 << 60, resume=1 << 60).low
    with pytest.raises(ValueError, match="0 <= floor <= resume"):
        DiskRoom(lambda: 0, floor=2, resume=1)
