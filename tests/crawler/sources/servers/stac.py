"""A STAC API with item search on loopback: pages by a token, next links for GET or for POST."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.crawler.sources.servers.panoramax import Picture
from tests.crawler.sources.servers.service import Service, jpeg, serving

MAX_LIMIT = 10_000
CLASSES = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
]
ALTERNATE = "https://stac.example.org/view/"


@dataclass(kw_only=True)
class Stac(Service):
    pictures: list[Picture]
    page: int = 10
    """The most on one page, whatever is asked for."""
    next_by_post: bool = False
    """Next links want POST with a body to merge, as some servers write them."""
    classes: tuple[str, ...] = tuple(CLASSES)
    licence_in_items: bool = False
    licence: str = "CC-BY-4.0"
    """Of the collections; empty for `proprietary` without a link."""
    files: str = ""
    """Where the pictures are, when that is another server."""

    @property
    def api(self) -> str:
        return f"{self.url}/stac/"


def serve_stac(service: Stac) -> AbstractAsyncContextManager[Stac]:
    handlers = _Handlers(service)
    return serving(
        service,
        [
            web.get("/stac/", handlers.landing),
            web.get("/stac/search", handlers.search),
            web.get("/stac/collections/{collection}", handlers.collection),
            web.get("/stac/collections/{collection}/items/{id}", handlers.item),
            web.get("/files/{id}.jpg", handlers.picture),
        ],
    )


class _Handlers:
    def __init__(self, service: Stac) -> None:
        self.service = service

    async def landing(self, request: web.Request) -> web.Response:
        links = [{"rel": "search", "href": "search", "type": "application/geo+json"}]
        return web.json_response(
            {"type": "Catalog", "conformsTo": self.service.classes, "links": links}
        )

    async def search(self, request: web.Request) -> web.Response:
        limit = int(request.query.get("limit", 10))
        if not 1 <= limit <= MAX_LIMIT:
            raise web.HTTPBadRequest
        west, south, east, north = map(float, request.query["bbox"].split(","))
        names = request.query.get("collections")
        found = [
            one
            for one in self.service.pictures
            if west <= one.lon <= east and south <= one.lat <= north
            if not names or one.sequence in names.split(",")
        ]
        start, size = int(request.query.get("token", 0)), min(limit, self.service.page)
        links: list[dict[str, Any]] = []
        if start + size < len(found):
            links.append(self._next(request, str(start + size)))
        features = [self._item(one) for one in found[start : start + size]]
        return web.json_response(
            {"type": "FeatureCollection", "features": features, "links": links}
        )

    def _next(self, request: web.Request, token: str) -> dict[str, Any]:
        if self.service.next_by_post:
            return {
                "rel": "next",
                "href": f"{self.service.api}search",
                "method": "POST",
                "body": {"token": token},
                "merge": True,
            }
        return {"rel": "next", "href": str(request.url.update_query(token=token))}

    async def collection(self, request: web.Request) -> web.Response:
        licence = self.service.licence
        links = [{"rel": "license", "href": f"https://example.org/{licence}"}] if licence else []
        name = request.match_info["collection"]
        return web.json_response({"id": name, "license": licence or "proprietary", "links": links})

    async def item(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        return web.json_response(
            next(self._item(one) for one in self.service.pictures if one.id == wanted)
        )

    async def picture(self, request: web.Request) -> web.Response:
        return web.Response(body=jpeg(request.match_info["id"]), content_type="image/jpeg")

    def _item(self, one: Picture) -> dict[str, Any]:
        collection = f"{self.service.api}collections/{one.sequence}"
        properties: dict[str, Any] = {"datetime": one.taken.isoformat()}
        if self.service.licence_in_items:
            properties["license"] = "CC0-1.0"
        properties["providers"] = [{"name": one.author, "roles": ["producer", "licensor"]}]
        return {
            "type": "Feature",
            "id": one.id,
            "collection": one.sequence,
            "geometry": {"type": "Point", "coordinates": [one.lon, one.lat, 12.5]},
            "properties": properties,
            "links": [
                {"rel": "self", "href": f"{collection}/items/{one.id}"},
                {"rel": "collection", "href": collection},
                {"rel": "alternate", "href": f"{ALTERNATE}{one.id}", "type": "text/html"},
            ],
            "assets": {
                "metadata": {"href": "../meta.json", "type": "application/json"},
                "small": {
                    "href": f"{self.service.url}/files/{one.id}.jpg?small",
                    "type": "image/jpeg",
                    "roles": ["thumbnail"],
                },
                "photo": {
                    "href": f"{self.service.files}/files/{one.id}.jpg",
                    "type": "image/jpeg",
                    "roles": ["data"],
                },
            },
        }
