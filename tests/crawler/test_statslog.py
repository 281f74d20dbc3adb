"""Stats lines: one JSON object each, never more than two files, readable after any crash."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from crawler.statslog import StatsLog, last_line, to_line
from tests.crawler.fleet_stats import snapshot

AT = datetime(2026, 3, 1, 12, 0, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))


def test_a_line_says_everything() -> None:
    line = to_line(snapshot(), AT)
    assert line == json.loads(json.dumps(line, allow_nan=False))
    assert line["at"] == "2026-03-01T10:00:05+00:00"
    assert line["tasks"] == {"pending": 40, "leased": 6, "done": 60, "failed": 2}
    assert line["totals"]["captures"] == 300
    assert line["totals"]["captures_per_minute"] == 61.5
    assert line["totals"]["failed"] == {"round": 1, "game_timeout": 2}
    assert line["totals"]["quality"]["blank"] == 6
    assert [one["writer"] for one in line["workers"]] == ["game-0", "game-1"]
    assert line["workers"][1]["captures_per_minute"] == 41
    assert line["workers"][1]["browser_bytes"] > 0


def test_lines_are_appended_and_the_last_one_is_found(tmp_path: Path) -> None:
    assert last_line(tmp_path) is None
    log = StatsLog(tmp_path)
    for number in range(3):
        log.append({"at": "x", "n": number})
    lines = (tmp_path / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["n"] for line in lines] == [0, 1, 2]
    assert last_line(tmp_path) == {"at": "x", "n": 2}


def test_two_bounded_files_are_the_most(tmp_path: Path) -> None:
    log = StatsLog(tmp_path, max_bytes=1000)
    for number in range(300):
        log.append({"at": "x", "n": number})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "stats.jsonl",
        "stats.old.jsonl",
    ]
    assert all(path.stat().st_size <= 1100 for path in tmp_path.iterdir())
    assert last_line(tmp_path) == {"at": "x", "n": 299}


@pytest.mark.parametrize("keep", range(0, 24, 3))
def test_a_line_that_a_kill_cut_is_skipped(tmp_path: Path, keep: int) -> None:
    log = StatsLog(tmp_path)
    log.append({"at": "x", "n": 0})
    path = tmp_path / "stats.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at":"x","n":1,"m":2}'[:keep])
    assert last_line(tmp_path) == {"at": "x", "n": 0}
    log.append({"at": "x", "n": 2})
    assert last_line(tmp_path) == {"at": "x", "n": 2}
    assert path.read_bytes().endswith(b'{"at":"x","n":2}\n')


def test_the_line_before_a_change_of_files_is_found(tmp_path: Path) -> None:
    (tmp_path / "stats.old.jsonl").write_text('{"at":"x","n":7}\n')
    (tmp_path / "stats.jsonl").write_text("")
    assert last_line(tmp_path) == {"at": "x", "n": 7}


def test_without_room_the_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "stats.jsonl").mkdir()
    log = StatsLog(tmp_path)
    log.append({"at": "x", "n": 1})
    (tmp_path / "stats.jsonl").rmdir()
    log.append({"at": "y", "n": 2})
    assert last_line(tmp_path) == {"at": "y", "n": 2}
    assert len((tmp_path / "stats.jsonl").read_text().splitlines()) == 1


def test_lines_are_utc() -> None:
    assert to_line(snapshot(), datetime(2026, 1, 1, tzinfo=UTC))["at"].endswith("+00:00")
