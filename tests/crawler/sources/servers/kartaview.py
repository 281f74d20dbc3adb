"""KartaView's API 2.0 on loopback: circles, pages of at most 150, and errors with HTTP 200.

Every value of a record is text, a photograph that was not matched to a road stands matched at
(0, 0), and an unknown time is `0000-00-00 00:00:00`.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.crawler.sources.servers.service import (
    Box,
    Service,
    jpeg,
    metres,
    moments,
    scatter,
    serving,
)

TOKEN = "kv-0123456789abcdef"
MAX_ITEMS = 150
NO_TIME = "0000-00-00 00:00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    id: int
    lat: float
    lng: float
    shot_date: str
    sequence: int
    index: int
    user: int = 77
    sphere: bool = False
    matched: tuple[float, float] = (0, 0)


def photos(seed: int, box: Box, count: int, *, stack: int = 0) -> list[Photo]:
    times = moments(seed, count + stack)
    return [
        Photo(
            id=1_200_000_000 + seed * 100_000 + number,
            lat=place.lat,
            lng=place.lon,
            shot_date=NO_TIME if number % 11 == 3 else f"{times[number]:%Y-%m-%d %H:%M:%S}.000",
            sequence=3_879_000 + number % 5,
            index=number,
            user=77 + number % 3,
            sphere=number % 8 == 0,
            matched=(place.lat, place.lon) if number % 2 else (0, 0),
        )
        for number, place in enumerate(scatter(seed, box, count, stack=stack))
    ]


@dataclass(kw_only=True)
class KartaView(Service):
    photos: Sequence[Photo] = ()
    token: str = ""
    """What `X-Auth-Token` must be when it is sent."""
    max_items: int = MAX_ITEMS
    slow_above: int | None = None
    """A circle with more photographs than this takes too long."""
    gone: frozenset[int] = frozenset()
    """Ids that are not there any more when they are asked for."""
    by_id: dict[str, Photo] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_id = {str(photo.id): photo for photo in self.photos}


def serve(service: KartaView) -> AbstractAsyncContextManager[KartaView]:
    handlers = _Handlers(service)
    return serving(
        service,
        [
            web.get("/2.0/photo/", handlers.search),
            web.get("/storage/{_}/proc/{file}", handlers.picture),
        ],
    )


def answer(code: int, message: str, result: dict[str, Any] | None = None) -> web.Response:
    """The envelope of every answer. HTTP says 200 whatever the code says."""
    status = {"apiCode": code, "apiMessage": message, "httpCode": 200, "httpMessage": "Success"}
    return web.json_response({"status": status, "result": result or {}})


def timed_out(_request: web.Request) -> web.Response:
    return answer(408, "The request timeout")


def broken(_request: web.Request) -> web.Response:
    return answer(690, "An unexpected error occurred")


class _Handlers:
    def __init__(self, service: KartaView) -> None:
        self.service = service

    async def search(self, request: web.Request) -> web.StreamResponse:
        sent = request.headers.get("X-Auth-Token")
        if sent is not None and sent != self.service.token:
            return answer(401, "The access token is invalid")
        if "id" in request.query:
            return self._of_ids(request.query["id"].split(","))
        try:
            lat, lng = float(request.query["lat"]), float(request.query["lng"])
            radius = int(request.query["radius"])
            items = int(request.query.get("itemsPerPage", "40"))
            page = int(request.query.get("page", "1"))
        except (KeyError, ValueError):
            return answer(400, "An argument is missing or of the wrong type")
        if not (1 <= items <= MAX_ITEMS and page >= 1 and radius >= 1):
            return answer(400, "An argument is out of range")
        found = [p for p in self.service.photos if metres(lat, lng, p.lat, p.lng) <= radius]
        if self.service.slow_above is not None and len(found) > self.service.slow_above:
            return timed_out(request)
        down = request.query.get("orderDirection", "ASC").upper() == "DESC"
        found.sort(key=lambda photo: photo.id, reverse=down)
        items = min(items, self.service.max_items)
        shown = found[(page - 1) * items : page * items]
        if not shown:
            return answer(601, "The request has an empty response")
        joined = "sequence" in request.query.get("join", "").split(",")
        result = {
            "data": [self._record(photo, joined) for photo in shown],
            "hasMoreData": len(found) > page * items,
        }
        return answer(600, "The request has been processed without incidents", result)

    def _of_ids(self, ids: Sequence[str]) -> web.Response:
        there = [self.service.by_id[each] for each in ids if each in self.service.by_id]
        there = [photo for photo in there if photo.id not in self.service.gone]
        if not there:
            return answer(601, "The request has an empty response")
        records = [self._record(photo, joined=False) for photo in there[:MAX_ITEMS]]
        return answer(600, "OK", {"data": records, "hasMoreData": len(there) > MAX_ITEMS})

    async def picture(self, request: web.Request) -> web.StreamResponse:
        photo = self.service.by_id.get(request.match_info["file"].removesuffix(".jpg"))
        if photo is None:
            return web.Response(status=404)
        return web.Response(body=jpeg(str(photo.id)), content_type="image/jpeg")

    def _record(self, photo: Photo, joined: bool) -> dict[str, Any]:
        folder = f"{self.service.url}/storage/2023"
        record: dict[str, Any] = {
            "id": str(photo.id),
            "lat": f"{photo.lat:.7f}",
            "lng": f"{photo.lng:.7f}",
            "matchLat": f"{photo.matched[0]:.7f}",
            "matchLng": f"{photo.matched[1]:.7f}",
            "shotDate": photo.shot_date,
            "dateAdded": "2023-01-02 10:11:12",
            "heading": "74.00",
            "fieldOfView": "360" if photo.sphere else None,
            "gpsAccuracy": "9.3000",
            "cameraParameters": None,
            "projection": "SPHERE" if photo.sphere else "PLANE",
            "qualityLevel": "2",
            "sequenceIndex": str(photo.index),
            "width": "3840",
            "height": "2160",
            "visibility": "public",
            "fileurlProc": f"{folder}/proc/{photo.id}.jpg",
            "fileurlLTh": f"{folder}/lth/{photo.id}.jpg",
            "fileurlTh": f"{folder}/th/{photo.id}.jpg",
        }
        if joined:
            record["sequence"] = {"id": str(photo.sequence), "userId": str(photo.user)}
        return record
