"""How fast enriching is, as a ratio to a bare OpenCV loop over the same photographs.

The loop does what no pipeline can avoid: read, decode (with libjpeg's scaled decode), average to
320x180, compute the two filter scores, encode as JPEG. It keeps no rows and checks nothing.
"""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from enrich.options import EnrichOptions
from enrich.pipeline import enrich_segment
from enrich.regions import load_region_table
from shards.capture import Capture
from shards.layout import DatasetLayout
from shards.segment import SegmentWriter

WIDTH, HEIGHT = 1280, 720


def bench_enrich(images: int = 120, rounds: int = 5) -> dict[str, Any]:
    """Images per second of both, in this process, alternately; the medians and their ratio."""
    cv2.setNumThreads(1)
    load_region_table().locate([55.7], [13.2])
    with tempfile.TemporaryDirectory() as directory:
        layout = DatasetLayout(Path(directory))
        segment, files = _photographs(layout, images)
        times = np.array([_one_round(layout, segment, files) for _ in range(rounds)])
    ours, baseline = images / np.median(times, axis=0)
    # The ratio within a round is less disturbed by what else the machine does.
    ratio = np.median(times[:, 1] / times[:, 0])
    return {
        "name": "enrich",
        "ours": round(float(ours), 1),
        "baseline": round(float(baseline), 1),
        "ratio": round(float(ratio), 3),
        "unit": "images/s",
        "cpus": 1,
    }


def _one_round(layout: DatasetLayout, segment: Path, files: list[Path]) -> tuple[float, float]:
    """Seconds of CPU for the pipeline and for the loop."""
    shutil.rmtree(layout.enriched, ignore_errors=True)
    start = time.process_time()
    enrich_segment(layout, segment, EnrichOptions())
    middle = time.process_time()
    bare_loop(files)
    return middle - start, time.process_time() - middle


def bare_loop(files: list[Path]) -> None:
    """The baseline."""
    for path in files:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_2))
        small = cv2.resize(pixels, (320, 180), interpolation=cv2.INTER_AREA)
        cv2.meanStdDev(small)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
        _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 95])
        path.with_suffix(".out").write_bytes(encoded.tobytes())


def _photographs(layout: DatasetLayout, count: int) -> tuple[Path, list[Path]]:
    """The same synthetic photographs as a segment and as files."""
    folder = layout.root / "files"
    folder.mkdir()
    files = []
    with SegmentWriter(layout.raw_source("bench"), "bench-000000") as writer:
        for number in range(count):
            data = photograph(number)
            files.append(folder / f"{number}.jpg")
            files[-1].write_bytes(data)
            key = f"bench-{number}"
            place = {"lat": f"{45 + number * 0.01:.2f}", "lon": "5.5"}
            writer.append(Capture(key=key, source="bench", source_id=key, **place), data, "jpg")
        return writer.seal(), files


def photograph(seed: int) -> bytes:
    """Noise at several scales, which compresses about as well as a street scene."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for scale in (4, 16, 64, 256):
        shape = (HEIGHT // scale + 2, WIDTH // scale + 2, 3)
        noise = random.normal(0, 12 + scale / 6, shape).astype(np.float32)
        pixels += cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    whole = np.clip(pixels + 120, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
