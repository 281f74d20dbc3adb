"""The MediaWiki API of Wikimedia Commons on loopback, with GeoData, CommonsMetadata, CirrusSearch.

`geosearch` has a cap and no next page; the properties of the pages that it found come in slices,
behind `continue`; `search` pages up to its window. `maxlag` errors come with HTTP 200, and a client
that names no contact is turned away.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import web

from tests.crawler.sources.servers.service import (
    Box,
    Fault,
    Service,
    jpeg,
    metres,
    moments,
    scatter,
    serving,
)

LIMIT = 500
SLICE = 50
"""Pictures that one answer scales down."""
WINDOW = 10_000
MAX_RADIUS = 10_000
MAX_IDS = 50
ROBOTS = "User-agent: *\nAllow: /w/load.php?\nDisallow: /w/\nDisallow: /wiki/Special:\n"
CONTACT = re.compile(r"\S+@\S+|https?://\S+")
FEATURED = "https://creativecommons.org/licenses/by-sa/4.0"


@dataclass(frozen=True, slots=True)
class Coordinate:
    lat: float
    lon: float
    primary: bool = True
    type: str = "camera"

    def shown(self, names: Sequence[str]) -> dict[str, Any]:
        found = {"type": self.type, "globe": "earth"}
        return {
            "lat": self.lat,
            "lon": self.lon,
            "primary": self.primary,
            **{name: found[name] for name in names if found.get(name)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    pageid: int
    title: str
    coordinates: tuple[Coordinate, ...]
    mime: str = "image/jpeg"
    width: int = 4000
    height: int = 3000
    taken: str = "2019-06-08 14:21:05"
    artist: str = '<a href="//commons.wikimedia.org/wiki/User:Ada" title="User:Ada">Ada L.</a>'
    license: str = "CC BY-SA 4.0"
    """Empty for a file whose page names no licence."""
    license_url: str = FEATURED
    missing: bool = False

    @property
    def name(self) -> str:
        return self.title.removeprefix("File:").replace(" ", "_")


def files(seed: int, box: Box, count: int, *, stack: int = 0) -> list[File]:
    """Photographs of the box; some have the position of what they show beside the camera's."""
    times = moments(seed, count + stack)
    found = []
    for number, place in enumerate(scatter(seed, box, count, stack=stack)):
        pageid = 50_000_000 + seed * 100_000 + number
        coordinates = [Coordinate(place.lat, place.lon)]
        if number % 6 == 0:
            away = Coordinate(round(place.lat + 0.0004, 7), place.lon, False, "object")
            coordinates.append(away)
        found.append(
            File(
                pageid=pageid,
                title=f"File:Street {pageid}.jpg",
                coordinates=tuple(coordinates),
                taken=f"{times[number]:%Y-%m-%d %H:%M:%S}",
                width=900 if number % 9 == 0 else 4000,
            )
        )
    return found


@dataclass(kw_only=True)
class Commons(Service):
    files: Sequence[File] = ()
    limit: int = LIMIT
    """The most that one geosearch shows."""
    deleted: frozenset[int] = frozenset()
    """Page ids that the search index still has: they count for the limit and are not shown."""
    slice: int = SLICE
    window: int = WINDOW
    timeouts: int = 0
    """How many of the next geosearches give half of what they found, with a warning."""
    by_name: dict[str, File] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name = {file.name: file for file in self.files}


def serve(service: Commons) -> AbstractAsyncContextManager[Commons]:
    handlers = _Handlers(service)
    return serving(
        service,
        [
            web.get("/robots.txt", handlers.robots),
            web.get("/w/api.php", handlers.api),
            web.get("/wikipedia/commons/{name}", handlers.picture),
            web.get("/wikipedia/commons/thumb/{name}/{width}px-{_}", handlers.picture),
        ],
    )


def lagged(request: web.Request) -> web.Response:
    """A plan's fault: the database is behind, and the client said that it would wait."""
    if "maxlag" not in request.query:
        return web.Response(status=500, text="a fault for clients that send maxlag")
    answer = _error(request, "maxlag", "Waiting for db1234: 7 seconds lagged.")
    answer.headers.update({"Retry-After": "5", "X-Database-Lag": "7"})
    return answer


def too_many(_request: web.Request) -> web.Response:
    return web.Response(
        status=429, text="Too many requests", headers={"Retry-After": "1"}, content_type="text/html"
    )


def _error(request: web.Request, code: str, text: str) -> web.Response:
    """In the old form, or in the one that `errorformat` asks for; both with HTTP 200."""
    body: dict[str, Any] = {"error": {"code": code, "info": text}}
    if request.query.get("errorformat", "bc") != "bc":
        body = {"errors": [{"code": code, "text": text, "module": "main"}]}
    return web.json_response(body, headers={"MediaWiki-API-Error": code})


class _Refused(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Handlers:
    def __init__(self, service: Commons) -> None:
        self.service = service

    async def robots(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=ROBOTS)

    async def api(self, request: web.Request) -> web.StreamResponse:
        if not _has_contact(request):
            return web.Response(status=403, text="Please set a user-agent with a contact")
        try:
            if request.query.get("action") != "query" or request.query.get("format") != "json":
                raise _Refused("badvalue", "Unrecognized value for parameter action or format")
            return web.json_response(self._answer(request))
        except _Refused as refused:
            return _error(request, refused.code, str(refused))
        except (KeyError, ValueError) as error:
            return _error(request, "badvalue", str(error))

    def _answer(self, request: web.Request) -> dict[str, Any]:
        query = request.query
        if "pageids" in query:
            return {"batchcomplete": True, "query": {"pages": self._by_id(query["pageids"])}}
        warnings: list[str] = []
        if query["generator"] == "geosearch":
            found, after = self._geosearch(query, warnings), None
        elif query["generator"] == "search":
            found, after = self._search(query)
        else:
            raise _Refused("badvalue", "Unrecognized value for parameter generator")
        found = [file for file in found if file.pageid not in self.service.deleted]
        body = _Properties(self.service, query).add_to(found)
        if "continue" in body:
            body["continue"] = _generator_part(query) | body["continue"]
        elif after is not None:
            body["continue"] = {"gsroffset": after, "continue": "gsroffset||"}
        if warnings:
            texts = [{"code": code, "text": code, "module": "geosearch"} for code in warnings]
            old = {"geosearch": {"warnings": "The search timed out"}}
            body["warnings"] = texts if query.get("errorformat", "bc") != "bc" else old
        return body

    def _by_id(self, pageids: str) -> list[dict[str, Any]]:
        wanted = [int(each) for each in pageids.split("|")]
        if len(wanted) > MAX_IDS:
            raise _Refused("toomanyvalues", "Too many values supplied for parameter pageids")
        there = {file.pageid: file for file in self.service.files}
        return [
            {"pageid": each, "ns": 6, "title": there[each].title}
            if each in there and each not in self.service.deleted
            else {"pageid": each, "missing": True}
            for each in wanted
        ]

    def _geosearch(self, query: Any, warnings: list[str]) -> list[File]:
        near, centre = _region(query)
        primary = query.get("ggsprimary", "primary")
        found = []
        for file in self.service.files:
            own = [c for c in file.coordinates if primary == "all" or c.primary]
            if "6" in query.get("ggsnamespace", "0").split("|") and any(map(near, own)):
                found.append((min(metres(*centre, c.lat, c.lon) for c in own), file.pageid, file))
        shown = [file for *_, file in sorted(found)]
        shown = shown[: _limited(query.get("ggslimit", "10"), self.service.limit)]
        if self.service.timeouts:
            self.service.timeouts -= 1
            warnings.append("geodata-search-timeout")
            return shown[: len(shown) // 2]
        return shown

    def _search(self, query: Any) -> tuple[list[File], int | None]:
        match = re.fullmatch(r"nearcoord:(\d+)(m|km),(-?[\d.]+),(-?[\d.]+)", query["gsrsearch"])
        if not match or query.get("gsrnamespace") != "6":
            raise _Refused("badvalue", "not a search that this service knows")
        radius = max(10, int(match[1]) * {"m": 1, "km": 1000}[match[2]])
        lat, lon = float(match[3]), float(match[4])
        found = [
            file
            for file in self.service.files
            if any(metres(lat, lon, c.lat, c.lon) <= radius for c in file.coordinates)
        ]
        if query.get("gsrsort") != "create_timestamp_asc":
            found = found[1::2] + found[::2]
        offset = int(query.get("gsroffset", "0"))
        if offset >= self.service.window:
            raise _Refused("cirrussearch-offset-too-large", "Could not retrieve results")
        limit = _limited(query.get("gsrlimit", "10"), min(self.service.limit, LIMIT))
        end = min(offset + limit, self.service.window)
        return found[offset:end], end if end < len(found) else None

    async def picture(self, request: web.Request) -> web.StreamResponse:
        file = self.service.by_name.get(request.match_info["name"])
        if file is None or not _has_contact(request):
            return web.Response(status=404 if _has_contact(request) else 403)
        return web.Response(body=jpeg(str(file.pageid)), content_type="image/jpeg")


class _Properties:
    """`prop=coordinates|imageinfo` of the pages of one batch, with their continuations."""

    def __init__(self, service: Commons, query: Any) -> None:
        self.service = service
        self.query = query
        self.names = [name for name in query.get("prop", "").split("|") if name]
        self.done = {name for name in query.get("continue", "||").split("||")[1].split("|") if name}

    def add_to(self, found: Sequence[File]) -> dict[str, Any]:
        pages = {
            file.pageid: {"pageid": file.pageid, "ns": 6, "title": file.title, "index": index}
            for index, file in enumerate(found, 1)
        }
        more: dict[str, str] = {}
        adders: dict[str, Callable[..., Iterator[str]]] = {
            "coordinates": self._coordinates,
            "imageinfo": self._imageinfo,
        }
        ordered = sorted(found, key=lambda file: file.pageid)
        finished = set(self.done)
        for name in self.names:
            if name in self.done:
                continue
            mark = next(adders[name](pages, ordered), None)
            if mark is None:
                finished.add(name)
            else:
                more["cocontinue" if name == "coordinates" else "iicontinue"] = mark
        if not more:
            body: dict[str, Any] = {"batchcomplete": True}
        else:
            body = {"continue": more | {"continue": "||" + "|".join(sorted(finished))}}
        return body | ({"query": {"pages": list(pages.values())}} if pages else {})

    def _coordinates(self, pages: dict[int, Any], ordered: Iterable[File]) -> Iterator[str]:
        """Adds up to `colimit` coordinates; yields where to go on."""
        limit = _limited(self.query.get("colimit", "10"), LIMIT)
        names = self.query.get("coprop", "globe").split("|")
        rows = [(f.pageid, n, c) for f in ordered for n, c in enumerate(f.coordinates)]
        start = tuple(int(part) for part in self.query.get("cocontinue", "0|0").split("|"))
        rows = [row for row in rows if row[:2] >= start]
        for pageid, _, coordinate in rows[:limit]:
            pages[pageid].setdefault("coordinates", []).append(coordinate.shown(names))
        if len(rows) > limit:
            yield "{}|{}".format(*rows[limit])

    def _imageinfo(self, pages: dict[int, Any], ordered: Iterable[File]) -> Iterator[str]:
        width = int(self.query.get("iiurlwidth", "0"))
        start = self.query.get("iicontinue", "").split("|")[0]
        rows = sorted((f for f in ordered if f.name >= start), key=lambda file: file.name)
        limit = self.service.slice if width else LIMIT
        for file in rows[:limit]:
            info = {"filemissing": True} if file.missing else self._info(file, width)
            pages[file.pageid] |= {"imagerepository": "local", "imageinfo": [info]}
        if len(rows) > limit:
            yield f"{rows[limit].name}|20190608142105"

    def _info(self, file: File, width: int) -> dict[str, Any]:
        base = f"{self.service.url}/wikipedia/commons"
        found: dict[str, Any] = {
            "timestamp": "2019-07-01T09:00:00Z",
            "user": "Ada",
            "size": 3_456_789,
            "width": file.width,
            "height": file.height,
            "url": f"{base}/{quote(file.name)}",
            "descriptionurl": f"{self.service.url}/wiki/File:{quote(file.name)}",
            "sha1": f"{file.pageid:040x}",
            "mime": file.mime,
            "extmetadata": self._metadata(file),
        }
        if width:
            name = quote(file.name)
            thumb = f"{base}/thumb/{name}/{width}px-{name}" if width < file.width else found["url"]
            found["thumburl"] = thumb
        asked = self.query.get("iiprop", "timestamp|user").split("|")
        with_url = {"url", "descriptionurl", "thumburl"} if "url" in asked else set()
        with_size = {"size", "width", "height"} if "size" in asked else set()
        return {k: v for k, v in found.items() if k in {*asked, *with_url, *with_size}}

    def _metadata(self, file: File) -> dict[str, Any]:
        values = {"Artist": file.artist, "DateTimeOriginal": file.taken, "Credit": "Own work"}
        if file.license:
            values |= {"LicenseShortName": file.license, "LicenseUrl": file.license_url}
        wanted = [name for name in self.query.get("iiextmetadatafilter", "").split("|") if name]
        return {
            name: {"value": value, "source": "commons-desc-page"}
            for name, value in values.items()
            if value and (not wanted or name in wanted)
        }


def _generator_part(query: Any) -> dict[str, str]:
    """An answer that goes on with properties repeats where its own batch began."""
    return {"gsroffset": query["gsroffset"]} if "gsroffset" in query else {}


def _has_contact(request: web.Request) -> bool:
    return CONTACT.search(request.headers.get("User-Agent", "")) is not None


def _limited(text: str, most: int) -> int:
    return most if text == "max" else min(int(text), most)


def _region(query: Any) -> tuple[Callable[[Coordinate], bool], tuple[float, float]]:
    """Whether a coordinate is wanted, and the point that results are sorted around."""
    if "ggscoord" in query:
        lat, lon = (float(part) for part in query["ggscoord"].split("|"))
        radius = float(query.get("ggsradius", "500"))
        if not 10 <= radius <= MAX_RADIUS:
            raise _Refused("outofrange", "ggsradius must be between 10 and 10000")
        return lambda c: metres(lat, lon, c.lat, c.lon) <= radius, (lat, lon)
    top, left, bottom, right = (float(part) for part in query["ggsbbox"].split("|"))
    if not bottom < top:
        raise _Refused("invalid-bbox", "Invalid bounding box")
    middle = ((top + bottom) / 2, (left + right) / 2)
    area = metres(top, 0, bottom, 0) * metres(middle[0], left, middle[0], right)
    if not 100 <= area <= 4 * MAX_RADIUS**2:
        raise _Refused("toobig", "Bounding box is too big or too small")
    return lambda c: bottom <= c.lat <= top and left <= c.lon <= right, middle


FAULTS: tuple[Fault, ...] = (lagged, too_many)
