"""Following a crawl: what is sealed while it runs becomes a part, and stopping it loses nothing."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from enrich.follow import follow_dataset
from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from shards.errors import UsageError
from shards.layout import DatasetLayout
from shards.segment import SegmentWriter
from tests.enrich.samples import capture, jpeg, part_bytes, simple_dataset, write_segment

OPTIONS = EnrichOptions()


def test_segments_that_come_while_it_runs(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path / "grows")
    whole = simple_dataset(tmp_path / "whole", segments=3)
    enrich_dataset(whole, OPTIONS, workers=1)
    rounds: list[str] = []
    opened = threading.Event()

    def crawl() -> None:
        for number in range(3):
            with SegmentWriter(layout.raw_source("test"), f"w-{number:06d}") as writer:
                for n in range(number * 3, number * 3 + 3):
                    writer.append(capture(f"test-{n}", lat=f"55.7{n}"), jpeg(n), "jpg")
                opened.set()
                time.sleep(1.2)  # longer than `idle_seconds`: an open segment keeps it waiting
                writer.seal()

    thread = threading.Thread(target=crawl)
    thread.start()
    opened.wait()
    summary = follow_dataset(
        layout, OPTIONS, workers=1, idle_seconds=1.0, poll_seconds=0.02, say=rounds.append
    )
    thread.join()
    assert (summary.captures, summary.kept, summary.segments_done) == (9, 9, 3)
    assert sum("captures so far" in line for line in rounds) >= 2
    assert part_bytes(layout) == part_bytes(whole)
    assert layout.duplicates.read_bytes() == whole.duplicates.read_bytes()


def test_a_damaged_segment_is_tried_once(tmp_path: Path) -> None:
    layout = simple_dataset(tmp_path, segments=1)
    (layout.raw_source("test") / "x-000000.tar").write_bytes(b"no tar" * 1000)
    said: list[str] = []
    summary = follow_dataset(
        layout, OPTIONS, workers=1, idle_seconds=0.1, poll_seconds=0.02, say=said.append
    )
    assert (summary.segments_done, len(summary.failures)) == (1, 1)
    assert sum("captures so far" in line for line in said) == 1


def test_nothing_comes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no segment was sealed"):
        follow_dataset(
            DatasetLayout(tmp_path), OPTIONS, workers=1, idle_seconds=0, poll_seconds=0.01
        )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_it_ends_with_the_summary(tmp_path: Path, number: int) -> None:
    layout = simple_dataset(tmp_path, segments=1)
    lostfound = Path(sys.executable).with_name("lostfound")
    command = [lostfound, "enrich", tmp_path, "--follow", "--json"]
    with subprocess.Popen(
        [*command, "--workers", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "captures so far" in line:
                break
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)["captures"] == 3
    write_segment(layout, "x-000000", [(capture("test-9"), jpeg(9), "jpg")])
    assert enrich_dataset(layout, OPTIONS, workers=1).segments_done == 1
