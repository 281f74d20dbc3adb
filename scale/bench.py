"""`bench scale`: frontier, catalogue and planners at the size of a crawl that one names."""

import os
import tempfile
from pathlib import Path
from typing import Any

from scale.catalogue import measure_catalogue
from scale.frontier import GAME_SECONDS, fill, measure_load
from scale.plans import PLANNERS, measure_plan
from scale.scraper import CAPTURES
from shards.console import print_line

SMALL = 100
"""The baseline's frontier has as many tasks for each of this benchmark's as one to so many."""


def bench_scale(
    captures: int, scrapers: int, seconds: float, folder: Path | None = None
) -> dict[str, Any]:
    """Operations per second of a full frontier, as a ratio to one with a hundredth of its tasks.

    All scrapers ask it through its Ray actor at once, as fast as they get answers; after that at
    the pace of a game a minute each. The files, some 80 bytes for a capture, are in `folder` until
    the end.
    """
    from queries.bench.rows import write_dataset

    tasks = max(1, captures // CAPTURES)
    with tempfile.TemporaryDirectory(prefix="lostfound-bench-", dir=folder) as directory:
        root = Path(directory)
        filled = fill(root / "full", tasks)
        fill(root / "small", max(scrapers, tasks // SMALL))
        print_line(f"frontier: {tasks:,} tasks, {scrapers:,} scrapers")
        small = measure_load(root / "small", scrapers, seconds, 0)
        full = measure_load(root / "full", scrapers, seconds, 0)
        paced = measure_load(root / "full", scrapers, seconds, GAME_SECONDS)
        print_line(f"catalogue: {captures:,} rows")
        catalogue = measure_catalogue(write_dataset(root / "dataset", captures))
    print_line(f"plans: {captures:,} samples")
    ours, baseline = full["operations_per_second"], small["operations_per_second"]
    return {
        "name": "scale",
        "ours": ours,
        "baseline": baseline,
        "ratio": round(ours / baseline, 3),
        "unit": "frontier operations/s",
        "cpus": os.cpu_count(),
        "frontier": filled | {"full": full, "paced": paced},
        "catalogue": catalogue,
        "plans": {name: measure_plan(name, captures) for name in PLANNERS},
    }
