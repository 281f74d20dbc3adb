"""Flickr, through `flickr.photos.search`: 4,000 results of a query, in pages; errors with HTTP 200.

https://www.flickr.com/services/api/flickr.photos.search.html. A query is split by box, then by the
date of upload. Only photographs under a licence that allows storing them are asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from crawler.budgets import Limit
from crawler.frontier import NewTask
from crawler.reasons import FailReason
from crawler.sources.licence import spdx
from crawler.sources.photo import NoLicenceError, Photo, Zone, read_each, read_json
from crawler.sources.recheck import CheckedSource
from crawler.sources.source import API, IMAGES, Credentials, Found, Get, Query, Terms
from crawler.sources.split import Cell, Splitting, root_cells, tasks_in
from crawler.web.errors import FetchError

CAP, PAGE_ITEMS = 4000, 250
FIRST_UPLOAD = int(datetime(2004, 1, 1, tzinfo=UTC).timestamp())
"""A search without a date shows the last 12 hours alone."""
SIZES = ("l", "c", "z", "m")
"""Pictures of at most 1,024, 800, 640, 500 pixels: the first that there is."""
EXTRAS = "geo,license,owner_name,date_taken,date_upload,path_alias," + ",".join(
    f"url_{size}" for size in SIZES
)
ALLOWED = ("CC-BY-", "CC0-", "CC-PDM-")
"""Of these, those without -ND: pictures are made smaller, which is no verbatim copy."""
ALLOWED_PAGES = ("flickr.com/commons/usage", "usa.gov/copyright", "usa.gov/government-copyright")
"""No known copyright restrictions, and works of the United States' government."""
GONE = "photo_unavailable"
KEY_REFUSED = (98, 99, 100)
NO_PHOTO = 1
UNAVAILABLE = (0, 105, 106)
EXACT_TIME = "0"
"""The granularity of a date that is exact to the second."""


class Licence(NamedTuple):
    id: str
    name: str
    url: str

    @property
    def allows_storing(self) -> bool:
        identifier = spdx(self.url)
        free = identifier.startswith(ALLOWED) and "-ND" not in identifier
        return free or any(page in self.url for page in ALLOWED_PAGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flickr(CheckedSource):
    name: ClassVar[str] = "flickr"
    terms: ClassVar[Terms] = Terms(
        url="https://www.flickr.com/help/terms/api",
        reviewed_on="2026-11-22",
        needs_acceptance=True,
    )
    key_variable: ClassVar[str] = "LOSTFOUND_FLICKR_KEY"
    batch: ClassVar[int] = 20
    base_url: str = "https://api.flickr.com"
    cap: int = CAP
    page_items: int = PAGE_ITEMS
    limits: Mapping[str, tuple[Limit, ...]] = field(
        default_factory=lambda: {API: (Limit(3_600, 3_600),), IMAGES: (Limit(600, 60),)}
    )
    splitting: Splitting = field(default_factory=lambda: Splitting(smallest_ms=1_000))
    licences: dict[str, Licence] = field(default_factory=dict, repr=False, compare=False)
    """Those that allow storing, by Flickr's id: asked once in each process."""

    def credentials(self, key: str) -> Credentials:
        return Credentials(params={"api_key": key})

    def seeds(self, query: Query) -> Iterable[NewTask]:
        """Cells of all times: here a cell's window is of uploads, not of when it was taken."""
        return tasks_in(root_cells(query.area, None, None), query.area)

    def is_stand_in(self, url: str) -> bool:
        """Pictures that were deleted lead there, with HTTP 200 at the end."""
        return GONE in url

    async def search(self, cell: Cell, get: Get) -> Found:
        if not self.licences:
            self.licences.update(await self._ask_licences(get))
        first = FIRST_UPLOAD if cell.start is None else cell.start // 1000
        params: dict[str, str | int] = {
            "bbox": cell.box.text,
            "license": ",".join(self.licences),
            "min_upload_date": first,
            "has_geo": 1,
            "accuracy": 16,
            "media": "photos",
            "content_types": 0,
            "safe_search": 1,
            "sort": "date-posted-asc",
            "extras": EXTRAS,
            "per_page": self.page_items,
        }
        if cell.end is not None:
            params["max_upload_date"] = cell.end // 1000
        records: dict[str, Any] = {}
        page = pages = 1
        while page <= pages:
            body = await self._call("flickr.photos.search", {**params, "page": page}, get)
            if int(body["photos"]["total"]) > self.cap:
                return Found(whole=False)
            records |= {record["id"]: record for record in body["photos"]["photo"]}
            pages = int(body["photos"]["pages"])
            page += 1
        photos, bad = read_each(records.values(), self.read)
        return Found(photos=photos, bad=bad, whole=True)

    async def gone(self, ids: Sequence[str], get: Get) -> list[str]:
        found = []
        for one in ids:
            try:
                await self._call("flickr.photos.getInfo", {"photo_id": one}, get)
            except FetchError as error:
                if error.reason is not FailReason.NOT_FOUND:
                    raise
                found.append(one)
        return found

    async def _ask_licences(self, get: Get) -> dict[str, Licence]:
        body = await self._call("flickr.photos.licenses.getInfo", {}, get)
        listed = [
            Licence(str(each["id"]), each["name"], each["url"])
            for each in body["licenses"]["license"]
        ]
        return {licence.id: licence for licence in listed if licence.allows_storing}

    async def _call(self, method: str, params: Mapping[str, str | int], get: Get) -> Any:
        asked = {**params, "method": method, "format": "json", "nojsoncallback": 1}
        answer = await get(f"{self.base_url}/services/rest/", params=asked)
        body = read_json(answer.body)
        if body["stat"] != "ok":
            raise refusal(int(body["code"]))
        return body

    def read(self, record: Mapping[str, Any]) -> Photo:
        licence = self.licences.get(str(record["license"]))
        if licence is None:
            raise NoLicenceError(f"licence {record['license']} does not allow storing")
        size = next((size for size in SIZES if record.get(f"url_{size}")), SIZES[0])
        author = record.get("ownername") or record["owner"]
        granularity = str(record.get("datetakengranularity", ""))
        exact = granularity == EXACT_TIME and str(record.get("datetakenunknown")) != "1"
        extra = {
            "accuracy": record.get("accuracy"),
            "date_upload": record.get("dateupload"),
            "source_kind": "photograph",
            "title": record.get("title"),
        }
        if not exact:
            extra |= {"date_taken": record.get("datetaken"), "date_granularity": granularity}
        return Photo(
            id=record["id"],
            lat=record["latitude"],
            lon=record["longitude"],
            image_url=record[f"url_{size}"],
            source_page=f"https://www.flickr.com/photos/{record['owner']}/{record['id']}/",
            license=spdx(licence.url) or licence.name,
            license_url=licence.url,
            attribution=f"{author}, {licence.name}, via Flickr",
            author=author,
            captured_at=record["datetaken"] if exact else "",
            zone=Zone.LOCAL,
            width=record.get(f"width_{size}"),
            height=record.get(f"height_{size}"),
            extra=extra,
        )


def refusal(code: int) -> FetchError:
    """An error of Flickr's, as a failure of the closed list."""
    if code in KEY_REFUSED:
        text = f"Flickr's error {code}: the key was refused; check {Flickr.key_variable}"
        return FetchError(FailReason.SIGN_IN, text)
    if code == NO_PHOTO:
        return FetchError(FailReason.NOT_FOUND, "Flickr has no such photograph")
    reason = FailReason.SERVER_ERROR if code in UNAVAILABLE else FailReason.BAD_ANSWER
    return FetchError(reason, f"Flickr's error {code}")
