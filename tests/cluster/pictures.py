"""Drawn pictures with coordinates: served slowly for a crawl, or as a dataset's raw segments."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from crawler.spool import open_spool
from shards.capture import Capture
from tests.cluster.hosts import GATEWAY

TOWNS = ((52.5, 13.4), (48.9, 2.4), (35.7, 139.7), (-23.5, -46.6), (55.7, 13.2), (40.4, -3.7))


def picture(number: int, width: int, height: int) -> bytes:
    """A JPEG of noise, coarse and fine, another one for each number."""
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = random.integers(0, 40, (height, width, 3), dtype=np.uint8)
    image = cv2.add(smooth, noise)
    return cv2.imencode(".jpg", image)[1].tobytes()


def position(number: int) -> tuple[float, float]:
    """Degrees: near a town, no two at the same place."""
    lat, lon = TOWNS[number % len(TOWNS)]
    return lat + number * 1e-3, lon


@contextmanager
def served_slowly(pictures: list[bytes], seconds: float) -> Iterator[str]:
    """The address below which `<number>.jpg` is answered, each after so many seconds."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.strip("/").removesuffix(".jpg")
            found = name.isdecimal() and int(name) < len(pictures)
            body = pictures[int(name)] if found else b""
            if found:
                time.sleep(seconds)
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that was killed leaves without a word."""

    with Server((GATEWAY, 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{GATEWAY}:{server.server_address[1]}"
        finally:
            server.shutdown()


def write_list(path: Path, address: str, count: int) -> None:
    """A list for `crawl urls`."""
    lines = ["url,lat,lon,license,attribution"]
    for number in range(count):
        lat, lon = position(number)
        lines.append(f"{address}/{number}.jpg,{lat},{lon},CC0-1.0,drawn")
    path.write_text("\n".join(lines) + "\n")


def digests(pictures: list[bytes]) -> list[str]:
    return sorted(hashlib.sha256(one).hexdigest() for one in pictures)


def write_raw(dataset: Path, pictures: list[bytes], *, per_segment: int) -> int:
    """`raw/drawn` with sealed segments; returns how many."""
    with open_spool(dataset / "raw" / "drawn", "drawn-0") as spool:
        for number, image in enumerate(pictures):
            lat, lon = position(number)
            capture = Capture(
                key=f"drawn-{number:05d}", source="drawn", source_id=str(number),
                lat=str(lat), lon=str(lon), license="CC0-1.0", attribution="drawn",
            )  # fmt: skip
            spool.add(capture, image, "jpg")
            if number % per_segment == per_segment - 1:
                spool.seal()
        spool.seal()
        return len(spool.ledger.segments())
