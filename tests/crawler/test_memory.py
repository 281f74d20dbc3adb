"""Memory of process trees: shared pages count once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from crawler import memory

MIB = 1 << 20
PROGRAM = r"""
import os, sys
data = bytearray(os.urandom(64)) * (1 << 20)
children = []
for _ in range(3):
    if os.fork() == 0:
        break
os.write(1, b"ready\n")
sys.stdin.read()
"""


@contextmanager
def family() -> Iterator[int]:
    """A process with 64 MiB and three children who share them with it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        for _ in range(4):
            assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.communicate()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the PSS")
def test_shared_pages_count_once() -> None:
    with family() as pid:
        assert 64 * MIB < memory.tree_bytes(pid) < 128 * MIB


def test_without_a_pss_unshared_pages_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: str) -> int:
        raise ValueError

    monkeypatch.setattr(memory, "parse_pss", none)
    process = psutil.Process()
    before = memory.tree_bytes(process.pid)
    more = bytearray(b"x") * (64 * MIB)
    assert memory.unshared_bytes(process) - before >= 60 * MIB - before // 2
    del more


def test_a_process_that_is_gone_has_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert memory.tree_bytes(process.pid) == 0


def test_reads_what_the_kernel_writes() -> None:
    text = "00400000-7ffd ---p 00000000 00:00 0  [rollup]\nRss:   912 kB\nPss:   341 kB\n"
    assert memory.parse_pss(text + "Pss_Anon: 5 kB\n") == 341 << 10
    with pytest.raises(ValueError, match="Pss"):
        memory.parse_pss("Rss: 1 kB\n")
