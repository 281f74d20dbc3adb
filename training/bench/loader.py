"""The loader's images per second, as a ratio to bare decoding of the same JPEGs.

Bare decoding is one thread with all files in memory that calls libjpeg-turbo for one after the
other, into one buffer. The loader reads its samples from a tar in the order of an epoch and gives
batches in fresh memory. Every round measures all of them in turn, and a ratio is between figures of
the same round; medians count. So a machine that is busy with other things changes it little.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from shards.errors import UsageError
from shards.read import read_range
from shards.tar import END_OF_ARCHIVE, write_member
from training.data.cache import FOLDER_VARIABLE
from training.data.labels import read_labels
from training.data.loader import Loader, View
from training.data.plan import Order, training_batches
from training.data.remote import local_shards
from training.data.samples import Samples, read_samples
from training.data_config import AugmentConfig, DataConfig

SIZE = (320, 180)
BATCH = 64
MODES = ("stream", "memmap", "resident")
WORKERS = (1, 2)


def bench_loader(images: int = 2000, rounds: int = 5, shards: str | None = None) -> dict[str, Any]:
    """Images per second of one worker that streams, and `rows` for all other ways.

    A row's `ratio` is to as many bare decoders as it has workers. `shards`: the first training
    images of these, else synthetic photographs of 320x180; those of the first one's size.
    """
    with bench_folder() as folder:
        samples = _first(shards, images) if shards else synthetic_samples(folder, images)
        jpegs = list(_jpegs(samples))
        rows, columns = simplejpeg.decode_jpeg_header(jpegs[0])[:2]
        ways = list(product(MODES, WORKERS, (False, True)))
        bare: list[float] = []
        rates: dict[tuple[str, int, bool], list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            bare.append(len(jpegs) / _seconds(lambda: _decode(jpegs, rows, columns)))
            for way in ways:
                rates[way].append(_rate(samples, (columns, rows), *way))
    ratios = {
        way: statistics.median(
            rate / (one * way[1]) for rate, one in zip(rates[way], bare, strict=True)
        )
        for way in ways
    }
    first = ways[0]
    return {
        "name": "loader",
        "ours": round(statistics.median(rates[first])),
        "baseline": round(statistics.median(bare)),
        "ratio": round(ratios[first], 2),
        "unit": "images/s",
        "cpus": os.cpu_count(),
        "ratio_two_workers": round(ratios["stream", 2, False], 2),
        "images": len(samples),
        "pixels": f"{columns}x{rows}",
        "mean_bytes": round(statistics.mean(map(len, jpegs))),
        "rows": {
            f"{mode}, {workers} worker{'s' * (workers > 1)}{', augmented' * augmented}": {
                "images_s": round(statistics.median(rates[mode, workers, augmented])),
                "ratio": round(ratios[mode, workers, augmented], 2),
            }
            for mode, workers, augmented in ways
        },
    }


def _rate(
    samples: Samples, size: tuple[int, int], mode: str, workers: int, augmented: bool
) -> float:
    """Images per second over one epoch; making the files of canvases is not counted."""
    order = Order(samples.hashes, samples.country, samples.tar)
    data = DataConfig.model_validate({"mode": mode})
    view = View(size, AugmentConfig() if augmented else None)
    with Loader(samples, size, threads=workers, data=data) as loader:
        plan = list(training_batches(order, batch_size=BATCH, epoch=0, world_size=1, rank=0))

        def epoch() -> None:
            for batch in loader.batches(plan, view):
                batch.to(batch.images.device)

        return len(plan) * BATCH / _seconds(epoch)


def _decode(jpegs: list[bytes], rows: int, columns: int) -> None:
    pixels = np.empty((rows, columns, 3), np.uint8)
    for jpeg in jpegs:
        simplejpeg.decode_jpeg(jpeg, "RGB", buffer=pixels)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _first(shards: str, images: int) -> Samples:
    """The first training images that are JPEGs of the first one's size."""
    from training.evaluation.embed import take

    directory = local_shards(shards)
    samples = read_samples(directory, "train", read_labels(directory))
    sizes = [
        simplejpeg.decode_jpeg_header(jpeg)[:2] if jpeg.startswith(b"\xff\xd8") else None
        for jpeg in _jpegs(take(samples, np.arange(min(len(samples), images))))
    ]
    rows = np.array([row for row, size in enumerate(sizes) if size and size == sizes[0]])
    if len(rows) < BATCH:
        raise UsageError(f"{shards}: fewer than {BATCH} training images are JPEGs of one size")
    return take(samples, rows)


def _jpegs(samples: Samples) -> Iterator[bytes]:
    for tar, offset, size in zip(samples.tar, samples.offset, samples.size, strict=True):
        yield read_range(samples.tars[tar], int(offset), int(size))


def synthetic_samples(folder: Path, images: int) -> Samples:
    """Photographs that compress about as well as street scenes, in one tar."""
    from enrich.bench.photographs import photograph

    path, offsets, sizes = folder / "train-000000.tar", [], []
    with open(path, "wb") as file:
        for number in range(max(images, BATCH)):
            jpeg = photograph(number, *SIZE)
            offsets.append(write_member(file, f"bench-{number}.jpg", jpeg))
            sizes.append(len(jpeg))
        file.write(END_OF_ARCHIVE)
    zeros = np.zeros(len(sizes), np.int64)
    nowhere = np.full(len(sizes), np.nan)
    return Samples(
        keys=[f"bench-{number}" for number in range(len(sizes))],
        tars=[path],
        tar=zeros,
        offset=np.array(offsets),
        size=np.array(sizes),
        lat=nowhere,
        lon=nowhere,
        country=zeros,
        region=zeros,
        frame=SIZE,
        shards=folder,
        data_sha256="bench",
    )


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder for the photographs, and for the cache while it is there."""
    before = os.environ.get(FOLDER_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="lostfound-bench-", dir=Path.cwd()) as folder:
        os.environ[FOLDER_VARIABLE] = f"{folder}/cache"
        try:
            yield Path(folder)
        finally:
            del os.environ[FOLDER_VARIABLE]
            if before is not None:
                os.environ[FOLDER_VARIABLE] = before
