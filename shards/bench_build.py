"""`bench build`: writing shards, as a ratio to copying the same bytes with `cp`.

Both read files that are in no cache and end with their bytes on disk (fsync), on the same disk.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shards.bench_data import NAME, make_dataset
from shards.build import build_shards
from shards.layout import DatasetLayout

SAMPLING_SECONDS = 0.05


def bench_build(samples: int = 200_000, rounds: int = 3, workers: int = 1) -> dict[str, Any]:
    """Megabytes of shards per second, and the memory of the building processes together.

    Pictures are synthetic JPEGs of 2 to 10 kB. The rounds of both alternate; medians count. The
    time of the build is that of `build_shards` in a process of its own, from the join to the
    manifest.
    """
    ours, baseline, memory, cpu = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="lostfound-bench-", dir=Path.cwd()) as folder:
        layout = DatasetLayout(Path(folder) / "dataset")
        make_dataset(layout, samples)
        shards = layout.shards(NAME)
        for _ in range(rounds):
            shutil.rmtree(shards, ignore_errors=True)
            _forget(layout.enriched)
            spent, peak = _build_apart(layout, workers)
            ours.append(spent["seconds"])
            cpu.append(spent["cpu_seconds"])
            memory.append(peak)
            _forget(shards)
            baseline.append(_seconds(lambda: _copy(shards, Path(folder) / "copy")))
        size = sum(file.stat().st_size for file in shards.rglob("*.*"))
        tars = len(list(shards.glob("data/*.tar")))
    rates = [size / 1e6 / statistics.median(seconds) for seconds in (ours, baseline)]
    return {
        "name": "build",
        "ours": round(rates[0]),
        "baseline": round(rates[1]),
        "ratio": round(rates[0] / rates[1], 2),
        "unit": "MB/s",
        "cpus": os.cpu_count(),
        "workers": workers,
        "samples": samples,
        "shards": tars,
        "megabytes": round(size / 1e6),
        "seconds": round(statistics.median(ours), 1),
        "cpu_seconds": round(statistics.median(cpu), 1),
        "memory_mb": round(max(memory)),
    }


def _build_apart(layout: DatasetLayout, workers: int) -> tuple[dict[str, float], float]:
    """Seconds, those of the process's CPU, and the largest resident size with children in MB."""
    import psutil

    command = [sys.executable, "-m", "shards.bench_build", str(layout.root), str(workers)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
        process, peak = psutil.Process(child.pid), 0
        while child.poll() is None:
            try:
                together = [process, *process.children(recursive=True)]
                peak = max(peak, sum(one.memory_info().rss for one in together))
            except psutil.NoSuchProcess:
                pass  # one ended between the two calls
            time.sleep(SAMPLING_SECONDS)
        assert child.stdout is not None  # a pipe
        output = child.stdout.read()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return json.loads(output), peak / 1e6


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["/bin/cp", "-r", source, target], check=True)
    for file in target.rglob("*.*"):
        with open(file, "rb") as copied:
            os.fsync(copied.fileno())


def _forget(folder: Path) -> None:
    """Takes the files of a folder out of the cache."""
    for file in folder.rglob("*.*"):
        with open(file, "rb") as cached:
            os.fsync(cached.fileno())
            os.posix_fadvise(cached.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _measure(root: Path, workers: int) -> None:
    layout = DatasetLayout(root)
    seconds = _seconds(lambda: build_shards(layout, NAME, workers=workers))
    print(json.dumps({"seconds": seconds, "cpu_seconds": time.process_time()}))


if __name__ == "__main__":
    _measure(Path(sys.argv[1]), int(sys.argv[2]))
