"""Panoramax: the federated catalogue and its instances, by search or by sequences.

Search is capped and has no next page, so it goes by map cells. Sequences (`collections`) and their
items are paged, and name what was deleted. Both routes find the same photographs.
API of geovisio 2.15; a STAC API with additions of its own.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from crawler.budgets import Limit
from crawler.frontier import NewTask, payload_text
from crawler.sources.area import Box
from crawler.sources.photo import NoLicenceError, Photo, parse_moment, read_each, read_json
from crawler.sources.source import (
    API,
    IMAGES,
    CellSource,
    Expansion,
    Found,
    Get,
    Payload,
    Query,
    Terms,
)
from crawler.sources.split import Cell, Splitting
from crawler.sources.stac import (
    features_of,
    link,
    next_page,
    point_of,
    producer_of,
)
from shards.capture import Capture
from shards.errors import UsageError

CATALOGUE = "https://api.panoramax.xyz/api"
MAX_PAGE = 10_000
ROUTES = SEARCH, COLLECTIONS = ("search", "collections")
ASSETS = ("hd", "sd", "thumb")
"""As the camera made it, 2048 and 500 pixels wide."""
READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanoramaxSource(CellSource):
    name: ClassVar[str] = "panoramax"
    terms: ClassVar[Terms] = Terms(url="https://panoramax.fr/cgu", reviewed_on="2026-11-22")
    base_url: str = CATALOGUE
    """Of the API: `https://…/api`."""
    route: str = SEARCH
    asset: str = "sd"
    page: int = 1_000
    """Records in one answer, at most `MAX_PAGE`: the cap of a search."""
    splitting: Splitting = field(default_factory=Splitting)
    limits: Mapping[str, tuple[Limit, ...]] = field(
        default_factory=lambda: {API: (Limit(5, 1),), IMAGES: (Limit(20, 1),)}
    )

    def __post_init__(self) -> None:
        for setting, value, known in (
            ("route", self.route, ROUTES),
            ("asset", self.asset, ASSETS),
        ):
            if value not in known:
                raise UsageError(f"--{setting} {value}: use {', '.join(known)}")
        if not 1 <= self.page <= MAX_PAGE:
            raise UsageError(f"--page {self.page}: use 1 to {MAX_PAGE:,}")

    def seeds(self, query: Query) -> Iterable[NewTask]:
        if self.route == SEARCH:
            return CellSource.seeds(self, query)
        parameters = {"limit": str(min(self.page, 1_000)), "show_deleted": "true"}
        if query.changed_since is not None:
            parameters["filter"] = f"updated >= '{query.changed_since.isoformat()}'"
        return [_list_task(f"{self.base_url}/collections?{urlencode(parameters)}")]

    async def expand(self, payload: Payload, query: Query, get: Get) -> Expansion:
        if "list" in payload:
            return await self._collections(payload["list"], query, get)
        if "collection" in payload:
            return await self._items(payload["collection"], payload.get("page", ""), get)
        if "check" in payload:
            return await self._check(payload["check"], payload["ids"], get)
        return await CellSource.expand(self, payload, query, get)

    async def search(self, cell: Cell, get: Get) -> Found:
        parameters = {"limit": str(self.page), **_within(cell)}
        answer = await get(f"{self.base_url}/search", params=parameters)
        features = features_of(read_json(answer.body))
        photos, bad = read_each(features, self._read)
        return Found(photos=photos, bad=bad, whole=len(features) < self.page)

    async def again(self, photo: Photo, get: Get) -> Photo | None:
        photos, _ = read_each([read_json((await get(photo.again)).body)], self._read)
        return photos[0] if photos else None

    def checks(self, captured: Mapping[str, Iterable[str]]) -> Iterable[NewTask]:
        for collection, ids in captured.items():
            yield NewTask(
                f"check_{collection}", payload_text({"check": collection, "ids": sorted(ids)})
            )

    def has_listed(self, capture: Capture) -> bool:
        """Another instance knows nothing of it, and would seem to have deleted everything."""
        return bool(json.loads(capture.extra).get("api") == self.base_url)

    async def _collections(self, page: str, query: Query, get: Get) -> Expansion:
        """One page of all sequences: those that may be wanted, what is deleted, the next page.

        The server can search them by a box, but its answer lacks sequences whose pictures stand
        far apart, and its next page forgets the box. What each one says of its extent is right.
        """
        answer = await get(page)
        document = read_json(answer.body)
        children, deleted = [], []
        for one in document["collections"]:
            if one.get("geovisio:status", READY) == "deleted":
                deleted.append(str(one["id"]))
            elif _may_hold(one, query):
                children.append(_items_task(str(one["id"])))
        if following := next_page(document, answer.url):
            children.append(_list_task(following))
        return Expansion(children=children, deleted_groups=deleted)

    async def _items(self, collection: str, page: str, get: Get) -> Expansion:
        url = page or f"{self.base_url}/collections/{collection}/items?limit={self.page}"
        answer = await get(url, expect=(404,))
        if answer.status == 404:
            return Expansion(deleted_groups=() if page else (collection,))
        document = read_json(answer.body)
        photos, bad = read_each(features_of(document), self._read)
        following = next_page(document, answer.url)
        children = [_items_task(collection, following)] if following else []
        return Expansion(photos=photos, bad=bad, children=children)

    async def _check(self, collection: str, ids: list[str], get: Get) -> Expansion:
        """Which of the captured photographs of a sequence are not there any more."""
        gone = set(ids)
        url = f"{self.base_url}/collections/{collection}/items?limit={self.page}"
        while url and gone:
            answer = await get(url, expect=(404,))
            if answer.status == 404:
                break
            document = read_json(answer.body)
            gone -= {str(item.get("id")) for item in features_of(document) if _is_ready(item)}
            url = next_page(document, answer.url)
        return Expansion(deleted=sorted(gone))

    def _read(self, item: Any) -> Photo | None:
        if not _is_ready(item):
            return None
        properties = item["properties"]
        lat, lon = point_of(item)
        licence = properties.get("license")
        if not licence:
            raise NoLicenceError("the item names no licence")
        orientation = properties.get("pers:interior_orientation") or {}
        width, height = orientation.get("sensor_array_dimensions") or (None, None)
        site = link(item, "via") or self.base_url.removesuffix("/api")
        author = str(properties.get("geovisio:producer") or producer_of(item))
        credit = ", ".join(filter(None, [author, licence]))
        return Photo(
            id=item["id"],
            lat=lat,
            lon=lon,
            image_url=item["assets"][self.asset]["href"],
            source_page=f"{_origin(site)}/#focus=pic&pic={item['id']}",
            license=licence,
            license_url=link(item, "license"),
            author=author,
            attribution=f"{credit}, via Panoramax ({urlsplit(site).hostname})",
            captured_at=properties.get("datetimetz") or properties.get("datetime") or "",
            group_id=item.get("collection") or "",
            heading=properties.get("view:azimuth"),
            is_panorama=_is_panorama(properties),
            width=width,
            height=height,
            again=link(item, "self"),
            extra={
                "api": self.base_url,
                **{
                    name: properties[field]
                    for name, field in EXTRA.items()
                    if properties.get(field) is not None
                },
            },
        )


EXTRA = {
    "accuracy_m": "quality:horizontal_accuracy",
    "pitch": "pers:pitch",
    "rank": "geovisio:rank_in_collection",
    "roll": "pers:roll",
    "utc": "datetime",
}


def _within(cell: Cell) -> dict[str, str]:
    parameters = {"bbox": cell.box.text}
    if interval := cell.interval():
        parameters["datetime"] = interval
    return parameters


def _list_task(page: str) -> NewTask:
    return NewTask(f"list_{page}", payload_text({"list": page}))


def _may_hold(collection: Any, query: Query) -> bool:
    """Whether a sequence may hold wanted photographs, by its extent; true when it has none."""
    extent = collection.get("extent") or {}
    boxes = (extent.get("spatial") or {}).get("bbox") or []
    known = [Box.around(*map(float, box)) for box in boxes if _is_full(box)]
    if known and not any(query.area.touches(box) for box in known):
        return False
    for begin, end in (extent.get("temporal") or {}).get("interval") or []:
        first, last = parse_moment(begin or ""), parse_moment(end or "")
        if query.until and first and first >= query.until:
            return False
        if query.since and last and last < query.since:
            return False
    return True


def _is_full(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and None not in box


def _items_task(collection: str, page: str = "") -> NewTask:
    return NewTask(
        f"items_{collection}_{page}", payload_text({"collection": collection, "page": page})
    )


def _is_ready(item: Any) -> bool:
    """Whether the photograph is public; its owner sees others too."""
    return bool(item["properties"].get("geovisio:status", READY) == READY)


def _is_panorama(properties: Mapping[str, Any]) -> bool:
    orientation = properties.get("pers:interior_orientation") or {}
    return orientation.get("field_of_view") == 360 or "tiles:tile_matrix_sets" in properties


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
