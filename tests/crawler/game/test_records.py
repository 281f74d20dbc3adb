"""Rounds become captures; what another writer began, or a lost frontier knew, is found again."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.crawl import count_captures
from crawler.frontier import NewTask, SqliteFrontier, TaskState
from crawler.game.port import Answer, Picture
from crawler.game.records import GameSink, reconcile, round_capture
from crawler.game.site import Site
from crawler.spool import Spool
from shards.denylist import DenyList, Kind, Rule

SITE = Site(base_url="http://127.0.0.1:1")
PICTURE = Picture(b"pixels", "jpg", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), covered=True)
ANSWER = Answer(link="https://maps.test/?q&cbll=1.5,-2.25&cbp=11")


@pytest.fixture
def frontier(tmp_path: Path) -> SqliteFrontier:
    frontier = SqliteFrontier(tmp_path / "frontier.sqlite")
    frontier.add([NewTask("task-1"), NewTask("task-2")])
    return frontier


def test_a_round_as_a_capture() -> None:
    capture = round_capture(SITE, "abc", 3, PICTURE, ANSWER, "chromium 1")
    assert capture.key == "geoguessr-abc-3"
    assert (capture.source, capture.group_id) == ("geoguessr", "abc")
    assert (capture.lat, capture.lon) == ("1.5", "-2.25")
    assert capture.captured_at == "2026-01-02T03:04:05.000+00:00"
    assert capture.license == "CC0-1.0"
    extra = json.loads(capture.extra)
    assert (extra["round"], extra["mode"], extra["viewport"]) == (3, "singleplayer", "1824x720")
    assert extra["covered"]
    assert round_capture(SITE, "abc", 3, PICTURE, Answer(), "chromium 1").lat == ""


def test_a_round_of_a_match_as_a_capture() -> None:
    answer = Answer(
        sentence="Too bad! The right answer was in the Netherlands. 2 of 7 players knew it.",
        link="https://maps.google.com/maps?ll=0,0&z=5",
        wrong_guesses=("Chad",),
        players=7,
    )
    capture = round_capture(SITE.for_matches(), "abc", 3, PICTURE, answer, "chromium 1")
    assert capture.key == "geoguessr-multiplayer-abc-3"
    assert (capture.country, capture.lat, capture.lon) == ("the Netherlands", "", "")
    extra = json.loads(capture.extra)
    assert (extra["players"], extra["wrong_guesses"]) == (7, ["Chad"])
    assert extra["sentence"] == answer.sentence
    known = replace(answer, link="https://maps.google.com/maps?ll=52.5,4.75&z=5")
    placed = round_capture(SITE.for_matches(), "abc", 3, PICTURE, known, "chromium 1")
    assert (placed.lat, placed.lon) == ("52.5", "4.75")


def test_a_held_picture_comes_back_as_it_was(tmp_path: Path, frontier: SqliteFrontier) -> None:
    with Spool(tmp_path, "w0") as spool:
        GameSink(SITE, spool, frontier, "task-1", "").hold("abc", 1, PICTURE)
    with Spool(tmp_path, "w0") as spool:
        sink = GameSink(SITE, spool, frontier, "task-1", "")
        assert sink.held("abc", 1) == PICTURE
        sink.commit("abc", 1, PICTURE, ANSWER)
        assert sink.committed("abc", 1)
        assert sink.held("abc", 1) is None


def test_a_denied_round_is_settled_and_not_kept(tmp_path: Path, frontier: SqliteFrontier) -> None:
    denylist = DenyList([Rule(Kind.CIRCLE, "1.5,-2.25,1")])
    with Spool(tmp_path, "w0") as spool:
        sink = GameSink(SITE, spool, frontier, "task-1", "", denylist=denylist)
        sink.hold("abc", 1, PICTURE)
        sink.commit("abc", 1, PICTURE, ANSWER)
        sink.commit("abc", 2, PICTURE, Answer(link="https://maps.test/?q&cbll=50,50&cbp=11"))
        assert sink.committed("abc", 1)
        assert sink.held("abc", 1) is None
        assert spool.failures() == {"denied": 1}
    assert count_captures(tmp_path) == 1


def test_another_writer_goes_on(tmp_path: Path, frontier: SqliteFrontier) -> None:
    with Spool(tmp_path, "w1") as spool:
        sink = GameSink(SITE, spool, frontier, "task-1", "")
        sink.commit("abc", 1, PICTURE, ANSWER)
        sink.hold("abc", 2, PICTURE)
    with Spool(tmp_path, "w0") as spool:
        sink = GameSink(SITE, spool, frontier, "task-1", "")
        assert sink.committed("abc", 1)
        assert not sink.committed("abc", 2)
        held = sink.held("abc", 2)
        assert held == PICTURE
        sink.commit("abc", 2, replace(held, image=b"same"), ANSWER)
    assert count_captures(tmp_path) == 2


def test_a_lost_frontier_is_restored(tmp_path: Path, frontier: SqliteFrontier) -> None:
    with Spool(tmp_path, "w0") as spool, Spool(tmp_path, "w1") as other:
        first = GameSink(SITE, spool, frontier, "task-1", "")
        for number in range(1, SITE.rounds):
            first.commit("abc", number, PICTURE, ANSWER)
        GameSink(SITE, other, frontier, "task-1", "").commit("abc", SITE.rounds, PICTURE, ANSWER)
        GameSink(SITE, other, frontier, "task-2", "").hold("xyz", 1, PICTURE)
    with closing(SqliteFrontier(tmp_path / "new.sqlite")) as fresh:
        fresh.begin_run(["task-1", "task-2", "task-3"])
        reconcile(tmp_path, fresh, SITE.rounds)
        assert fresh.counts()[TaskState.DONE] == 1
        assert fresh.claimed() == {"abc": "task-1", "xyz": "task-2"}
        task = fresh.lease("w", 60)
        assert task is not None
        assert (task.id, task.item) == ("task-2", "xyz")
