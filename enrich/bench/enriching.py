"""How fast enriching is, as a ratio to a bare OpenCV loop over the same photographs on all cores.

The loop does what no pipeline can avoid: read, decode (with libjpeg's scaled decode), average the
centre to 320x180, compute the two filter scores, write as JPEG. It keeps no rows, checks nothing,
and gets its photographs as single files in small portions, so that all cores end together.

`ours` is the speed of everything that is done for each photograph, that is of writing the parts.
What the whole-dataset steps take after it (`catalogue_seconds`) has nothing to be compared with.
"""

import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from enrich.bench.photographs import read_scenes, write_photographs
from enrich.options import EnrichOptions
from enrich.run import enrich_dataset
from shards.capture import Capture
from shards.console import say_nothing
from shards.errors import WorkError
from shards.fanout import cores_here
from shards.layout import DatasetLayout
from shards.segment import SegmentWriter

SEGMENTS_PER_CORE = 4
"""Equal ones, so that all cores end together; 250 photographs each on two cores, a fifth of a
segment as the crawl writes it."""
PORTIONS_PER_CORE = 32
SCENES = 24

# Nothing is rejected, so that both write the same photographs.
_OPTIONS = EnrichOptions(min_rgb_variance=0.0, min_laplacian_variance=0.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of photographs, and how the loop decodes it."""

    extension: str
    size: tuple[int, int]
    flags: int

    @property
    def name(self) -> str:
        return f"{self.extension} {self.size[0]}x{self.size[1]}"


KINDS = (
    Kind("jpg", (1280, 720), cv2.IMREAD_REDUCED_COLOR_4),
    Kind("jpg", (2048, 1536), cv2.IMREAD_REDUCED_COLOR_4),
    Kind("png", (1280, 720), cv2.IMREAD_COLOR),
)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all kinds share."""

    pool: Executor
    cpus: int
    images: int
    rounds: int
    scenes: Sequence[Path]


def bench_enrich(images: int = 2000, rounds: int = 3, photos: Path | None = None) -> dict[str, Any]:
    """Images per second of `enrich_dataset` and of the loop, for each of `KINDS`.

    They take turns, and are measured by the clock. The start of Ray and of the worker processes
    is not in it, on neither side (`startup_seconds`: ours).
    """
    scenes = read_scenes(photos) if photos else []
    cpus = cores_here()
    context = multiprocessing.get_context("spawn")  # a copy of a process with threads may hang
    with ProcessPoolExecutor(cpus, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        bench = _Bench(pool, cpus, images, rounds, scenes)
        startup = _start_workers(bench)
        kinds = {kind.name: _measure(bench, kind) for kind in KINDS}
    slowest = min(kinds.values(), key=lambda result: float(result["ratio"]))
    return {
        "name": "enrich",
        **{name: slowest[name] for name in ("ours", "baseline", "ratio")},
        "unit": "images/s",
        "cpus": cpus,
        "kinds": kinds,
        "images": images,
        "segments": _segment_count(bench),
        "rounds": rounds,
        "photographs": "real" if scenes else "synthetic",
        "startup_seconds": round(startup, 1),
    }


def bare_loop(files: Sequence[Path], flags: int) -> None:
    """The baseline."""
    for path in files:
        pixels = np.asarray(cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags))
        height = pixels.shape[1] * 9 // 16
        top = (pixels.shape[0] - height) // 2
        centre = pixels[top : top + height]
        small = centre
        if centre.shape[:2] != (180, 320):
            small = cv2.resize(centre, (320, 180), interpolation=cv2.INTER_AREA)
        cv2.meanStdDev(small)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
        _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 95])
        path.with_suffix(".out").write_bytes(encoded.tobytes())


def _start_workers(bench: _Bench) -> float:
    """Seconds until Ray and a worker for each core have done a first segment."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        layout, _ = _dataset(bench, KINDS[0], Path(folder), bench.cpus, bench.cpus)
        enrich_dataset(layout, _OPTIONS, workers=bench.cpus, say=say_nothing)
    return time.perf_counter() - start


def _measure(bench: _Bench, kind: Kind) -> dict[str, float]:
    """Both speeds of one kind: medians over the rounds."""
    with tempfile.TemporaryDirectory() as folder:
        layout, files = _dataset(bench, kind, Path(folder), bench.images, _segment_count(bench))
        portions = min(bench.images, PORTIONS_PER_CORE * bench.cpus)

        def ours() -> float:
            summary = enrich_dataset(layout, _OPTIONS, workers=bench.cpus, say=say_nothing)
            duplicates = (n for why, n in summary.rejected.items() if why.startswith("duplicate"))
            written = summary.kept + sum(duplicates)
            if written != bench.images:
                raise WorkError(f"bench enrich: {written} of {bench.images} photographs written")
            return bench.images / summary.images_per_second

        def baseline() -> float:
            start = time.perf_counter()
            parts = [files[first::portions] for first in range(portions)]
            list(bench.pool.map(bare_loop, parts, [kind.flags] * portions))
            return time.perf_counter() - start

        return _ratio(bench, layout, ours, baseline)


def _ratio(
    bench: _Bench,
    layout: DatasetLayout,
    ours: Callable[[], float],
    baseline: Callable[[], float],
) -> dict[str, float]:
    """Medians over the rounds of two actions that return their seconds."""
    rounds = []
    for number in range(bench.rounds):
        for directory in (layout.enriched, layout.catalog):
            shutil.rmtree(directory, ignore_errors=True)
        # Who goes first takes turns too.
        first = baseline() if number % 2 else None
        start = time.perf_counter()
        mine = ours()
        catalogue = time.perf_counter() - start - mine
        rounds.append((mine, first or baseline(), catalogue))
    # The ratio within a round is less disturbed by what else the machine does.
    return {
        "ours": round(bench.images / statistics.median(mine for mine, _, _ in rounds), 1),
        "baseline": round(bench.images / statistics.median(bare for _, bare, _ in rounds), 1),
        "ratio": round(statistics.median(bare / mine for mine, bare, _ in rounds), 3),
        "catalogue_seconds": round(statistics.median(rest for _, _, rest in rounds), 2),
    }


def _segment_count(bench: _Bench) -> int:
    return min(bench.images, SEGMENTS_PER_CORE * bench.cpus)


def _dataset(
    bench: _Bench, kind: Kind, folder: Path, images: int, segments: int
) -> tuple[DatasetLayout, list[Path]]:
    """The same photographs as files and as segments."""
    (folder / "files").mkdir()
    files = [folder / "files" / f"{number}.{kind.extension}" for number in range(images)]
    scenes = min(images, len(bench.scenes) or SCENES)
    parts = [files[first::scenes] for first in range(scenes)]
    sizes, sources = [kind.size] * scenes, [bench.scenes] * scenes
    list(bench.pool.map(write_photographs, parts, range(scenes), sizes, sources))
    layout = DatasetLayout(folder / "dataset")
    for segment in range(segments):
        with SegmentWriter(layout.raw_source("bench"), f"bench-{segment:06d}") as writer:
            for number in range(segment, images, segments):
                key = f"bench-{number}"
                # Different places on land, so that none is a duplicate by position.
                place = {"lat": f"{45 + number % 300 * 0.01:.2f}", "lon": f"{1 + number // 300}.5"}
                record = Capture(key=key, source="bench", source_id=key, **place)
                writer.append(record, files[number].read_bytes(), kind.extension)
            writer.seal()
    return layout, files
