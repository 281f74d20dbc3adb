"""Memory stays where it is: in a worker over time, in Ray's object store, with larger datasets."""

import os
import subprocess
import sys
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import psutil
import pytest

from enrich.options import EnrichOptions
from enrich.pipeline import enrich_segment
from enrich.run import enrich_dataset
from shards.fanout import fan_out
from shards.layout import DatasetLayout
from shards.segment import SegmentWriter
from tests.enrich.samples import capture, jpeg

OPTIONS = EnrichOptions()
MB = 1 << 20
PEAK = """
import re, sys
from pathlib import Path
from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from shards.layout import DatasetLayout
summary = enrich_dataset(DatasetLayout(Path(sys.argv[1])), EnrichOptions(), workers=1)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(summary.captures, int(peak[1]) << 10)
"""


def dataset(
    root: Path,
    captures: int,
    *,
    size: tuple[int, int] = (320, 184),
    per_segment: int = 500,
    pictures: int = 1 << 30,
) -> DatasetLayout:
    """Captures at different places in France, with at most so many different pictures."""
    layout = DatasetLayout(root)
    for first in range(0, captures, per_segment):
        with SegmentWriter(layout.raw_source("test"), f"w-{first:06d}") as writer:
            for n in range(first, min(captures, first + per_segment)):
                place = {
                    "lat": f"{44 + n % 4000 * 0.001:.3f}",
                    "lon": f"{2 + n // 4000 * 0.01:.2f}",
                }
                writer.append(
                    capture(f"test-{n}", **place), picture_bytes(n % pictures, *size), "jpg"
                )
            writer.seal()
    return layout


@lru_cache(maxsize=64)
def picture_bytes(number: int, width: int, height: int) -> bytes:
    return jpeg(number, width, height)


def peak_memory(layout: DatasetLayout) -> tuple[int, int]:
    """Captures and the most bytes that a process of its own held while it enriched all of them."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, layout.root], check=True, capture_output=True, text=True
    )
    captures, peak = map(int, done.stdout.split())
    return captures, peak


def created_in_object_store() -> int:
    """Bytes that were ever put into the object store of this machine."""
    import ray
    from ray._private import internal_api

    address = ray.get_runtime_context().gcs_address
    reply = internal_api.get_memory_info_reply(internal_api.get_state_from_address(address))
    return int(reply.store_stats.cumulative_created_bytes)


def test_a_worker_does_not_grow(tmp_path: Path, ray_cluster: None) -> None:
    layout = dataset(tmp_path, 2400, per_segment=100, pictures=20)

    def weigh(segment: Path) -> tuple[int, int, int]:
        done = enrich_segment(layout, segment, OPTIONS)
        return os.getpid(), done.captures, psutil.Process().memory_full_info().uss

    weights: dict[int, list[int]] = defaultdict(list)
    for worker, captures, unshared in fan_out(weigh, layout.sealed_segments(), workers=2):
        assert captures == 100
        weights[worker].append(unshared)
    longest = max(weights.values(), key=len)
    assert len(longest) >= 10
    assert max(longest[2:]) < longest[1] + 16 * MB


def test_no_pixels_in_the_object_store(tmp_path: Path, ray_cluster: None) -> None:
    layout = dataset(tmp_path, 60, size=(640, 360), per_segment=10)
    before = created_in_object_store()
    assert enrich_dataset(layout, OPTIONS, workers=2).kept == 60
    stored = sum(path.stat().st_size for path in layout.enriched.rglob("*.tar"))
    assert created_in_object_store() - before < 1000 < stored


@pytest.mark.parametrize(
    ("small", "large", "growth"),
    [
        (200, 2000, 1.1),
        # Looking for copies holds some hashes of every picture: 2 KB for each, at this number.
        pytest.param(1000, 100_000, 2.0, marks=pytest.mark.slow),
    ],
)
def test_memory_hardly_depends_on_the_dataset(
    tmp_path: Path, small: int, large: int, growth: float
) -> None:
    before, after = (peak_memory(dataset(tmp_path / f"{n}", n)) for n in (small, large))
    assert (before[0], after[0]) == (small, large)
    assert after[1] < before[1] * growth


def test_a_segment_of_many_small_captures_needs_little_memory(tmp_path: Path) -> None:
    """As many as ever fit into a fifth of the largest segment."""
    peaks = []
    for count in (1000, 20_000):
        layout = DatasetLayout(tmp_path / f"{count}")
        with SegmentWriter(layout.raw_source("test"), "w-000000") as writer:
            for number in range(count):
                writer.append(capture(f"test-{number}"), b"no picture", "jpg")
            writer.seal()
        captures, peak = peak_memory(layout)
        assert captures == count
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 48 * MB
