"""Download and enrich against img2dataset: the same addresses, the same size, two processes each.

A web server of its own process serves 1280x720 photographs on loopback. Ours are the crawl's own
workers, and the enrich stage on each segment as soon as it is sealed; img2dataset downloads,
resizes and writes WebDataset tars with the settings that were best for it. The start of Python, of
Ray and of the workers, and the cutting of the list into pieces, count for neither: our clock runs
from workers that are ready to the last part, img2dataset's (in its own statistics files) from its
first shard to its last. Both take turns, so that what else the machine does disturbs both alike.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from crawler.frontier import FILE_NAME, SqliteFrontier
from crawler.queue import Queue
from crawler.urls.lists import Origin, enlist, list_id
from crawler.urls.rows import SOURCE
from crawler.urls.worker import UrlJob
from crawler.web.client import ClientRules
from crawler.web.identity import user_agent
from shards.console import print_line
from shards.errors import UsageError, WorkError
from shards.fanout import ensure_ray
from shards.layout import DatasetLayout

PROCESSES = 2
PHOTOGRAPHS = 64
"""Different ones; each address is one of them."""
CONNECTIONS = 16
"""Of one worker, and threads of one process of img2dataset: more makes neither faster."""
TASK_ROWS = 200
POLL_SECONDS = 0.02
SEGMENT_BYTES = 32 << 20
WIDTH, HEIGHT = 320, 180
RELEASE = "1.47.0"
SETTINGS = {
    "input_format": "parquet",
    "url_col": "url",
    "save_additional_columns": '["lat","lon"]',
    "output_format": "webdataset",
    "image_size": str(WIDTH),
    "resize_mode": "keep_ratio_largest",
    "encode_quality": "95",
    "processes_count": str(PROCESSES),
    "thread_count": str(CONNECTIONS),
    "number_sample_per_shard": str(TASK_ROWS),
    "extract_exif": "False",
    "enable_wandb": "False",
}
"""Of img2dataset: it need not look for EXIF, as ours does not; both compute a SHA-256."""


def bench_urls(
    *, images: int = 4000, rounds: int = 3, img2dataset: Path | None = None
) -> dict[str, Any]:
    """Images per second of both; the median over the rounds of their ratio within a round.

    Raises UsageError when img2dataset cannot be had, WorkError when it does not do its work.
    """
    command = img2dataset or install_img2dataset(cache_folder())
    if not command.is_file():
        raise UsageError(f"--img2dataset {command}: no such file")
    with tempfile.TemporaryDirectory(prefix="lostfound-bench-") as folder:
        root = Path(folder)
        write_photographs(root / "photographs", PHOTOGRAPHS)
        with serving(root / "photographs") as port, Pool() as pool:
            table = root / "list.parquet"
            write_list(table, port, images)
            measured = []
            for number in range(rounds):
                theirs = images / run_img2dataset(command, table, root / "theirs", images)
                ours = images / pool.crawl_and_enrich(table, root / "ours", images)
                print_line(f"round {number + 1}: {ours:.0f} and {theirs:.0f} images/s")
                measured.append((ours, theirs))
    return {
        "name": "urls",
        "ours": round(statistics.median(ours for ours, _ in measured), 1),
        "baseline": round(statistics.median(theirs for _, theirs in measured), 1),
        "ratio": round(statistics.median(ours / theirs for ours, theirs in measured), 3),
        "unit": "images/s",
        "cpus": os.cpu_count(),
        "rounds": [[round(value, 1) for value in pair] for pair in measured],
        "images": images,
        "img2dataset": {"release": RELEASE, **SETTINGS},
    }


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lostfound"


def install_img2dataset(cache: Path) -> Path:
    """Its command, in a virtual environment of its own that is made once."""
    folder = cache / f"img2dataset-{RELEASE}"
    command = folder / "bin" / "img2dataset"
    if command.exists():
        return command
    print_line(f"bench urls: installing img2dataset {RELEASE} into {folder}")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    steps: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", folder],
        [*pip, f"img2dataset=={RELEASE}"],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            shutil.rmtree(folder, ignore_errors=True)
            raise UsageError(
                f"img2dataset {RELEASE} cannot be installed ({lines[-1][:200]}); install it"
                " yourself, and name its command with --img2dataset"
            )
    return command


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The static server in its own process; yields its port."""
    server = subprocess.Popen(
        [sys.executable, "-m", "crawler.urls.static", str(folder)], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


def run_img2dataset(command: Path, table: Path, out: Path, images: int) -> float:
    """Seconds from the start of its first shard to the end of its last one."""
    shutil.rmtree(out, ignore_errors=True)
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    done = subprocess.run(
        [command, f"--url_list={table}", f"--output_folder={out}", *options],
        env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    shards = [json.loads(path.read_text()) for path in sorted(out.glob("*_stats.json"))]
    if sum(shard["successes"] for shard in shards) != images:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise WorkError(f"{command}: did not fetch all {images} pictures ({lines[-1][:200]})")
    first = min(float(shard["start_time"]) for shard in shards)
    return max(float(shard["end_time"]) for shard in shards) - first


class _Hand:
    """A Ray actor: one worker of the crawl, and beside it one thread of the enrich stage."""

    def __init__(self) -> None:
        import cv2

        import enrich.pipeline  # noqa: F401 - imported before the clock runs
        from enrich.geo.regions import load_region_table

        cv2.setNumThreads(1)
        load_region_table().locate([55.7], [13.2])
        self._thread = ThreadPoolExecutor(1)

    async def ready(self) -> None:
        """Answers once the actor is made."""

    async def crawl(self, job: UrlJob) -> None:
        from crawler.spool import open_spool

        await job.worker().run()
        with open_spool(job.directory, job.writer) as spool:
            spool.seal()

    async def enrich(self, root: Path, segment: Path) -> int:
        from enrich.options import EnrichOptions
        from enrich.pipeline import enrich_segment

        work = partial(
            enrich_segment,
            DatasetLayout(root),
            segment,
            EnrichOptions(width=WIDTH, height=HEIGHT),
        )
        return (await asyncio.get_running_loop().run_in_executor(self._thread, work)).captures


class Pool:
    """The actors, which live over all rounds as the workers of a long crawl do."""

    def __enter__(self) -> "Pool":
        import ray

        ensure_ray()
        # One that dies has lost its round: the measurement ends rather than lies.
        kind: Any = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Hand)
        self._hands: list[Any] = [kind.remote() for _ in range(PROCESSES)]
        ray.get([hand.ready.remote() for hand in self._hands])
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        for hand in self._hands:
            ray.kill(hand)

    def crawl_and_enrich(self, table: Path, root: Path, images: int) -> float:
        """Seconds from a cut list to the last finished part."""
        import ray

        shutil.rmtree(root, ignore_errors=True)
        layout = DatasetLayout(root)
        jobs = _jobs(layout, table)
        start = time.perf_counter()
        crawls = [hand.crawl.remote(job) for hand, job in zip(self._hands, jobs, strict=True)]
        begun: dict[Path, Any] = {}
        while crawls:
            over, crawls = ray.wait(crawls, num_returns=len(crawls), timeout=POLL_SECONDS)
            ray.get(over)
            # A sealed segment is never touched again: enrich need not wait for the crawl's end.
            for segment in layout.sealed_segments():
                if segment not in begun:
                    hand = self._hands[len(begun) % PROCESSES]
                    begun[segment] = hand.enrich.remote(root, segment)
        done = sum(ray.get([*begun.values()]))
        seconds = time.perf_counter() - start
        if done != images:
            raise WorkError(f"bench urls: {done} of {images} pictures came")
        return seconds


def _jobs(layout: DatasetLayout, table: Path) -> Sequence[UrlJob]:
    directory = layout.raw_source(SOURCE)
    directory.mkdir(parents=True)
    origin = Origin(id=list_id(str(table)), name=table.name, path=table)
    _, tasks = enlist(directory, origin, task_rows=TASK_ROWS)
    with SqliteFrontier(directory / FILE_NAME) as frontier:
        frontier.add(tasks)
    job = UrlJob(
        directory=directory,
        queue=Queue(directory),
        user_agent=user_agent("", loopback=True),
        has_contact=False,
        rules=ClientRules(connections_per_host=CONNECTIONS, allow_private=True),
        segment_bytes=SEGMENT_BYTES,
    )
    return [job.named(f"urls-{number}") for number in range(PROCESSES)]


def write_photographs(folder: Path, count: int) -> None:
    """`0.jpg` and so on: synthetic ones that compress about as well as a street scene."""
    from enrich.bench.photographs import photograph

    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(photograph(number))


def write_list(table: Path, port: int, images: int, photographs: int = PHOTOGRAPHS) -> None:
    """Different addresses of the photographs, as Parquet, with positions on land."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    urls = [f"http://127.0.0.1:{port}/{n % photographs}.jpg/{n}" for n in range(images)]
    lats = [45 + n % 1000 * 0.01 for n in range(images)]
    pq.write_table(pa.table({"url": urls, "lat": lats, "lon": [5.5] * images}), table)
