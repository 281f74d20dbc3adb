"""The file of answers: only added to, on disk at once, whole after a kill, of one writer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shards.errors import UsageError, WorkError
from training.baseline.journal import Journal, read_rows

WRITER = """
import os, sys
from pathlib import Path
from training.baseline.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(5):
    journal.add({"number": number, "name": "Zoë"})
print("written", flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    killed = subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False, cwd=Path.cwd())
    assert killed.returncode == -9
    rows = [{"number": number, "name": "Zoë"} for number in range(5)]
    assert read_rows(path) == rows
    with open(path, "ab") as file:  # killed within a line
        file.write(b'{"number": 5, "na')
    assert read_rows(path) == rows
    journal = Journal(path)
    journal.add({"number": 6})
    journal.close()
    assert read_rows(path) == [*rows, {"number": 6}]


def test_a_row_is_on_disk_when_add_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "answers.jsonl", []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    journal = Journal(path)
    journal.add({"a": 1})
    assert synced == [path.stat().st_size] == [len(b'{"a": 1}\n')]
    journal.close()


def test_one_writer(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "answers.jsonl")
    with pytest.raises(UsageError, match="another server writes it"):
        Journal(tmp_path / "answers.jsonl")
    journal.close()
    Journal(tmp_path / "answers.jsonl").close()


@pytest.mark.parametrize("line", [b"no\n", b"[]\n", b"\xff\n"])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b"{}\n" + line)
    with pytest.raises(WorkError, match="line 2 is not JSON"):
        read_rows(path)
