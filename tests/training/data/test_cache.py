import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shards.errors import WorkError
from training.data.cache import Cache, cache_folder

MB = 1_000_000


def _filled(letter: bytes, size: int = MB) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(letter * size) and None


def test_a_file_is_made_once(tmp_path: Path) -> None:
    path, made = tmp_path / "things" / "a", []

    def make(target: Path) -> None:
        made.append(target)
        target.write_bytes(b"abc")

    for _ in range(2):
        assert Cache(tmp_path, 1).get(path, 3, make).read_bytes() == b"abc"
    assert len(made) == 1
    assert made[0] != path


def test_what_is_not_right_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "things" / "a"
    path.parent.mkdir()
    for wrong in (b"ab", b"abx"):
        path.write_bytes(wrong)
        got = Cache(tmp_path, 1).get(
            path,
            3,
            lambda target: target.write_bytes(b"abc") and None,
            lambda p: b"x" not in p.read_bytes(),
        )
        assert got.read_bytes() == b"abc"


def test_the_least_recently_used_goes(tmp_path: Path) -> None:
    folder, cache = tmp_path / "things", Cache(tmp_path, 0.0035)
    for letter in "abc":
        cache.get(folder / letter, MB, _filled(letter.encode()))
        time.sleep(0.01)
    Cache(tmp_path, 0.0035).get(folder / "a", MB, _filled(b"a"))
    cache.get(folder / "d", MB, _filled(b"d"))
    assert sorted(p.name for p in folder.glob("[a-z]")) == ["a", "c", "d"]
    assert cache.get(folder / "b", MB, _filled(b"b")).read_bytes() == b"b" * MB


def test_no_room_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WorkError, match=r"0\.00 GB are needed, more than the limit of 0\.001 GB"):
        Cache(tmp_path, 0.001).get(tmp_path / "x" / "a", 2 * MB, _filled(b"a"))
    cache = Cache(tmp_path, 1)
    cache.get(tmp_path / "x" / "old", MB, _filled(b"a"))
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage(5 * MB))
    with pytest.raises(WorkError, match=r"0\.01 GB are free on its disk.*set LOSTFOUND_CACHE"):
        cache.get(tmp_path / "x" / "a", MB, _filled(b"a"))
    assert not (tmp_path / "x" / "a").exists()


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_the_folder_is_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSTFOUND_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("LOSTFOUND_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "lostfound"


def _slowly(folder: Path, started: Path) -> None:
    def make(target: Path) -> None:
        target.write_bytes(b"half")
        started.touch()
        time.sleep(60)

    Cache(folder, 1).get(folder / "things" / "a", 5, make)


def test_killed_while_writing_leaves_nothing_half(tmp_path: Path) -> None:
    started = tmp_path / "started"
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=_slowly, args=(tmp_path, started))
    writer.start()
    while not started.exists():
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert not (tmp_path / "things" / "a").exists()
    path = tmp_path / "things" / "a"
    assert Cache(tmp_path, 1).get(path, 5, lambda p: p.write_bytes(b"whole") and None) == path
    assert path.read_bytes() == b"whole"
    assert [p.name for p in path.parent.iterdir() if not p.name.endswith(".lock")] == ["a"]
