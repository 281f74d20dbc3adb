"""What the loopback services share: where photographs stand, their bytes, faults, and a log."""

import asyncio
import math
import random
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeVar

from aiohttp import web

HOST = "127.0.0.1"
EARTH_RADIUS_M = 6_371_008.8
FIRST_DAY = datetime(2019, 3, 1, 8, tzinfo=UTC)

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


@dataclass(frozen=True, slots=True)
class Place:
    lat: float
    lon: float


def scatter(
    seed: int, box: Box, count: int, *, stack: int = 0, clusters: int = 3
) -> Iterator[Place]:
    """`count` places in the box: half even, half in tight clusters; then `stack` on one point.

    Coordinates have seven decimals, as the services give them, and never lie on the box's edge.
    """
    dice = random.Random(seed)
    west, south, east, north = box
    width, height = east - west, north - south
    centres = [(dice.uniform(0.1, 0.9), dice.uniform(0.1, 0.9)) for _ in range(clusters)]
    for number in range(count):
        x, y = dice.uniform(0.01, 0.99), dice.uniform(0.01, 0.99)
        if clusters and number % 2:
            centre = dice.choice(centres)
            x, y = (c + (d - 0.5) * 0.01 for c, d in zip(centre, (x, y), strict=True))
        yield Place(round(south + y * height, 7), round(west + x * width, 7))
    point = Place(round(south + 0.618 * height, 7), round(west + 0.382 * width, 7))
    for _ in range(stack):
        yield point


def moments(seed: int, count: int) -> list[datetime]:
    """`count` different times over about two years, in no order, with whole seconds."""
    dice = random.Random(seed)
    return [
        FIRST_DAY + timedelta(seconds=second)
        for second in dice.sample(range(2 * 365 * 86_400), count)
    ]


def metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Great-circle distance by the haversine formula."""
    phi, other = math.radians(lat), math.radians(other_lat)
    half = math.sin((other - phi) / 2) ** 2
    half += math.cos(phi) * math.cos(other) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


def jpeg(name: str) -> bytes:
    """A real JPEG whose bytes are its own: the name stands in a comment segment."""
    plain, comment = _plain_jpeg(), name.encode()
    return plain[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + plain[2:]


@cache
def _plain_jpeg() -> bytes:
    import cv2
    import numpy as np

    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    done, data = cv2.imencode(".jpg", pixels)
    assert done
    return data.tobytes()


def jpeg_name(data: bytes) -> str:
    """The name that `jpeg` wrote."""
    (length,) = struct.unpack(">H", data[4:6])
    return data[6 : 4 + length].decode()


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int


Fault = Callable[[web.Request], web.Response]


@dataclass(kw_only=True)
class Service:
    """A running service: where it is, what it answered, and what is to go wrong next."""

    port: int = 0
    log: list[Request] = field(default_factory=list)
    most_at_once: Counter[str] = field(default_factory=Counter)
    """By the path's first part: the most requests that were under way together."""
    faults: dict[str, deque[Fault | None]] = field(default_factory=dict)
    """By the start of the path; taken one by one by the requests that come."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def requests(self, path: str = "") -> list[Request]:
        """The requests so far whose path starts with `path`."""
        return [request for request in self.log if request.path.startswith(path)]

    def served(self, path: str) -> Counter[str]:
        """How often each file below `path` was given out."""
        return Counter(
            request.path
            for request in self.log
            if request.path.startswith(path)
            if request.status == 200
        )

    def plan(self, path: str, faults: Iterable[Fault | None]) -> None:
        """What the next requests below `path` get instead of an answer; None lets one pass."""
        self.faults.setdefault(path, deque()).extend(faults)


def every(period: int, faults: Iterable[Fault], times: int) -> list[Fault | None]:
    """A plan: one fault in each `period` requests, `times` times, in turn from `faults`."""
    kinds = list(faults)
    return [
        entry
        for number in range(times)
        for entry in [*[None] * (period - 1), kinds[number % len(kinds)]]
    ]


def plain_error(status: int, headers: Mapping[str, str] | None = None) -> Fault:
    """What a proxy in front of a service says: a page, not the service's own words."""

    def fault(_request: web.Request) -> web.Response:
        text = f"<html><body>{status}</body></html>"
        return web.Response(
            status=status, text=text, content_type="text/html", headers=dict(headers or {})
        )

    return fault


S = TypeVar("S", bound=Service)


@asynccontextmanager
async def serving(service: S, routes: Iterable[web.RouteDef]) -> AsyncIterator[S]:
    """Serves on a free port of loopback until the block ends."""

    active: Counter[str] = Counter()

    def note(request: web.Request, status: int) -> None:
        found = Request(request.path, dict(request.query), dict(request.headers), status)
        service.log.append(found)

    @web.middleware
    async def record(request: web.Request, handler) -> web.StreamResponse:  # type: ignore[no-untyped-def]
        part = request.path.split("/")[1]
        active[part] += 1
        service.most_at_once[part] = max(service.most_at_once[part], active[part])
        try:
            await asyncio.sleep(0)  # others come meanwhile
            response = _fault(service, request) or await handler(request)
        except web.HTTPException as answer:
            note(request, answer.status)
            raise
        finally:
            active[part] -= 1
        note(request, response.status)
        return response

    app = web.Application(middlewares=[record])
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        service.port = runner.addresses[0][1]
        yield service
    finally:
        await runner.cleanup()


def _fault(service: Service, request: web.Request) -> web.Response | None:
    for path, faults in service.faults.items():
        if request.path.startswith(path) and faults:
            fault = faults.popleft()
            return fault(request) if fault else None
    return None
