"""Wikimedia Commons, through the MediaWiki API: files with coordinates, each under its own licence.

https://www.mediawiki.org/wiki/Extension:GeoData. `geosearch` shows at most 500 files of a box and
has no next page. Where more stand within some 60 m, `search` with `nearcoord:` pages up to 10,000.
"""

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

from crawler.budgets import Limit
from crawler.reasons import FailReason
from crawler.sources.area import Box, decimal_degrees, distance_km
from crawler.sources.licence import spdx
from crawler.sources.photo import NoLicenceError, Photo, Zone, read_each, read_json
from crawler.sources.recheck import CheckedSource
from crawler.sources.source import API, IMAGES, Found, Get, Terms
from crawler.sources.split import Cell, Splitting
from crawler.web.client import Answer
from crawler.web.errors import FetchError

SEARCH_LIMIT, WINDOW = 500, 10_000
FULL = 0.9
"""Files that were deleted stay in the search index for a while and are left out after the limit, so
an answer that is nearly full may hide more."""
WIDTH = 1280
"""Of the pictures in pixels: one of the widths that Wikimedia keeps ready."""
MAX_LAG_SECONDS = 5
PHOTOGRAPHS = frozenset({"image/jpeg", "image/png", "image/tiff", "image/webp"})
SMALLEST_AREA_M2, SMALLEST_RADIUS_M = 200.0, 10
"""A box below 100 m² is refused, and a circle below 10 m."""
METADATA = (
    "Artist|Attribution|Credit|DateTimeOriginal|LicenseShortName|LicenseUrl|Restrictions|UsageTerms"
)
BUSY = frozenset({"maxlag", "ratelimited", "readonly"})
SEARCH_TIMEOUT = "geodata-search-timeout"
WAIT_SECONDS = 5.0
DATE = re.compile(r"(\d{4})[-:](\d\d)[-:](\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?")
HIDDEN = re.compile(r"<(style|script)\b.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
TAG = re.compile(r"<[a-zA-Z/!][^>]*>")

Params = dict[str, str | int]
FIXED: Params = {
    "action": "query",
    "format": "json",
    "formatversion": 2,
    "errorformat": "plaintext",
    "maxlag": MAX_LAG_SECONDS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Commons(CheckedSource):
    name: ClassVar[str] = "commons"
    terms: ClassVar[Terms] = Terms(
        url="https://wikitech.wikimedia.org/wiki/Robot_policy", reviewed_on="2026-11-22"
    )
    batch: ClassVar[int] = 50
    base_url: str = "https://commons.wikimedia.org"
    search_limit: int = SEARCH_LIMIT
    window: int = WINDOW
    width: int = WIDTH
    limits: Mapping[str, tuple[Limit, ...]] = field(
        default_factory=lambda: {API: (Limit(1, 0),), IMAGES: (Limit(2, 0),)}
    )
    """One request of the API at a time, and two of pictures."""
    splitting: Splitting = field(
        default_factory=lambda: Splitting(largest=1_790_000, smallest=6_000, smallest_ms=0)
    )
    """A box is at most 20 km wide and high; halves of the smallest are within its limits too."""

    async def search(self, cell: Cell, get: Get) -> Found:
        params: Params = {
            "generator": "geosearch",
            "ggsnamespace": 6,
            "ggsprimary": "all",
            "ggslimit": self.search_limit,
            **region(cell.box),
        }
        splittable = bool(self.splitting.parts(cell))
        most = math.ceil(FULL * self.search_limit)
        pages, whole = await self._pages(params, get, most=most, part_is_fine=splittable)
        if not whole:
            if splittable:
                return Found(whole=False)
            pages, whole = await self._pages(self._near(cell.box), get)
        photos, bad = read_each(pages, self.read)
        return Found(photos=photos, bad=bad, whole=whole)

    def _near(self, box: Box) -> Params:
        """The search for all files around a box, oldest first, so that its pages do not shift."""
        lat, lon = box.centre
        return {
            "generator": "search",
            "gsrnamespace": 6,
            "gsrsearch": f"nearcoord:{radius_m(box)}m,{lat:.8f},{lon:.8f}",
            "gsrsort": "create_timestamp_asc",
            "gsrlimit": SEARCH_LIMIT,
        }

    async def _pages(
        self, params: Params, get: Get, *, most: int = 0, part_is_fine: bool = False
    ) -> tuple[list[Any], bool]:
        """The pages of a generator with their properties, which come in slices; whether all came.

        Ends early when `most` pages came, which may not be all. With `part_is_fine`, an answer
        that a time limit cut short is no failure.
        """
        pages: dict[int, Any] = {}
        more: Mapping[str, Any] | None = {}
        while more is not None:
            asked = {**FIXED, **self._properties, **params, **more}
            body = checked(await get(f"{self.base_url}/w/api.php", params=asked), part_is_fine)
            if body is None:
                return [], False
            for page in (body.get("query") or {}).get("pages", ()):
                _merge(pages, page)
            more = body.get("continue")
            at_end = more is not None and int(more.get("gsroffset", 0)) >= self.window
            if at_end or (most and len(pages) >= most):
                return list(pages.values()), False
        return list(pages.values()), True

    async def gone(self, ids: Sequence[str], get: Get) -> list[str]:
        params = {**FIXED, "pageids": "|".join(ids)}
        body = checked(await get(f"{self.base_url}/w/api.php", params=params), False)
        return [str(page["pageid"]) for page in body["query"]["pages"] if page.get("missing")]

    @property
    def _properties(self) -> Params:
        return {
            "prop": "coordinates|imageinfo",
            "coprop": "type|globe",
            "coprimary": "all",
            "colimit": "max",
            "iiprop": "url|size|mime|sha1|extmetadata",
            "iiurlwidth": self.width,
            "iiextmetadatafilter": METADATA,
        }

    def read(self, page: Mapping[str, Any]) -> Photo | None:
        """None for what is no photograph, or does not stand on the Earth."""
        info = page["imageinfo"][0]
        coordinate, kind = camera(page["coordinates"])
        if info["mime"] not in PHOTOGRAPHS or coordinate is None:
            return None
        about = {name: each["value"] for name, each in info.get("extmetadata", {}).items()}
        words = plain_text(about.get("LicenseShortName") or about.get("UsageTerms") or "")
        if not words:
            raise NoLicenceError("the file's page names no licence")
        licence_url = str(about.get("LicenseUrl") or "")
        place = quote(page["title"].replace(" ", "_"))
        author = plain_text(about.get("Artist") or about.get("Credit") or "")
        named = plain_text(about.get("Attribution") or "") or author or "unknown author"
        taken = plain_text(about.get("DateTimeOriginal") or "")
        date = DATE.match(taken)
        return Photo(
            id=page["pageid"],
            lat=coordinate["lat"],
            lon=coordinate["lon"],
            image_url=info.get("thumburl") or info["url"],
            source_page=f"https://commons.wikimedia.org/wiki/{place}",
            license=spdx(licence_url) or words,
            license_url=licence_url,
            attribution=f"{named}, {words}, via Wikimedia Commons",
            author=author,
            captured_at=iso_date(date) if date else "",
            zone=Zone.LOCAL,
            width=info.get("width"),
            height=info.get("height"),
            extra={
                "date": "" if date else taken,
                "position_of": kind,
                "restrictions": about.get("Restrictions"),
                "sha1": info.get("sha1"),
                "source_kind": "photograph",
                "title": page["title"],
            },
        )


def region(box: Box) -> Params:
    """The parameters that search a box; a circle around it where the box is too small."""
    west, south, east, north = (decimal_degrees(units) for units in box)
    lat, lon = box.centre
    height = 1000 * distance_km(float(south), lon, float(north), lon)
    width = 1000 * distance_km(lat, float(west), lat, float(east))
    if height * width < SMALLEST_AREA_M2:
        return {"ggscoord": f"{lat:.8f}|{lon:.8f}", "ggsradius": radius_m(box)}
    return {"ggsbbox": f"{north}|{west}|{south}|{east}"}


def radius_m(box: Box) -> int:
    """Of the circle in whole metres that holds the box and is not too small."""
    return max(math.ceil(1000 * box.radius_km) + 1, SMALLEST_RADIUS_M)


def _merge(pages: dict[int, Any], page: Mapping[str, Any]) -> None:
    """Adds to a page what this slice has of it."""
    known = pages.setdefault(page["pageid"], {**page, "id": page["pageid"], "coordinates": []})
    known["coordinates"] += page.get("coordinates", ())
    if "imageinfo" in page:
        known["imageinfo"] = page["imageinfo"]


def checked(answer: Answer, part_is_fine: bool) -> Any:
    """The body of an answer; None for one that a time limit cut short, if that is fine.

    Raises FetchError: the API tells its errors with HTTP 200.
    """
    body = read_json(answer.body)
    codes = {each["code"] for each in body.get("errors", ())}
    if codes & BUSY:
        wait = answer.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isdigit() else WAIT_SECONDS
        raise FetchError(FailReason.RATE_LIMITED, "the API is busy", retry_after=seconds)
    if codes:
        raise FetchError(FailReason.BAD_ANSWER, f"the API's error {', '.join(sorted(codes))}")
    if any(each.get("code") == SEARCH_TIMEOUT for each in body.get("warnings", ())):
        if part_is_fine:
            return None
        raise FetchError(FailReason.TIMEOUT, "the search took too long and showed a part")
    return body


def camera(coordinates: list[Any]) -> tuple[Any, str]:
    """Where the camera stood, else what the file names first; and which of the two it is."""
    here = [each for each in coordinates if each.get("globe", "earth") == "earth"]
    here.sort(key=lambda each: (not _is_camera(each), not each.get("primary")))
    if not here:
        return None, ""
    kind = "camera" if _is_camera(here[0]) else str(here[0].get("type") or "unknown")
    return here[0], kind


def _is_camera(coordinate: Mapping[str, Any]) -> bool:
    return str(coordinate.get("type") or "").startswith("camera")


def iso_date(match: "re.Match[str]") -> str:
    """The camera's date, with its time where that is known."""
    year, month, day, time = match.groups()
    return f"{year}-{month}-{day}" + (f"T{time}" if time else "")


def plain_text(markup: Any) -> str:
    """What people read of a piece of HTML, on one line."""
    return " ".join(html.unescape(TAG.sub(" ", HIDDEN.sub(" ", str(markup)))).split())
