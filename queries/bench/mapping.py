"""Counting, mapping and choosing over many metadata rows: speed against pandas, memory, growth."""

import json
import math
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from queries.bench.rows import FILES, first_files, write_dataset
from shards.errors import WorkError
from shards.layout import DatasetLayout

GROWTH = (1, 10, 100)
"""In per cent of the rows."""


def bench_mapping(rows: int, pandas_rows: int, folder: Path | None = None) -> dict[str, Any]:
    """Measures on `rows` rows, and beside pandas on `pandas_rows` of them.

    Of the whole, 1 % is chosen, a million of 100 million; of the rows for pandas, a fifth. Every
    measurement is a process of its own, imports not counted. Growth is in seconds of CPU: an
    exponent of 1 is linear. The files, some 50 bytes for a row, are in `folder` until the end.
    """
    with tempfile.TemporaryDirectory(dir=folder) as directory:
        root = Path(directory)
        whole = write_dataset(root / "whole", rows)
        parts = {percent: _part(whole, root, percent) for percent in GROWTH}
        small = max(1, min(FILES, round(pandas_rows / rows * FILES)))
        beside = first_files(whole, root / "pandas", small)
        held = rows * small // FILES
        _run(beside, "count_pandas", 1)  # the first of all would read from the disk
        compared = {name: _compare(beside, name, held // 5) for name in ("count", "map", "choose")}
        growth = {
            name: [
                _run(parts[percent], f"{name}_ours", rows * percent // 10_000) for percent in GROWTH
            ]
            for name in ("count", "choose", "select")
        }
        stored = sum(part.stat().st_size for part in whole.parts())
    choosing = compared["choose"]
    return {
        "name": "mapping",
        "ours": round(held / choosing["ours_seconds"]),
        "baseline": round(held / choosing["baseline_seconds"]),
        "ratio": choosing["ratio"],
        "unit": f"rows/s chosen from, {held} rows, against pandas",
        "cpus": os.cpu_count(),
        "rows": rows,
        "stored_bytes": stored,
        "chosen": growth["choose"][-1]["rows"],
        "against_pandas": {"rows": held} | compared,
        "seconds": {name: round(runs[-1]["seconds"], 2) for name, runs in growth.items()},
        "peak_memory_mb": {
            name: round(max(run["peak_bytes"] for run in runs) / 2**20)
            for name, runs in growth.items()
        },
        "growth_rows": [rows * percent // 100 for percent in GROWTH],
        "growth_exponents": {name: _exponents(runs) for name, runs in growth.items()},
        "growth_cpu_seconds": {
            name: [round(run["cpu_seconds"], 2) for run in runs] for name, runs in growth.items()
        },
    }


def _part(whole: DatasetLayout, root: Path, percent: int) -> DatasetLayout:
    if percent == 100:
        return whole
    return first_files(whole, root / str(percent), percent * FILES // 100)


def _compare(layout: DatasetLayout, name: str, size: int) -> dict[str, Any]:
    """Raises WorkError where their answers differ."""
    ours, baseline = _run(layout, f"{name}_ours", size), _run(layout, f"{name}_pandas", size)
    for answer in ours.keys() & {"pool", "rows"}:
        if ours[answer] != baseline[answer]:
            raise WorkError(f"bench mapping: {name}: {answer} differs from what pandas found")
    return {
        "ours_seconds": round(ours["seconds"], 4),
        "baseline_seconds": round(baseline["seconds"], 4),
        "ratio": round(baseline["seconds"] / ours["seconds"], 2),
        "cpu_ratio": round(baseline["cpu_seconds"] / ours["cpu_seconds"], 2),
        "ours_mb": round(ours["peak_bytes"] / 2**20),
        "baseline_mb": round(baseline["peak_bytes"] / 2**20),
    }


def _run(layout: DatasetLayout, task: str, size: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "queries.bench.tasks", task, str(layout.root), str(size)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise WorkError(f"bench mapping: {task} failed: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _exponents(runs: list[dict[str, Any]]) -> list[float]:
    """Of rows, from each size to the next, which has `GROWTH` times as many."""
    steps = zip(pairwise(GROWTH), pairwise(run["cpu_seconds"] for run in runs), strict=True)
    return [
        round(math.log(later / earlier) / math.log(more / fewer), 2)
        for (fewer, more), (earlier, later) in steps
    ]
