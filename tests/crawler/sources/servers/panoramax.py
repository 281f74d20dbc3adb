"""A Panoramax instance on loopback, as geovisio 2.15 speaks: capped search, paged sequences.

Search has a cap and no next page, and its boxes and times include their ends. Pages of items and
of sequences are linked. Deleted sequences are named where that is asked for. The URLs of pictures
expire, as those of instances behind an object store do.
"""

import math
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.crawler.sources.servers.service import Box, Service, jpeg, moments, scatter, serving

MAX_LIMIT = 10_000
MAX_COLLECTIONS = 1_000
LICENSE, LICENSE_URL = "CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    id: str
    sequence: str
    rank: int
    lat: float
    lon: float
    taken: datetime
    is_panorama: bool = False
    author: str = "ada"


def pictures(
    seed: int, box: Box, count: int, *, stack: int = 0, per_sequence: int = 25
) -> list[Picture]:
    times = moments(seed, count + stack)
    return [
        Picture(
            id=f"00000000-0000-4000-8000-{seed:04d}{number:08d}",
            sequence=f"5e000000-0000-4000-8000-{seed:04d}{number // per_sequence:08d}",
            rank=number % per_sequence + 1,
            lat=place.lat,
            lon=place.lon,
            taken=times[number],
            is_panorama=number % 3 == 0,
        )
        for number, place in enumerate(scatter(seed, box, count, stack=stack))
    ]


@dataclass(kw_only=True)
class Panoramax(Service):
    pictures: Sequence[Picture] = ()
    limit: int = MAX_LIMIT
    """The most that one search shows; above it, 400."""
    deleted_sequences: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    """Single pictures that are not there any more."""
    lifetime: int = 0
    """Pictures given out after which the URLs so far expire; 0 for never."""
    bad_items: int = 0
    """So many of the first items come without what they need."""
    issued: int = 0
    asked: int = 0
    sequences: dict[str, list[Picture]] = field(default_factory=dict)
    by_id: dict[str, Picture] = field(default_factory=dict)
    updated: dict[str, datetime] = field(default_factory=dict)
    """When each sequence changed last."""

    def __post_init__(self) -> None:
        self.add(self.pictures)

    def add(self, more: Sequence[Picture]) -> None:
        for one in more:
            self.updated[one.sequence] = datetime.now(UTC)
            self.sequences.setdefault(one.sequence, []).append(one)
            self.by_id[one.id] = one

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    def is_there(self, one: Picture) -> bool:
        return one.id not in self.deleted and one.sequence not in self.deleted_sequences

    @property
    def there(self) -> set[str]:
        return {one.id for one in self.by_id.values() if self.is_there(one)}


def serve(service: Panoramax) -> AbstractAsyncContextManager[Panoramax]:
    handlers = _Handlers(service)
    return serving(
        service,
        [
            web.get("/api/search", handlers.search),
            web.get("/api/collections", handlers.collections),
            web.get("/api/collections/{sequence}/items", handlers.items),
            web.get("/api/collections/{sequence}/items/{id}", handlers.item),
            web.get("/api/pictures/{id}/sd.jpg", handlers.picture),
        ],
    )


class _Handlers:
    def __init__(self, service: Panoramax) -> None:
        self.service = service

    async def search(self, request: web.Request) -> web.Response:
        limit = _limit(request, 10, self.service.limit)
        found = [one for one in self.service.by_id.values() if self.service.is_there(one)]
        if "bbox" in request.query:
            west, south, east, north = map(float, request.query["bbox"].split(","))
            found = [one for one in found if west <= one.lon <= east and south <= one.lat <= north]
            centre = ((west + east) / 2, (south + north) / 2)
            found.sort(key=lambda one: (math.dist(centre, (one.lon, one.lat)), one.id))
        if "datetime" in request.query:
            start, end = map(_moment, request.query["datetime"].split("/"))
            found = [one for one in found if (not start or one.taken >= start)]
            found = [one for one in found if (not end or one.taken <= end)]
        return self._page(found[:limit], "")

    async def collections(self, request: web.Request) -> web.Response:
        limit = _limit(request, 100, MAX_COLLECTIONS)
        shows_deleted = request.query.get("show_deleted") == "true"
        names = [
            name
            for name in sorted(self.service.sequences)
            if shows_deleted or name not in self.service.deleted_sequences
        ]
        if found := re.fullmatch(r"updated >= '(.+)'", request.query.get("filter", "")):
            since = datetime.fromisoformat(found[1])
            names = [name for name in names if self.service.updated[name] >= since]
        after = request.query.get("page", "")
        names = [name for name in names if name > after]
        shown = names[:limit]
        links = []
        if len(names) > limit:
            query = request.query_string.split("&page=")[0]
            links = [_link("next", f"{self.service.api}/collections?{query}&page={shown[-1]}")]
        found = [self._collection(name) for name in shown]
        return web.json_response({"collections": found, "links": links})

    def _collection(self, name: str) -> dict[str, Any]:
        if name in self.service.deleted_sequences:
            return {"id": name, "geovisio:status": "deleted"}
        members = self.service.sequences[name]
        lons, lats = [one.lon for one in members], [one.lat for one in members]
        times = sorted(one.taken for one in members)
        return {
            "type": "Collection",
            "id": name,
            "license": LICENSE,
            "extent": {
                "spatial": {"bbox": [[min(lons), min(lats), max(lons), max(lats)]]},
                "temporal": {"interval": [[times[0].isoformat(), times[-1].isoformat()]]},
            },
            "links": [],
        }

    async def items(self, request: web.Request) -> web.Response:
        limit = _limit(request, MAX_LIMIT, MAX_LIMIT)
        name = request.match_info["sequence"]
        members = self.service.sequences.get(name, [])
        if not members or name in self.service.deleted_sequences:
            raise web.HTTPNotFound(text='{"message": "Collection doesn\'t exist"}')
        after = int(request.query.get("startAfterRank", 0))
        found = [one for one in members if one.rank > after and self.service.is_there(one)]
        if after and after >= members[-1].rank:
            raise web.HTTPNotFound(text='{"message": "No more items in this collection"}')
        shown = found[:limit]
        following = ""
        if shown and shown[-1].rank < members[-1].rank:
            base = f"{self.service.api}/collections/{name}/items"
            following = f"{base}?limit={limit}&startAfterRank={shown[-1].rank}"
        return self._page(shown, following)

    async def item(self, request: web.Request) -> web.Response:
        one = self.service.by_id.get(request.match_info["id"])
        if one is None or not self.service.is_there(one):
            raise web.HTTPNotFound(text='{"message": "Item doesn\'t exist"}')
        return web.json_response(self._item(one))

    async def picture(self, request: web.Request) -> web.Response:
        service = self.service
        one = service.by_id.get(request.match_info["id"])
        if one is None or not service.is_there(one):
            raise web.HTTPNotFound
        if int(request.query["issued"]) < service.issued:
            raise web.HTTPForbidden(text="<Error><Code>AccessDenied</Code></Error>")
        service.asked += 1
        if service.lifetime and service.asked % service.lifetime == 0:
            service.issued += 1
        return web.Response(body=jpeg(one.id), content_type="image/jpeg")

    def _page(self, found: Sequence[Picture], following: str) -> web.Response:
        features = [self._item(one) for one in found]
        links = [_link("root", f"{self.service.api}/")]
        links += [_link("next", following)] if following else []
        page = {"type": "FeatureCollection", "features": features, "links": links}
        return web.json_response(page, content_type="application/geo+json")

    def _item(self, one: Picture) -> dict[str, Any]:
        service = self.service
        address = f"{service.api}/collections/{one.sequence}/items/{one.id}"
        picture = f"{service.api}/pictures/{one.id}/sd.jpg?issued={service.issued}"
        view = 360 if one.is_panorama else 70
        item = {
            "type": "Feature",
            "id": one.id,
            "collection": one.sequence,
            "geometry": {"type": "Point", "coordinates": [one.lon, one.lat]},
            "providers": [{"name": one.author, "roles": ["producer"]}],
            "properties": {
                "datetime": one.taken.isoformat(),
                "datetimetz": one.taken.isoformat(),
                "license": LICENSE,
                "view:azimuth": 10 * one.rank % 360,
                "pers:interior_orientation": {
                    "field_of_view": view,
                    "sensor_array_dimensions": [64, 48],
                },
                "geovisio:status": "ready",
                "geovisio:producer": one.author,
                "geovisio:rank_in_collection": one.rank,
            },
            "links": [
                _link("self", address),
                _link("license", LICENSE_URL),
                _link("via", "https://panoramax.example.org"),
            ],
            "assets": {"sd": {"href": picture, "type": "image/jpeg", "roles": ["visual"]}},
        }
        if int(one.id[-8:]) < service.bad_items:
            item["geometry"] = None
        return item


def _link(relation: str, address: str) -> dict[str, str]:
    return {"rel": relation, "href": address, "type": "application/json"}


def _limit(request: web.Request, default: int, most: int) -> int:
    limit = int(request.query.get("limit", default))
    if not 1 <= limit <= most:
        raise web.HTTPBadRequest(text=f'{{"message": "limit must be between 1 and {most}"}}')
    return limit


def _moment(text: str) -> datetime | None:
    return None if text in ("", "..") else datetime.fromisoformat(text)
