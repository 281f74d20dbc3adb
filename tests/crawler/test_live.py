"""The view on a terminal: everything that is asked for stands there, and nothing elsewhere."""

import io
import os
import pty
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from crawler.history import Snapshot
from crawler.live import live_view, reasons, render
from shards.console import PROGRESS_VARIABLE
from tests.crawler.fleet_stats import snapshot, worker


def text_of(view: object, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(view)
    return console.export_text()


def test_shows_every_worker_and_the_totals() -> None:
    text = text_of(render(snapshot(), before=100, expected=1000))
    row = next(line for line in text.splitlines() if "game-1" in line)
    for part in ("node-1", "working", "200", "41.0", "400 MiB", "game_timeout 1, round 1"):
        assert part in row
    assert "400 of 1,000 captures" in text
    assert "61.5 per min" in text
    assert "800 MiB" in text
    assert "0:04:05" in text
    assert "40 pending, 6 leased, 60 done, 2 failed" in text


def test_an_empty_fleet_and_an_unknown_end() -> None:
    empty = Snapshot(source="geoguessr", workers=[], tasks={}, seconds=0)
    assert "0 captures" in text_of(render(empty))
    assert " of " not in text_of(render(snapshot()))


def test_fits_a_narrow_terminal() -> None:
    lines = text_of(render(snapshot(), expected=1000), width=60).splitlines()
    assert max(map(len, lines)) <= 60


def test_only_the_most_frequent_reasons() -> None:
    failed = Counter(timeout=9, round=4, browser=4, wall=1, robots=2)
    assert reasons(worker(0, failed=failed)) == "timeout 9, browser 4, round 4, others 3"
    assert reasons(worker(0, failed=Counter())) == ""


def test_is_silent_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with live_view() as show:
        show(snapshot())
    assert capfd.readouterr() == ("", "")


VIEW = """
from crawler.live import live_view
from tests.crawler.fleet_stats import snapshot
with live_view(expected=1000) as show:
    show(snapshot())
print("summary")
"""


def test_on_a_terminal_it_uses_stderr_alone() -> None:
    terminal, theirs = pty.openpty()
    try:
        run = subprocess.run(
            [sys.executable, "-c", VIEW],
            stdout=subprocess.PIPE,
            stderr=theirs,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "TERM": "xterm", "COLUMNS": "110"},
            check=True,
            timeout=120,
        )
        shown = os.read(terminal, 1 << 16).decode()
    finally:
        os.close(theirs)
        os.close(terminal)
    assert run.stdout == b"summary\n"
    assert "game-1" in shown
    assert "300 of 1,000 captures" in shown


def test_nodes_stand_together_when_there_are_several() -> None:
    text = text_of(render(snapshot()))
    row = next(line for line in text.splitlines() if line.strip().startswith("node-1"))
    assert row.split() == ["node-1", "1", "200", "41.0", "400", "MiB", "2"]
    alone = Snapshot(source="geoguessr", workers=[worker(0)], tasks={}, seconds=1)
    assert not any(
        line.strip().startswith("node-0") for line in text_of(render(alone)).splitlines()
    )


def test_a_line_for_the_log_of_a_job(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROGRESS_VARIABLE, "0")
    with live_view(before=100, expected=1000) as show:
        show(snapshot())
    assert capsys.readouterr().err == (
        "crawl geoguessr: 400 of 1,000 captures, 61.5 per min;"
        " tasks: 40 pending, 6 leased, 60 done, 2 failed;"
        " node-0: 1 workers, 100 captures, 20.5 per min;"
        " node-1: 1 workers, 200 captures, 41.0 per min\n"
    )
