"""Shadow: every picture of a running match is a whole file as soon as it is taken."""

from pathlib import Path

import pytest

from crawler.game.port import Outcome, Picture
from crawler.game.shadow import FolderSink, shadow
from tests.crawler.game import scripted
from tests.crawler.game.match import MatchDriver, rounds
from tests.crawler.game.scripted import WHEN, FakeClock, FakeSink, picture

COUNTRIES = ("Peru", "Chad")


def follow(sink: FolderSink) -> tuple[Outcome, MatchDriver]:
    clock = FakeClock()
    driver = MatchDriver(clock, rounds(*COUNTRIES))
    return scripted.run(shadow, driver, sink, clock=clock, game="m"), driver


def test_saves_pictures_and_guesses_nothing(tmp_path: Path) -> None:
    outcome, driver = follow(FolderSink(tmp_path, FakeSink()))
    assert outcome == Outcome(game="m", committed=2)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {"m-1.jpg": b"m/1", "m-2.jpg": b"m/2"}
    assert "guess" not in driver.calls
    assert "start_game" not in driver.calls


def test_they_are_captures_too(tmp_path: Path) -> None:
    kept = FakeSink()
    assert follow(FolderSink(tmp_path, kept))[0].committed == 2
    assert {number for _, number in kept.commits} == {1, 2}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_picture_is_there_before_its_answer(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path, FakeSink())
    sink.hold("m", 1, picture("m", 1))
    assert (tmp_path / "m-1.jpg").read_bytes() == b"m/1"
    assert sink.held("m", 1) == picture("m", 1)
    assert not sink.committed("m", 1)


def test_half_a_file_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    sink = FolderSink(tmp_path, FakeSink())
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        sink.hold("m", 1, Picture(b"x" * 100_000, "jpg", WHEN))
    assert list(tmp_path.iterdir()) == []
