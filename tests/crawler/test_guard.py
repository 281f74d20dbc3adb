"""The guard kills what its owner left behind, and nothing else."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from crawler.guard import Guard, marked

SLEEP = [sys.executable, "-c", "import time; time.sleep(1000)"]
OWNER = f"""
import subprocess, sys, time
from crawler.guard import Guard
guard = Guard()
with guard.marking():
    left = subprocess.Popen({SLEEP!r}, start_new_session=True)
print(left.pid, guard.folder, flush=True)
time.sleep(1000)
"""


def gone(process: psutil.Process) -> bool:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def removed(folder: Path) -> bool:
    end = time.monotonic() + 30
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.05)
    return not folder.exists()


def test_what_was_started_under_its_eyes_ends_with_it() -> None:
    guard = Guard()
    with guard.marking():
        ours = subprocess.Popen(SLEEP)
    other = subprocess.Popen(SLEEP)
    try:
        assert [process.pid for process in marked(guard.mark)] == [ours.pid]
        guard.close()
        guard.close()
        assert ours.wait(30) == -9
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_killed_owner_leaves_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        left = psutil.Process(int(pid))
        assert left.is_running()
        (Path(folder.decode()) / "profile").touch()
        owner.kill()
        assert gone(left)
        assert removed(Path(folder.decode()))


def test_what_it_watches_writes_into_a_folder_that_goes_with_it() -> None:
    before = tempfile.gettempdir()
    guard = Guard()
    with guard.marking():
        where = [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp())"]
        made = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(made).parent == Path(guard.folder)
    assert Path(guard.folder).parent == Path(before)
    assert os.environ.get("TMPDIR", before) == before
    guard.close()
    assert removed(Path(guard.folder))
