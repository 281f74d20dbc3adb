"""What HTTP costs: images per second of the server against the same network without it.

The baseline decodes the same JPEGs on as many threads as the server and calls the network with full
batches, one after the other. The clients are another process, which takes its own part of the
machine; each sends its next photograph when it has the answer to the last.
"""

import http.client
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shards.labels import CountryLabel, Labels
from training.config import load_config
from training.deploy.serve.app import make_app
from training.deploy.serve.core import Core, Place
from training.deploy.serve.metrics import Metrics
from training.deploy.serve.server import listen, make_server
from training.deploy.serve.settings import Settings
from training.model.decode import Decoder
from training.model.description import describe, training_data
from training.model.geomodel import build_model
from training.model.heads import Heads
from training.model.modelfile import write_model

_CODES = ("BR", "DE", "FR", "JP", "KE", "PE", "SE", "ZA")
_PHOTOS = 16
_SIZE = (640, 360)


def bench_serve(
    images: int = 400, rounds: int = 3, network: str = "resnet18", clients: int = 64
) -> dict[str, Any]:
    """Every round measures both in turn; the ratio is between figures of the same round."""
    settings = Settings(token=None, max_requests=2 * clients)
    jpegs = [_photograph(number) for number in range(_PHOTOS)]
    with tempfile.TemporaryDirectory(prefix="lostfound-serve-") as folder:
        core = Core(_untrained(Path(folder), network), settings.max_pixels)
    bare, served, seconds = [], [], list[float]()
    metrics = Metrics()
    with _serving(core, settings, metrics) as port:
        for _ in range(rounds):
            bare.append(_bare(core, settings, jpegs, images))
            rate, found = _load(port, jpegs, images, clients)
            served.append(rate)
            seconds += found
    ours, baseline = statistics.median(served), statistics.median(bare)
    ratios = [one / other for one, other in zip(served, bare, strict=True)]
    totals = metrics.summary()
    return {
        "name": "serve",
        "ours": round(ours, 1),
        "baseline": round(baseline, 1),
        "ratio": round(statistics.median(ratios), 3),
        "unit": "images/s",
        "cpus": os.cpu_count(),
        "network": network,
        "clients": clients,
        "images": images,
        "mean_batch": round(totals["images"] / totals["batches"], 1),
        "p50_ms": round(1000 * float(np.percentile(seconds, 50)), 1),
        "p99_ms": round(1000 * float(np.percentile(seconds, 99)), 1),
    }


def _bare(core: Core, settings: Settings, jpegs: list[bytes], images: int) -> float:
    started = time.perf_counter()
    names = [jpegs[number % len(jpegs)] for number in range(images)]
    with ThreadPoolExecutor(settings.decoders) as decoders:
        views = decoders.map(lambda data: core.view(data, "image"), names)
        batch = []
        for number, view in enumerate(views, start=1):
            batch.append(Place([view], 5))
            if len(batch) == settings.max_batch or number == images:
                core.answers(batch)
                batch = []
    return images / (time.perf_counter() - started)


def _load(port: int, jpegs: list[bytes], images: int, clients: int) -> tuple[float, list[float]]:
    """Images per second, and the seconds of each request, as a process of clients saw them."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(_clients, (port, jpegs, images, clients))


def _clients(port: int, jpegs: list[bytes], images: int, clients: int) -> tuple[float, list[float]]:
    shares = [images // clients + (number < images % clients) for number in range(clients)]
    begin = threading.Barrier(clients + 1)

    def client(share: int) -> list[float]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        begin.wait()
        seconds = []
        for number in range(share):
            started = time.perf_counter()
            connection.request("POST", "/v1/predict", jpegs[number % len(jpegs)])
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the server answered {answer.status}")
            seconds.append(time.perf_counter() - started)
        connection.close()
        return seconds

    with ThreadPoolExecutor(clients) as threads:
        waiting = [threads.submit(client, share) for share in shares]
        begin.wait()
        started = time.perf_counter()
        found = [second for each in waiting for second in each.result()]
        return images / (time.perf_counter() - started), found


@contextmanager
def _serving(core: Core, settings: Settings, metrics: Metrics) -> Iterator[int]:
    listening, ready = listen("127.0.0.1", 0), threading.Event()
    server = make_server(make_app(core, settings, metrics), settings, ready.set)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        ready.wait()
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _untrained(folder: Path, network: str) -> Path:
    """A model file with a country head; how fast it is does not depend on what it has learnt."""
    config = load_config(
        "baseline", [f"network={network}", "weights=none", "heads=[country]", "position=country"]
    )
    labels = Labels(
        countries=[
            CountryLabel(index=i, code=code, name=code, samples=1) for i, code in enumerate(_CODES)
        ],
        regions=[],
    )
    decoder = Decoder(labels, np.zeros((len(_CODES), 2)), {}, config)
    heads = Heads(config.heads, labels, {})
    data = training_data("none", "0" * 64, 0, Counter())
    path = folder / "model.safetensors"
    state = build_model(network, heads.sizes()).state_dict()
    write_model(path, describe(config, decoder, data, {}, "bench"), state, decoder)
    return path


def _photograph(number: int) -> bytes:
    coarse = np.random.default_rng(number).integers(0, 255, (18, 32, 3), dtype=np.uint8)
    image = cv2.resize(coarse, _SIZE, interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
