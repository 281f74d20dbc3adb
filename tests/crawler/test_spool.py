"""The spool loses nothing and counts nothing twice, wherever it is cut or killed."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.ledger import Ledger, keys_elsewhere
from crawler.reasons import FailReason
from crawler.spool import Ready, Spool
from shards.capture import Capture
from shards.errors import UsageError, WorkError
from shards.segment import read_segment


def capture(number: int) -> Capture:
    return Capture(key=f"test-{number}", source="test", source_id=str(number), lat="1", lon="2")


def image(number: int) -> bytes:
    return bytes([number % 251]) * (100 + 37 * number % 3000)


def contents(directory: Path) -> dict[str, bytes]:
    """Key to image bytes over all sealed segments; fails on a key that stands there twice."""
    found: dict[str, bytes] = {}
    for path in sorted(directory.glob("*-??????.tar")):
        data = path.read_bytes()
        for sample in read_segment(path):
            assert sample.key not in found
            assert sample.problem == ""
            end = sample.image_offset + sample.image_size
            found[sample.key] = data[sample.image_offset : end]
    return found


def test_adds_seal_and_read_back(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0") as spool:
        assert spool.seal() is None
        assert all(spool.add(capture(n), image(n), "jpg", task_id="t") for n in range(5))
        assert not spool.add(capture(3), b"other", "jpg")
        assert "test-3" in spool
        assert "test-9" not in spool
        assert len(spool) == 5
        sealed = spool.seal()
        assert sealed == tmp_path / "w0-000000.tar"
        assert spool.seal() is None
        assert spool.ledger.keys_of_task("t") == {f"test-{n}" for n in range(5)}
        rows = {row.key: row for row in spool.ledger.rows()}
    assert contents(tmp_path) == {f"test-{n}": image(n) for n in range(5)}
    for sample in read_segment(sealed):
        assert rows[sample.key].image_offset == sample.image_offset
        assert rows[sample.key].image_size == sample.image_size


def test_open_segment_continues_and_sealed_one_does_not(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(0), image(0), "jpg")
    assert not list(tmp_path.glob("*-000000.tar"))
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(1), image(1), "png")
        spool.seal()
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(2), image(2), "jpg")
        assert spool.seal() == tmp_path / "w0-000001.tar"
    assert set(contents(tmp_path)) == {"test-0", "test-1", "test-2"}


def test_rolls_over_at_the_limit(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0", segment_bytes=10_000) as spool:
        for number in range(20):
            spool.add(capture(number), image(number), "jpg")
        spool.add(capture(20), bytes(50_000), "jpg")  # larger than a segment may be: stands alone
        spool.add(capture(21), image(21), "jpg")
        spool.seal()
    assert len(contents(tmp_path)) == 22
    sizes = [path.stat().st_size for path in tmp_path.glob("*-??????.tar")]
    assert len(sizes) > 3
    assert sum(size > 10_000 for size in sizes) == 1


def test_held_picture_waits_for_its_capture(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.hold("test-1", b"first", "jpg", task_id="t")
        spool.hold("test-1", b"second", "png", task_id="t", details='{"a":1}')
    with Spool(tmp_path, "w0") as spool:
        held = spool.held("test-1")
        assert held is not None
        assert (held.image, held.extension, held.task_id) == (b"second", "png", "t")
        assert held.details == '{"a":1}'
        spool.add(capture(1), held.image, held.extension)
        assert spool.held("test-1") is None


def test_refuses_a_second_owner(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0"), pytest.raises(UsageError, match="another process"):
        Spool(tmp_path, "w0")
    Spool(tmp_path, "w0").close()


def test_refuses_a_newer_ledger_and_a_damaged_one(tmp_path: Path) -> None:
    Spool(tmp_path, "w0").close()
    path = tmp_path / "w0.ledger.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(UsageError, match=r"ledger version 7.*update lostfound"):
        Spool(tmp_path, "w0")
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(WorkError, match="restore the ledger"):
        Spool(tmp_path, "w0")


def test_refuses_segments_whose_ledger_is_gone(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(0), image(0), "jpg")
        spool.seal()
    (tmp_path / "w0.ledger.sqlite").unlink()
    for _ in range(2):
        with pytest.raises(WorkError, match="without its ledger"):
            Spool(tmp_path, "w0")
    assert set(contents(tmp_path)) == {"test-0"}


def test_refuses_when_committed_bytes_are_gone(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(0), image(0), "jpg")
    open_path = tmp_path / "w0-000000.open.tar"
    os.truncate(open_path, 600)
    with pytest.raises(WorkError, match="committed"):
        Spool(tmp_path, "w0")
    open_path.unlink()
    with pytest.raises(WorkError, match="the file is gone"):
        Spool(tmp_path, "w0")


def test_a_ledger_can_be_read_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "w0.ledger.sqlite"
    path.touch()  # as it is between its creation and its first transaction
    with closing(Ledger(path, read_only=True)) as reader:
        assert len(reader) == 0
    with Spool(tmp_path, "w0") as spool:
        spool.hold("test-1", b"x", "jpg", task_id="b")
        spool.add(capture(0), image(0), "jpg", task_id="a")
        with closing(Ledger(path, read_only=True)) as reader:
            assert len(reader) == 1
            assert reader.tasks() == {"a": 1, "b": 0}


def test_rejects_bad_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="writer"):
        Spool(tmp_path, "../w0")
    with Spool(tmp_path, "w0") as spool:
        with pytest.raises(ValueError, match="not a key"):
            spool.hold("a.b", b"", "jpg")
        with pytest.raises(ValueError, match="exe"):
            spool.add(capture(0), b"", "exe")


def test_a_failed_commit_leaves_no_bytes_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(0), image(0), "jpg")
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "commit", _fail)
            with pytest.raises(OSError, match="disk"):
                spool.add(capture(1), image(1), "jpg")
        assert "test-1" not in spool
        spool.add(capture(2), image(2), "jpg")
        spool.seal()
    assert set(contents(tmp_path)) == {"test-0", "test-2"}


def _fail(*_: object) -> None:
    raise OSError("disk full")


def test_repairs_a_seal_that_was_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(0), image(0), "jpg")
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "mark_sealed", _fail)
            with pytest.raises(OSError, match="disk"):
                spool.seal()
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(1), image(1), "jpg")
        spool.seal()
    assert {path.name for path in tmp_path.glob("*.tar")} == {"w0-000000.tar", "w0-000001.tar"}
    assert set(contents(tmp_path)) == {"test-0", "test-1"}


@pytest.fixture(scope="module")
def three_captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open segment whose third capture is committed in a copy of the ledger only."""
    directory = tmp_path_factory.mktemp("three")
    with Spool(directory, "w0") as spool:
        spool.add(capture(0), image(0), "jpg")
        spool.add(capture(1), image(1), "jpg")
    shutil.copy(directory / "w0.ledger.sqlite", directory / "two.sqlite")
    with Spool(directory, "w0") as spool:
        spool.add(capture(2), image(2), "jpg")
    shutil.copy(directory / "two.sqlite", directory / "w0.ledger.sqlite")
    return directory


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1))
def test_cut_anywhere_behind_the_last_commit(
    three_captures: Path, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    directory = tmp_path_factory.mktemp("cut")
    for name in ("w0.ledger.sqlite", "w0-000000.open.tar"):
        shutil.copy(three_captures / name, directory / name)
    ledger = Ledger(directory / "w0.ledger.sqlite")
    last = ledger.last_segment()
    ledger.close()
    assert last is not None
    path = directory / "w0-000000.open.tar"
    size = path.stat().st_size
    os.truncate(path, last.committed + round((size - last.committed) * share))
    with Spool(directory, "w0") as spool:
        assert len(spool) == 2
        assert path.stat().st_size == last.committed
        spool.add(capture(2), image(2), "jpg")
        spool.seal()
    assert contents(directory) == {f"test-{n}": image(n) for n in range(3)}


def test_cut_at_every_block(three_captures: Path, tmp_path: Path) -> None:
    """Behind the last commit it goes on; before it the loss is named, and the rest untouched."""
    whole = (three_captures / "w0-000000.open.tar").read_bytes()
    with closing(Ledger(three_captures / "w0.ledger.sqlite", read_only=True)) as ledger:
        last = ledger.last_segment()
    assert last is not None
    for size in range(0, len(whole) + 1, 512):
        directory = tmp_path / str(size)
        directory.mkdir()
        shutil.copy(three_captures / "w0.ledger.sqlite", directory)
        path = directory / "w0-000000.open.tar"
        path.write_bytes(whole[:size])
        if size < last.committed:
            with pytest.raises(WorkError, match=rf"{size} bytes on disk but {last.committed}"):
                Spool(directory, "w0")
            assert path.read_bytes() == whole[:size]
            continue
        with Spool(directory, "w0") as spool:
            spool.add(capture(2), image(2), "jpg")
            spool.seal()
        assert contents(directory) == {f"test-{n}": image(n) for n in range(3)}


def test_a_sealed_segment_cut_at_any_block_is_refused(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0") as spool:
        for number in range(3):
            spool.add(capture(number), image(number), "jpg")
        sealed = spool.seal()
    assert sealed is not None
    whole = sealed.read_bytes()
    for size in range(0, len(whole), 512):
        sealed.write_bytes(whole[:size])
        with pytest.raises(WorkError, match=r"w0-000000.tar: not a readable segment"):
            list(read_segment(sealed))


WRITER = """
import sys
from pathlib import Path
from crawler.spool import Spool
from tests.crawler.test_spool import capture, image

with Spool(Path(sys.argv[1]), "w0", segment_bytes=20_000) as spool:
    for number in range(int(sys.argv[2])):
        key = capture(number).key
        if key in spool:
            continue
        held = spool.held(key)
        if held is None:
            spool.hold(key, image(number), "jpg")
        spool.add(capture(number), held.image if held else image(number), "jpg")
        print(number, flush=True)
    spool.seal()
print("finished", flush=True)
"""


def test_killed_again_and_again(tmp_path: Path) -> None:
    total = 400
    reported: list[str] = []
    for delay in (0.05, 0.0, 0.11, 0.02, 0.17, 0.08, 0.03, None):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(total)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        if delay is not None:
            reported += [process.stdout.readline().strip()]
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        reported += process.stdout.read().split()
        process.wait()
    assert reported[-1] == "finished"
    # Every capture was reported at most once: no key was committed twice.
    numbers = [int(text) for text in reported[:-1] if text.isdigit()]
    assert len(numbers) == len(set(numbers))
    assert contents(tmp_path) == {f"test-{n}": image(n) for n in range(total)}


def ready(number: int, task_id: str = "t") -> Ready:
    return Ready(capture(number), f"image {number}".encode() * 50, "jpg", task_id)


def test_a_group_counts_as_a_whole_and_crosses_segments(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0", segment_bytes=16 << 10) as spool:
        assert spool.add_many([ready(n) for n in range(20)]) == 20
        assert spool.add_many([ready(n) for n in range(15, 25)] + [ready(24)]) == 5
        assert spool.add_many([]) == 0
        spool.seal()
    segments = sorted(tmp_path.glob("*.tar"))
    assert len(segments) > 1
    assert all(path.stat().st_size <= 16 << 10 for path in segments)
    keys = [sample.key for path in segments for sample in read_segment(path)]
    assert keys == [f"test-{n}" for n in range(25)]


def test_items_that_will_not_come_are_recorded_once(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.add_many([ready(1)])
        spool.fail("test-1", "t", FailReason.NOT_FOUND)
        spool.fail("test-2", "t", FailReason.TIMEOUT, "after 30 s")
        spool.fail("test-2", "t", FailReason.NOT_FOUND)
        spool.fail("test-3", "u", FailReason.NOT_FOUND)
        assert spool.failures() == {"not_found": 1, "timeout": 1}
        assert [spool.settled(f"test-{n}") for n in range(1, 5)] == [True, True, True, False]
        assert keys_elsewhere(tmp_path, "t", tmp_path / "another") == {"test-1", "test-2"}
        assert keys_elsewhere(tmp_path, "t", spool.path) == set()
        assert spool.ledger.forget_failures([FailReason.TIMEOUT]) == [("test-2", "t")]
        spool.add_many([ready(3)])
        assert spool.failures() == {}


def test_a_ledger_of_the_first_release_goes_on(tmp_path: Path) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.add_many([ready(1)])
    db = sqlite3.connect(tmp_path / "w0.ledger.sqlite")
    db.executescript("DROP TABLE failures; PRAGMA user_version = 1;")
    db.close()
    with Spool(tmp_path, "w0") as spool:
        assert "test-1" in spool
        spool.fail("test-2", "t", FailReason.ERROR)
        assert spool.failures() == {"error": 1}
