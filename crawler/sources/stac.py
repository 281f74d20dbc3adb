"""STAC: how its items are read, and the adapter for any server with item search.

Items by the STAC specification 1.0.0, search by STAC API 1.0.0: `GET /search`, whose answers lead
to the next page by a link. Conditions of use differ by server: the operator must know them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode, urljoin, urlsplit

from crawler.budgets import Limit
from crawler.frontier import NewTask, payload_text
from crawler.sources.photo import NoLicenceError, Photo, Zone, read_each, read_json
from crawler.sources.source import (
    API,
    IMAGES,
    Expansion,
    Get,
    Payload,
    Query,
    Source,
    Terms,
)
from crawler.sources.split import Cell, root_cells

ITEM_SEARCH = "/item-search"
"""The end of the conformance class of item search, after its version."""
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/heic")
"""Media types that a photograph may have; `image/tiff` is a raster layer as a rule."""
PICTURE_ROLES = ("data", "visual", "overview", "thumbnail")
"""Which asset is the photograph, best first."""
UNKNOWN_LICENSES = ("", "proprietary", "various", "other")
"""Words of the specification that name no licence: then its link must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StacSource(Source):
    """A server given by its landing page, whose items are photographs with a point."""

    name: ClassVar[str] = "stac"
    terms: ClassVar[Terms] = Terms(
        url="https://api.stacspec.org/v1.0.0/", reviewed_on="2026-11-22", needs_acceptance=True
    )
    base_url: str
    collections: tuple[str, ...] = ()
    """Only items of these; empty for all."""
    asset: str = ""
    """The name of the asset that is the photograph; empty to choose by type and role."""
    page: int = 250
    limits: Mapping[str, tuple[Limit, ...]] = field(
        default_factory=lambda: {API: (Limit(60, 60),), IMAGES: (Limit(10, 1),)}
    )

    def seeds(self, query: Query) -> Iterable[NewTask]:  # noqa: ARG002 - searches follow the landing page
        return [_task({"landing": True})]

    async def expand(self, payload: Payload, query: Query, get: Get) -> Expansion:
        if payload.get("landing"):
            return Expansion(children=self._searches(await self._landing(get), query))
        answer = await get(payload["page"])
        page = read_json(answer.body)
        licences = await self._licences(page, get)
        photos, bad = read_each(
            features_of(page), lambda item: self._read(item, licences.get(item.get("collection")))
        )
        following = next_page(page, answer.url)
        children = [_task({"page": following})] if following else []
        return Expansion(photos=photos, bad=bad, children=children)

    async def again(self, photo: Photo, get: Get) -> Photo | None:
        item = read_json((await get(photo.again)).body)
        licence = {"license": photo.license, "license_url": photo.license_url}
        photos, _ = read_each([item], lambda item: self._read(item, licence))
        return photos[0] if photos else None

    async def _landing(self, get: Get) -> str:
        """The address of the item search. Raises ValueError where there is none."""
        answer = await get(self.base_url)
        page = read_json(answer.body)
        classes = page.get("conformsTo") or []
        if not any(str(one).rstrip("/").endswith(ITEM_SEARCH) for one in classes):
            raise ValueError(f"{self.base_url} does not say that it offers STAC item search")
        found = link(page, "search")
        if not found:
            raise ValueError(f"{self.base_url} has no link to its search")
        return urljoin(answer.url, found)

    def _searches(self, search: str, query: Query) -> list[NewTask]:
        cells = root_cells(query.area, query.since, query.until)
        return [_task({"page": f"{search}?{urlencode(self._parameters(cell))}"}) for cell in cells]

    def _parameters(self, cell: Cell) -> dict[str, str]:
        parameters = {"limit": str(self.page), "bbox": cell.box.text}
        if interval := cell.interval():
            parameters["datetime"] = interval
        if self.collections:
            parameters["collections"] = ",".join(self.collections)
        return parameters

    async def _licences(self, page: Any, get: Get) -> dict[str, dict[str, str]]:
        """By collection; asked for items that name none themselves, as they need not."""
        wanted = {}
        for item in features_of(page):
            found = link(item, "collection") if isinstance(item, dict) else ""
            if found and not _own_licence(item):
                wanted[str(item.get("collection"))] = urljoin(self.base_url, found)
        return {
            name: _own_licence(read_json((await get(url)).body)) for name, url in wanted.items()
        }

    def _read(self, item: Any, of_collection: Mapping[str, str] | None) -> Photo:
        properties = item["properties"]
        lat, lon = point_of(item)
        licence = _own_licence(item) or of_collection
        if not licence:
            raise NoLicenceError("neither the item nor its collection names a licence")
        author = producer_of(item)
        address = link(item, "self")
        credit = ", ".join(word for word in (author, licence["license"]) if word)
        captured_at = properties.get("datetime") or properties.get("start_datetime") or ""
        return Photo(
            id="/".join(filter(None, [item.get("collection"), item["id"]])),
            lat=lat,
            lon=lon,
            captured_at=captured_at,
            zone=Zone.KNOWN,
            image_url=urljoin(address or self.base_url, self._asset(item)["href"]),
            source_page=link(item, "alternate") or address or self.base_url,
            license=licence["license"],
            license_url=licence["license_url"],
            author=author,
            attribution=f"{credit}, via {urlsplit(self.base_url).hostname}",
            group_id=str(item.get("collection") or ""),
            heading=properties.get("view:azimuth"),
            again=address,
        )

    def _asset(self, item: Any) -> Mapping[str, Any]:
        """The asset that is the photograph. Raises ValueError where none is."""
        assets = item["assets"]
        if self.asset:
            return dict(assets[self.asset])
        pictures = [one for one in assets.values() if one.get("type") in PICTURE_TYPES]
        for role in PICTURE_ROLES:
            for asset in pictures:
                if role in (asset.get("roles") or ()):
                    return dict(asset)
        if not pictures:
            raise ValueError("no asset is a photograph; name one with --asset")
        return dict(pictures[0])


def features_of(page: Any) -> list[Any]:
    """The items of an answer. Raises ValueError for what is no feature collection."""
    features = page.get("features") if isinstance(page, dict) else None
    if not isinstance(features, list):
        raise ValueError("the answer is no GeoJSON feature collection")
    return features


def point_of(item: Any) -> tuple[Any, Any]:
    """(lat, lon) as found. Raises ValueError for another geometry than a point."""
    geometry = item["geometry"]
    if geometry["type"] != "Point":
        raise ValueError(f"the geometry is a {geometry['type']}, not a point")
    lon, lat = geometry["coordinates"][:2]
    return lat, lon


def link(record: Any, relation: str) -> str:
    """The address of the first link of that relation; empty without one."""
    for one in record.get("links") or ():
        if isinstance(one, dict) and one.get("rel") == relation:
            return str(one.get("href") or "")
    return ""


def next_page(page: Any, url: str) -> str:
    """The address of the next page; empty on the last one.

    A server that wants the next page asked with POST names the same parameters in the body, and
    must take them with GET too.
    """
    for one in page.get("links") or ():
        if isinstance(one, dict) and one.get("rel") == "next" and one.get("href"):
            address = urljoin(url, str(one["href"]))
            body = one.get("body") or {}
            if str(one.get("method", "GET")).upper() == "GET" or not body:
                return address
            sent = dict(_parameters_of(url)) if one.get("merge") else {}
            return with_parameters(address, {**sent, **_as_query(body)})
    return ""


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The address with these query parameters, in place of those with the same names."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode({**dict(_parameters_of(url)), **parameters})).geturl()


def producer_of(item: Any) -> str:
    """Who took it: the provider that is its producer; empty when nobody is named."""
    providers = item["properties"].get("providers") or item.get("providers") or ()
    for one in providers:
        if "producer" in (one.get("roles") or ()) and one.get("name"):
            return str(one["name"])
    return ""


def _own_licence(record: Any) -> dict[str, str]:
    """`license` and `license_url` of an item or a collection; empty when it names none."""
    named = str((record.get("properties") or record).get("license") or "")
    address = link(record, "license")
    if named in UNKNOWN_LICENSES and not address:
        return {}
    return {"license": named or address, "license_url": address}


def _parameters_of(url: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def _as_query(body: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in body.items()
        if not isinstance(value, dict)
    }


def _task(payload: dict[str, Any]) -> NewTask:
    text = payload_text(payload)
    kind = next(iter(payload))
    return NewTask(f"{kind}_{hashlib.sha256(text.encode()).hexdigest()[:24]}", text)
