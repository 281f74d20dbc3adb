"""Mapillary's Graph API v4 on loopback: boxes without pages, signed links that expire, its errors.

What the documentation leaves open is answered the harder way: `end_captured_at` is exclusive, a
box is refused for what stands in it whatever the time range, and a search gives its pictures in no
order.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from shards.keys import order_hash
from tests.crawler.sources.servers.service import (
    Box,
    Service,
    jpeg,
    moments,
    scatter,
    serving,
)

TOKEN = "MLY|1234567890|0123456789abcdef0123456789abcdef"
LIMIT = 2000
MAX_AREA = 0.01
MAX_IDS = 50
SIZES = ("256", "1024", "2048", "original")


@dataclass(frozen=True, slots=True)
class Image:
    id: str
    lat: float
    lon: float
    captured_at: int
    """Milliseconds since 1970."""
    sequence: str
    creator: str = "walker"
    is_pano: bool = False
    computed: tuple[float, float] | None = None
    """Position (lat, lon) that the service computed from the pictures; it answers by this one."""

    @property
    def position(self) -> tuple[float, float]:
        return self.computed or (self.lat, self.lon)


def images(seed: int, box: Box, count: int, *, stack: int = 0) -> list[Image]:
    """Images of the box; the last `stack` stand on one point, a second or more apart."""
    times = moments(seed, count + stack)
    return [
        Image(
            id=str(10**14 + seed * 10**7 + number * 7919),
            lat=place.lat,
            lon=place.lon,
            captured_at=int(times[number].timestamp() * 1000) + number % 1000,
            sequence=f"seq{number % 7}",
            creator=f"walker{number % 3}",
            is_pano=number % 5 == 0,
            computed=(round(place.lat + 1e-7, 7), place.lon) if number % 4 == 0 else None,
        )
        for number, place in enumerate(scatter(seed, box, count, stack=stack))
    ]


@dataclass(kw_only=True)
class Mapillary(Service):
    images: Sequence[Image] = ()
    token: str = TOKEN
    limit: int = LIMIT
    """The most that one search shows."""
    too_dense: int | None = None
    """A box that holds more than this is refused."""
    hidden: frozenset[str] = frozenset()
    """Ids that count for the limit and are not shown, as of pictures that were taken back."""
    links_last: int | None = None
    """How many pictures are given out until all links so far have expired."""
    links_refused: int = 0
    """How many links to each picture are found expired before one works."""
    refused: Counter[str] = field(default_factory=Counter)
    epoch: int = 0
    pictures: int = 0
    by_id: dict[str, Image] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_id = {image.id: image for image in self.images}

    def link(self, image: Image, size: str) -> str:
        """A link to the picture that is good until `epoch` changes."""
        query = f"stp=s{size}x512&oh={self.signature(image.id, size)}&oe={self.epoch:X}"
        return f"{self.url}/m1/v/t6/{image.id}_{size}.jpg?{query}"

    def signature(self, image_id: str, size: str) -> str:
        text = f"{image_id} {size} {self.epoch} {self.refused[image_id]}"
        return hmac.new(b"links", text.encode(), hashlib.sha256).hexdigest()[:32]


def serve(service: Mapillary) -> AbstractAsyncContextManager[Mapillary]:
    handlers = _Handlers(service)
    return serving(
        service,
        [
            web.get("/images", handlers.search),
            web.get("/image_ids", handlers.sequence),
            web.get("/m1/v/t6/{file}", handlers.picture),
            web.get("/{id:[0-9]*}", handlers.entities),
        ],
    )


def error(
    status: int, code: int, message: str, kind: str = "MLYApiException", subcode: int = 0
) -> web.Response:
    body = {"message": message, "type": kind, "code": code, "fbtrace_id": "AVClUCSPotDOO7M"}
    if subcode:
        body["error_subcode"] = subcode
    return web.json_response({"error": body}, status=status)


def rate_limited(_request: web.Request) -> web.Response:
    """What a plan of faults gives: the application asked too often."""
    return error(403, 4, "Application request limit reached", "OAuthException")


def unavailable(_request: web.Request) -> web.Response:
    return error(500, 2, "Service temporarily unavailable")


class _Handlers:
    def __init__(self, service: Mapillary) -> None:
        self.service = service

    async def search(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refusal(request):
            return refused
        query = request.query
        try:
            box = tuple(float(part) for part in query["bbox"].split(","))
            west, south, east, north = box
            limit = int(query.get("limit", self.service.limit))
            first, last = (_moment(query.get(f"{end}_captured_at")) for end in ("start", "end"))
        except (KeyError, ValueError):
            return error(400, 100, "Invalid parameter")
        if not (west < east and south < north) or (east - west) * (north - south) >= MAX_AREA:
            return error(400, 100, "The area of the bounding box must be smaller than 0.01")
        inside = [image for image in self.service.images if _inside(image, box)]
        if self.service.too_dense is not None and len(inside) > self.service.too_dense:
            text = "Please reduce the amount of data you're asking for, then retry your request"
            return error(500, 1, text)
        found = [
            image
            for image in inside
            if (first is None or image.captured_at >= first)
            and (last is None or image.captured_at < last)
        ]
        found.sort(key=lambda image: order_hash(len(found), image.id))
        shown = found[: min(limit, self.service.limit)]
        shown = [image for image in shown if image.id not in self.service.hidden]
        return web.json_response({"data": [self._fields(image, request) for image in shown]})

    async def entities(self, request: web.Request) -> web.StreamResponse:
        """`/{id}` and `/?ids=`, as in every Graph API."""
        if refused := self._refusal(request):
            return refused
        one = request.match_info["id"]
        wanted = [one] if one else request.query.get("ids", "").split(",")
        if len(wanted) > MAX_IDS:
            return error(400, 100, f"Too many IDs: the maximum is {MAX_IDS}")
        known = [
            self.service.by_id[each]
            for each in wanted
            if each in self.service.by_id and each not in self.service.hidden
        ]
        if len(known) < len(wanted):
            return (
                error(400, 100, "Unsupported get request", subcode=33)
                if one
                else error(400, 803, "(#803) Some of the aliases you requested do not exist")
            )
        if one:
            return web.json_response(self._fields(known[0], request))
        return web.json_response({image.id: self._fields(image, request) for image in known})

    async def sequence(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refusal(request):
            return refused
        wanted = request.query.get("sequence_id", "")
        ids = [image.id for image in self.service.images if image.sequence == wanted]
        return web.json_response({"data": [{"id": each} for each in ids]})

    async def picture(self, request: web.Request) -> web.StreamResponse:
        image_id, _, size = request.match_info["file"].removesuffix(".jpg").partition("_")
        if request.query.get("oh") != self.service.signature(image_id, size):
            return web.Response(status=403, text="URL signature expired")
        if self.service.refused[image_id] < self.service.links_refused:
            self.service.refused[image_id] += 1
            return web.Response(status=403, text="URL signature expired")
        self.service.pictures += 1
        if self.service.links_last and self.service.pictures % self.service.links_last == 0:
            self.service.epoch += 1
        return web.Response(body=jpeg(f"{image_id}"), content_type="image/jpeg")

    def _refusal(self, request: web.Request) -> web.Response | None:
        """The three answers to a missing or bad token, as they were measured in 2026."""
        header = request.headers.get("Authorization", "")
        token = request.query.get("access_token") or header.removeprefix("OAuth ").strip()
        if token == self.service.token:
            return None
        if not token:
            return error(500, 190, "Invalid OAuth 2.0 Access Token")
        return error(401, 190, "Error validating application", "OAuthException")

    def _fields(self, image: Image, request: web.Request) -> dict[str, Any]:
        """What was asked for and is there; the id comes always."""
        record: dict[str, Any] = {
            "id": image.id,
            "geometry": _point(image.lat, image.lon),
            "captured_at": image.captured_at,
            "compass_angle": 90.5,
            "is_pano": image.is_pano,
            "camera_type": "spherical" if image.is_pano else "perspective",
            "make": "Example",
            "model": "One",
            "width": 4032,
            "height": 3024,
            "altitude": 12.25,
            "sequence": image.sequence,
            "creator": {"username": image.creator, "id": "9" + image.id[-6:]},
        }
        if image.computed:
            record |= {
                "computed_geometry": _point(*image.computed),
                "computed_compass_angle": 91.25,
            }
        asked = {"id", *request.query.get("fields", "").split(",")}
        for size in SIZES:
            if (name := f"thumb_{size}_url") in asked:
                record[name] = self.service.link(image, size)
        return {name: value for name, value in record.items() if name in asked}


def _point(lat: float, lon: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def _inside(image: Image, box: tuple[float, ...]) -> bool:
    lat, lon = image.position
    west, south, east, north = box
    return west <= lon <= east and south <= lat <= north


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
