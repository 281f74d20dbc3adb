"""The real server on loopback, in a thread of the test."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.training.shardmaker import PLACES, encode, picture
from training.deploy.serve.app import make_app
from training.deploy.serve.core import Core
from training.deploy.serve.metrics import Metrics
from training.deploy.serve.server import listen, make_server
from training.deploy.serve.settings import Settings

JPEG = {"Content-Type": "image/jpeg"}


@dataclass
class Served:
    url: str
    metrics: Metrics
    server: Any
    thread: threading.Thread

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def value(self, sample: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(sample, labels) or 0.0

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()


@contextmanager
def serving(core: Core, **settings: Any) -> Iterator[Served]:
    chosen = Settings(**{"token": None, **settings})
    metrics, ready = Metrics(), threading.Event()
    listening = listen("127.0.0.1", 0)
    server = make_server(make_app(core, chosen, metrics), chosen, ready.set)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    assert ready.wait(20)
    served = Served(f"http://127.0.0.1:{listening.getsockname()[1]}", metrics, server, thread)
    try:
        yield served
    finally:
        served.stop()
        listening.close()


def photo(number: int = 0, width: int = 64, height: int = 36) -> bytes:
    """A JPEG of one of the countries in turn."""
    return encode(picture(PLACES[number % len(PLACES)], 900 + number, width, height))


def several(*images: bytes) -> dict[str, list[str]]:
    return {"images": [base64.b64encode(image).decode() for image in images]}


def reason(answer: httpx2.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert "\n" not in error["message"]
    return answer.status_code, error["reason"]
