"""A full disk: a clear message, nothing lost, and the run goes on once there is room."""

import errno
import json
import os
import pickle
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from crawler.disk import DiskFullError, full_disk_explained
from crawler.frontier import NewTask, SqliteFrontier
from crawler.ledger import Ledger
from crawler.spool import Spool
from shards.errors import WorkError
from tests.crawler.test_spool import capture, contents, image

ROOT = Path(__file__).parents[2]

# What fills the small file system, each in its own directory until it is refused; then, with more
# room, the same goes on. Prints what each one said and whether all of it is there.
FILL = """
import json, subprocess, sys
from pathlib import Path
from crawler.frontier import NewTask, SqliteFrontier
from crawler.spool import Spool
from shards.errors import WorkError
from tests.crawler.test_spool import capture, contents, image

disk = Path(sys.argv[1])

def size(text):
    subprocess.run(["mount", "-t", "tmpfs", "-o", text, "none", str(disk)], check=True)

def add(spool, number):
    spool.add(capture(number), image(number), "jpg")

def hold(spool, number):
    spool.hold(f"h-{number}", image(number), "jpg")

def fill(step):
    committed, message = 0, ""
    with Spool(disk, "w0", segment_bytes=100_000) as spool:
        while not message:
            try:
                step(spool, committed)
                committed += 1
            except WorkError as error:
                message = str(error)
    return committed, message

def fill_queue():
    with SqliteFrontier(disk / "frontier.sqlite") as frontier:
        for number in range(10_000):
            try:
                frontier.add([NewTask(f"t{number}-{k}", "x" * 100) for k in range(100)])
            except WorkError as error:
                return str(error), number * 100, frontier.unfinished()

said = []
for step in (add, hold):
    size("size=1m")
    committed, message = fill(step)
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    with Spool(disk, "w0") as spool:
        kept = len(spool) if step is add else sum(
            spool.held(f"h-{n}") is not None for n in range(committed + 1)
        )
        for number in range(committed + 20):
            step(spool, number)
        spool.seal()
    whole = step is hold or contents(disk) == {
        f"test-{n}": image(n) for n in range(committed + 20)
    }
    said.append([step.__name__, message, committed > 20, kept == committed, whole])
    subprocess.run(["umount", str(disk)], check=True)
size("size=1m")
message, added, there = fill_queue()
said.append(["queue", message, added > 100, there == added, True])
print(json.dumps(said))
"""


def may_mount() -> bool:
    """Whether this user may mount a file system of its own, in a namespace of its own."""
    try:
        trial = subprocess.run(
            ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"],
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return trial.returncode == 0


def test_a_real_full_disk(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("this system lets nobody but root mount a small disk")
    run = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", FILL, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for name, message, some, kept, whole in json.loads(run.stdout):
        assert "the disk is full; nothing that was fetched is lost" in message, name
        assert "\n" not in message
        assert (some, kept, whole) == (True, True, True), name


def test_a_file_may_grow_no_further(tmp_path: Path) -> None:
    """The same with a limit on the size of files, which every system has."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(0), image(0), "jpg")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            with pytest.raises(DiskFullError, match=r"w0-000000.open.tar: the disk is full"):
                spool.add(capture(1), bytes(2 << 20), "jpg")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        assert len(spool) == 1
        spool.add(capture(2), image(2), "jpg")
        spool.seal()
    assert contents(tmp_path) == {f"test-{n}": image(n) for n in (0, 2)}


def test_a_seal_without_room_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool(tmp_path, "w0") as spool:
        spool.add(capture(0), image(0), "jpg")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _no_room)
            with pytest.raises(DiskFullError):
                spool.seal()
        spool.add(capture(1), image(1), "jpg")
        spool.seal()
    assert contents(tmp_path) == {f"test-{n}": image(n) for n in (0, 1)}


def _no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_other_errors_pass(tmp_path: Path) -> None:
    for error in (OSError(errno.EACCES, "denied"), sqlite3.OperationalError("locked")):
        with pytest.raises(type(error)), full_disk_explained(tmp_path):
            raise error


def test_the_message_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(DiskFullError("/data")))
    assert isinstance(error, WorkError)
    assert str(error).startswith("/data: the disk is full")


def test_sqlite_says_it_too(tmp_path: Path) -> None:
    with SqliteFrontier(tmp_path / "frontier.sqlite") as frontier:
        frontier.add([NewTask("a")])
        (pages,) = frontier._file.db.execute("PRAGMA page_count").fetchone()
        frontier._file.db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFullError, match=r"frontier.sqlite: the disk is full"):
            frontier.add(NewTask(f"t{number}", "x" * 500) for number in range(100))
        assert frontier.unfinished() == 1


@pytest.mark.parametrize(("kind", "mode"), [("nfs4", "delete"), ("ext4", "wal")])
def test_a_ledger_that_other_machines_read_needs_no_shared_memory(
    kind: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was made elsewhere is changed; the frontier has one machine, and stays quick."""
    with Spool(tmp_path, "w") as spool:
        spool.add(capture(1), image(1), "jpg")
    mounts = [SimpleNamespace(mountpoint="/", fstype="overlay")]
    mounts.append(SimpleNamespace(mountpoint=str(tmp_path.resolve()), fstype=kind))
    monkeypatch.setattr("psutil.disk_partitions", lambda all: mounts)  # noqa: A006
    with Spool(tmp_path, "w") as spool:
        spool.add(capture(2), image(2), "jpg")
        with closing(Ledger(spool.path, read_only=True)) as other:
            assert {row.key for row in other.rows()} == {"test-1", "test-2"}
    with closing(sqlite3.connect(tmp_path / "w.ledger.sqlite")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == (mode,)
    with SqliteFrontier(tmp_path / "frontier.sqlite") as frontier:
        frontier.add([NewTask("a")])
    with closing(sqlite3.connect(tmp_path / "frontier.sqlite")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
