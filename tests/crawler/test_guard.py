"""The guard kills what its owner left behind, and nothing else."""

import subprocess
import sys
import time

import psutil

from crawler.guard import Guard, marked

SLEEP = [sys.executable, "-c", "import time; time.sleep(1000)"]
OWNER = f"""
import subprocess, sys, time
from crawler.guard import Guard
guard = Guard()
with guard.marking():
    left = subprocess.Popen({SLEEP!r}, start_new_session=True)
print(left.pid, flush=True)
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
        left = psutil.Process(int(owner.stdout.readline()))
        assert left.is_running()
        owner.kill()
        assert gone(left)
