"""Flickr's REST API on loopback: 4,000 results a query, pages of 250, errors with HTTP 200.

A search of a place without a limiting date shows the last 12 hours alone. A page beyond what a
query shows repeats the first one, so that nobody notices the end. The address of a picture that was
deleted leads to a notice, which is a picture too.
"""

import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.crawler.sources.servers.service import Box, Service, jpeg, moments, scatter, serving

KEY = "0123456789abcdef0123456789abcdef"
CAP = 4000
PER_PAGE = 250
CC = "https://creativecommons.org/"
LICENSES = (
    ("0", "All Rights Reserved", ""),
    ("1", "Attribution-NonCommercial-ShareAlike License", f"{CC}licenses/by-nc-sa/2.0/"),
    ("4", "Attribution License", f"{CC}licenses/by/2.0/"),
    ("6", "Attribution-NoDerivs License", f"{CC}licenses/by-nd/2.0/"),
    ("7", "No known copyright restrictions", "https://www.flickr.com/commons/usage/"),
    ("8", "United States Government Work", "http://www.usa.gov/copyright.shtml"),
    ("9", "Public Domain Dedication (CC0)", f"{CC}publicdomain/zero/1.0/"),
    ("10", "Public Domain Mark", f"{CC}publicdomain/mark/1.0/"),
    ("12", "CC BY-SA 4.0", f"{CC}licenses/by-sa/4.0/"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    id: str
    lat: float
    lon: float
    uploaded: int
    """Seconds since 1970."""
    taken: str
    license: str
    granularity: int = 0
    taken_unknown: bool = False
    owner: str = "12345678@N00"
    ownername: str = "Ada L."
    alias: str | None = None


def photos(seed: int, box: Box, count: int, *, stack: int = 0) -> list[Photo]:
    times = moments(seed, count + stack)
    ids = [license_id for license_id, *_ in LICENSES]
    return [
        Photo(
            id=str(52_000_000_000 + seed * 100_000 + number),
            lat=place.lat,
            lon=place.lon,
            uploaded=int(times[number].timestamp()) + 86_400,
            taken=f"{times[number]:%Y-%m-%d %H:%M:%S}",
            license=ids[number % len(ids)],
            granularity=4 if number % 13 == 5 else 0,
            taken_unknown=number % 17 == 7,
            alias="ada" if number % 2 else None,
        )
        for number, place in enumerate(scatter(seed, box, count, stack=stack))
    ]


@dataclass(kw_only=True)
class Flickr(Service):
    photos: Sequence[Photo] = ()
    key: str = KEY
    cap: int = CAP
    per_page: int = PER_PAGE
    gone: frozenset[str] = frozenset()
    """Ids that a search still shows, of pictures that were deleted."""
    by_id: dict[str, Photo] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_id = {photo.id: photo for photo in self.photos}


def serve(service: Flickr) -> AbstractAsyncContextManager[Flickr]:
    handlers = _Handlers(service)
    return serving(
        service,
        [
            web.route("*", "/services/rest/", handlers.call),
            web.get("/65535/{file}", handlers.picture),
            web.get("/pw/images/en-us/photo_unavailable.png", handlers.notice),
        ],
    )


def failed(code: int, message: str) -> web.Response:
    return web.json_response({"stat": "fail", "code": code, "message": message})


def unavailable(_request: web.Request) -> web.Response:
    return failed(105, "Service currently unavailable")


class _Handlers:
    def __init__(self, service: Flickr) -> None:
        self.service = service

    async def call(self, request: web.Request) -> web.StreamResponse:
        query: dict[str, str] = dict(request.query)
        if request.method == "POST":
            query |= {name: str(value) for name, value in (await request.post()).items()}
        if query.get("api_key") != self.service.key:
            return failed(100, "Invalid API Key (Key has invalid format)")
        if query.get("format") != "json" or query.get("nojsoncallback") != "1":
            return web.Response(text="jsonFlickrApi({})", content_type="application/javascript")
        method = query.get("method", "")
        if method == "flickr.photos.licenses.getInfo":
            fields = ("id", "name", "url")
            listed = [dict(zip(fields, each, strict=True)) for each in LICENSES]
            return web.json_response({"licenses": {"license": listed}, "stat": "ok"})
        if method == "flickr.photos.getInfo":
            wanted = query.get("photo_id", "")
            if wanted not in self.service.by_id or wanted in self.service.gone:
                return failed(1, "Photo not found")
            return web.json_response({"photo": {"id": wanted}, "stat": "ok"})
        if method == "flickr.photos.search":
            return self._search(query)
        return failed(112, f'Method "{method}" not found')

    def _search(self, query: dict[str, str]) -> web.Response:
        try:
            west, south, east, north = (float(part) for part in query["bbox"].split(","))
            per_page = min(int(query.get("per_page", "100")), self.service.per_page)
            page = max(int(query.get("page", "1")), 1)
            first, last = (_moment(query.get(f"{end}_upload_date")) for end in ("min", "max"))
        except (KeyError, ValueError):
            return failed(4, "Not a valid bounding box")
        if first is None and last is None:
            first = time.time() - 12 * 3600
        wanted = set(query["license"].split(",")) if "license" in query else None
        found = [
            photo
            for photo in self.service.photos
            if west <= photo.lon <= east
            and south <= photo.lat <= north
            and (first is None or photo.uploaded >= first)
            and (last is None or photo.uploaded <= last)
            and (wanted is None or photo.license in wanted)
        ]
        up = query.get("sort") == "date-posted-asc"
        found.sort(key=lambda photo: (photo.uploaded, photo.id), reverse=not up)
        start = (page - 1) * per_page
        shown = found[: self.service.cap][start : start + per_page] or found[:per_page]
        extras = set(query.get("extras", "").split(","))
        return web.json_response(
            {
                "photos": {
                    "page": page,
                    "pages": -(-len(found) // per_page),
                    "perpage": per_page,
                    "total": str(len(found)) if page % 2 else len(found),
                    "photo": [self._record(photo, extras) for photo in shown],
                },
                "stat": "ok",
            }
        )

    async def picture(self, request: web.Request) -> web.StreamResponse:
        photo = self.service.by_id.get(request.match_info["file"].split("_")[0])
        if photo is None:
            return web.Response(status=404)
        if photo.id in self.service.gone:
            raise web.HTTPFound("/pw/images/en-us/photo_unavailable.png")
        return web.Response(body=jpeg(photo.id), content_type="image/jpeg")

    async def notice(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=jpeg("gone"), content_type="image/png")

    def _record(self, photo: Photo, extras: set[str]) -> dict[str, Any]:
        groups: dict[str, dict[str, Any]] = {
            "geo": {
                "latitude": f"{photo.lat:.7f}",
                "longitude": f"{photo.lon:.7f}",
                "accuracy": "16",
                "context": 0,
                "place_id": "",
                "woeid": "",
            },
            "license": {"license": photo.license},
            "owner_name": {"ownername": photo.ownername},
            "date_upload": {"dateupload": str(photo.uploaded)},
            "date_taken": {
                "datetaken": photo.taken,
                "datetakengranularity": photo.granularity,
                "datetakenunknown": "1" if photo.taken_unknown else "0",
            },
            "path_alias": {"pathalias": photo.alias},
            "url_l": {
                "url_l": f"{self.service.url}/65535/{photo.id}_secret_b.jpg",
                "height_l": 683,
                "width_l": 1024,
            },
            "url_m": {
                "url_m": f"{self.service.url}/65535/{photo.id}_secret.jpg",
                "height_m": "333",
                "width_m": "500",
            },
        }
        if photo.id.endswith("3"):  # as of photographs that are small
            del groups["url_l"]
        record: dict[str, Any] = {
            "id": photo.id,
            "owner": photo.owner,
            "secret": "secret",
            "server": "65535",
            "farm": 66,
            "title": f"Street {photo.id}",
            "ispublic": 1,
            "isfriend": 0,
            "isfamily": 0,
        }
        for name in extras & groups.keys():
            record |= groups[name]
        return record


def _moment(text: str | None) -> float | None:
    """A Unix timestamp, or a MySQL datetime."""
    if not text:
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
