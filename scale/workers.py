"""`bench workers`: crawl, enrich and build with 1, 2 and 4 worker processes, beside one alone.

A web server of its own process serves photographs on loopback; what is crawled is enriched.
Shards are built of small synthetic pictures. Whole stages are timed, from the call to the summary,
on a Ray that runs.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crawler.health import Thresholds
from crawler.monitor import MonitorOptions
from crawler.urls.bench import serving, write_photographs
from crawler.urls.crawl import ListOptions, crawl_urls
from crawler.web.client import ClientRules
from enrich.duplicates.options import DuplicateOptions
from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from shards.bench_data import NAME, make_dataset
from shards.build import BuildOptions, build_shards
from shards.console import print_line, say_nothing
from shards.errors import WorkError
from shards.fanout import ensure_ray
from shards.layout import DatasetLayout

COUNTS = (1, 2, 4)
PHOTOGRAPHS = 64
TASK_ROWS = 50
SEGMENT_BYTES = 4 << 20
SHARD_BYTES = 16 << 20
SAMPLES_PER_IMAGE = 40
"""Of the build's own dataset: it is that much faster."""
_RULES = ClientRules(connections_per_host=16, allow_private=True)
# Few photographs at many addresses: a crawl that is not a benchmark would stop.
_MONITOR = MonitorOptions(health=Thresholds(max_repeated=1.0, max_one_place=1.0))
_DUPLICATES = DuplicateOptions(similar=False)
_ENRICH = EnrichOptions(min_rgb_variance=0.0, min_laplacian_variance=0.0)

Measured = dict[int, float]
"""Images per second by the number of workers."""


def bench_workers(images: int = 1000) -> dict[str, Any]:
    """Images per second of each stage with each number of workers.

    `efficiency` is what n workers do over min(n, cores) times what one does. The name's `ours`,
    `baseline` and `ratio` are those of the stage that gains least from as many workers as cores.
    """
    cpus = os.cpu_count() or 1
    ensure_ray()
    with tempfile.TemporaryDirectory(prefix="lostfound-bench-") as folder:
        root = Path(folder)
        write_photographs(root / "photographs", PHOTOGRAPHS)
        with serving(root / "photographs") as port:
            table = write_table(root / "list.csv", port, images)
            layouts = {n: DatasetLayout(root / f"dataset-{n}") for n in COUNTS}
            made, samples = DatasetLayout(root / "made"), images * SAMPLES_PER_IMAGE
            make_dataset(made, samples)
            stages = {
                "crawl": measure(images, lambda n: _crawl(layouts[n], table, n, images)),
            }
            # The start of Ray's processes and what they import is no part of the stages.
            _enrich(layouts[1], max(COUNTS), images)
            stages |= {
                "enrich": measure(images, lambda n: _enrich(layouts[1], n, images)),
                "build": measure(samples, lambda n: _build(made, n)),
            }
    return summary(stages, cpus) | {"images": images}


def summary(stages: dict[str, Measured], cpus: int) -> dict[str, Any]:
    """The object that `--json` prints."""
    full = max(n for n in COUNTS if n <= max(cpus, 1))
    slowest = min(stages, key=lambda name: efficiency(stages[name], cpus)[full])
    rates = stages[slowest]
    return {
        "name": "workers",
        "ours": round(rates[full], 1),
        "baseline": round(rates[1], 1),
        "ratio": round(rates[full] / rates[1], 3),
        "unit": f"images/s, {slowest} with {full} workers against 1",
        "cpus": cpus,
        "stages": {
            name: {
                "images_per_second": {str(n): round(rate, 1) for n, rate in rates.items()},
                "efficiency": {str(n): v for n, v in efficiency(rates, cpus).items()},
            }
            for name, rates in stages.items()
        },
    }


def efficiency(rates: Measured, cpus: int) -> dict[int, float]:
    """1 where every worker that has a core does as much as one alone."""
    return {n: round(rate / (min(n, cpus) * rates[1]), 3) for n, rate in rates.items()}


def measure(images: int, work: Callable[[int], object], counts: Sequence[int] = COUNTS) -> Measured:
    rates = {}
    for workers in counts:
        os.sync()  # what the one before has left to write is not this one's work
        begin = time.perf_counter()
        work(workers)
        rates[workers] = images / (time.perf_counter() - begin)
        print_line(f"{workers} workers: {rates[workers]:.0f} images/s")
    return rates


def write_table(path: Path, port: int, images: int) -> Path:
    """Addresses of the photographs, each at a place of its own on land."""
    urls = [f"http://127.0.0.1:{port}/{n % PHOTOGRAPHS}.jpg/{n}" for n in range(images)]
    rows = [f"{url},{45 + n % 1000 * 0.01:.2f},5.5,CC0-1.0,a" for n, url in enumerate(urls)]
    path.write_text("url,lat,lon,license,attribution\n" + "\n".join(rows) + "\n")
    return path


def _crawl(layout: DatasetLayout, table: Path, workers: int, images: int) -> None:
    options = ListOptions(address=str(table), task_rows=TASK_ROWS)
    found = crawl_urls(
        layout,
        options,
        workers=workers,
        rules=_RULES,
        segment_bytes=SEGMENT_BYTES,
        monitor=_MONITOR,
    )
    if found.captures != images:
        raise WorkError(f"bench workers: {found.captures} of {images} pictures came")


def _enrich(layout: DatasetLayout, workers: int, images: int) -> None:
    for folder in (layout.enriched, layout.catalog):
        shutil.rmtree(folder, ignore_errors=True)
    found = enrich_dataset(
        layout, _ENRICH, workers=workers, duplicates=_DUPLICATES, say=say_nothing
    )
    if found.captures != images:
        raise WorkError(f"bench workers: {found.captures} of {images} captures enriched")


def _build(layout: DatasetLayout, workers: int) -> None:
    shutil.rmtree(layout.shards(NAME), ignore_errors=True)
    build_shards(layout, NAME, BuildOptions(shard_bytes=SHARD_BYTES), workers=workers)
