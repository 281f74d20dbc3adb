"""Questions to the catalogue over many rows, apart for memory: `python -m scale.catalogue DIR`."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from shards.errors import WorkError
from shards.layout import DatasetLayout

QUESTIONS = ("country_counts", "region_counts", "rejections", "licences", "over_time")
"""Saved ones, each over all rows."""


def ask(root: Path) -> dict[str, Any]:
    """Seconds of each question, rows, and the most memory that this process has had."""
    from queries.bench.tasks import peak_bytes
    from queries.question.query import run_query, saved_query
    from queries.views.sources import open_source

    source = open_source(str(root))
    [rows] = run_query(source, "SELECT count(*) AS n FROM captures").read_all().to_pylist()
    seconds = {}
    for name in QUESTIONS:
        begin = time.perf_counter()
        run_query(source, saved_query(name)).read_all()
        seconds[name] = round(time.perf_counter() - begin, 2)
    return {
        "rows": rows["n"],
        "files": len(source.files.parts),
        "seconds": seconds,
        "peak_memory_mb": round(peak_bytes() / 1e6),
    }


def measure_catalogue(layout: DatasetLayout) -> dict[str, Any]:
    """`ask`, in a process of its own."""
    command = [sys.executable, "-m", "scale.catalogue", str(layout.root)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1]
    )
    if done.returncode:
        raise WorkError(f"bench scale: the catalogue failed: {done.stderr.splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(ask(Path(sys.argv[1]))))
