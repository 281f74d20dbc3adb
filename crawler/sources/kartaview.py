"""KartaView, through its API 2.0: circles of some 50 m, paged; errors come with HTTP 200.

https://doc.kartaview.org. Boxes are no longer answered, and a circle with many photographs takes
the server too long: then it is covered by smaller ones.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

from crawler.budgets import Limit
from crawler.reasons import FailReason
from crawler.sources.area import Box, distance_km
from crawler.sources.licence import CC_BY_SA_4
from crawler.sources.photo import Photo, Zone, read_each, read_json
from crawler.sources.recheck import CheckedSource
from crawler.sources.source import API, IMAGES, Credentials, Found, Get, Terms
from crawler.sources.split import Cell, Splitting
from crawler.web.client import Answer
from crawler.web.errors import FetchError

PAGE_ITEMS = 150
RADIUS_KM, SMALLEST_RADIUS_KM = 0.05, 0.001
OK, EMPTY, BAD_TOKEN, TIMED_OUT = 600, 601, 401, 408
NO_TIME = "0000"
EXTRA = ("gpsAccuracy", "projection", "qualityLevel", "cameraParameters", "sequenceIndex")


@dataclass(frozen=True, slots=True, kw_only=True)
class KartaView(CheckedSource):
    name: ClassVar[str] = "kartaview"
    terms: ClassVar[Terms] = Terms(url="https://kartaview.org/terms", reviewed_on="2026-11-22")
    key_variable: ClassVar[str] = "LOSTFOUND_KARTAVIEW_TOKEN"
    key_required: ClassVar[bool] = False
    batch: ClassVar[int] = PAGE_ITEMS
    base_url: str = "https://api.openstreetcam.org"
    page_items: int = PAGE_ITEMS
    radius_km: float = RADIUS_KM
    limits: Mapping[str, tuple[Limit, ...]] = field(
        default_factory=lambda: {API: (Limit(120, 60),), IMAGES: (Limit(300, 60),)}
    )
    splitting: Splitting = field(
        default_factory=lambda: Splitting(largest=30_000, smallest=4_000, smallest_ms=0)
    )
    """A task is a cell of up to 330 m, some 25 circles."""

    def credentials(self, key: str) -> Credentials:
        return Credentials(headers={"X-Auth-Token": key} if key else {})

    async def search(self, cell: Cell, get: Get) -> Found:
        """All pages of all circles that cover the cell; a photograph of two of them comes once."""
        records: dict[str, Any] = {}
        whole = True
        boxes = cover(cell.box, self.radius_km)
        while boxes:
            box = boxes.pop()
            found = await self._circle(box, get)
            if found is not None:
                records |= {str(record.get("id")): record for record in found}
            elif box.radius_km > SMALLEST_RADIUS_KM:
                boxes += grid(box, 2, 2)
            else:
                whole = False
        photos, bad = read_each(records.values(), read)
        return Found(photos=photos, bad=bad, whole=whole)

    async def _circle(self, box: Box, get: Get) -> list[Any] | None:
        """The records around a box; None when the server says that it took too long."""
        lat, lon = box.centre
        params: dict[str, str | int] = {
            "lat": f"{lat:.8f}",
            "lng": f"{lon:.8f}",
            "radius": math.ceil(box.radius_km * 1000) or 1,
            "join": "sequence",
            "orderBy": "id",
            "orderDirection": "ASC",
            "itemsPerPage": self.page_items,
        }
        records: list[Any] = []
        page, more = 0, True
        while more:
            page += 1
            answer = await get(f"{self.base_url}/2.0/photo/", params={**params, "page": page})
            result = result_of(answer)
            if result is None:
                return None
            found = result.get("data") or []
            records += found
            more = bool(result.get("hasMoreData")) and bool(found)
        return records

    async def gone(self, ids: Sequence[str], get: Get) -> list[str]:
        params: dict[str, str | int] = {"id": ",".join(ids), "itemsPerPage": PAGE_ITEMS}
        result = result_of(await get(f"{self.base_url}/2.0/photo/", params=params))
        if result is None:
            raise refusal(TIMED_OUT)
        there = {str(record["id"]) for record in result.get("data") or ()}
        return [one for one in ids if one not in there]


def result_of(answer: Answer) -> Any:
    """The result, empty where there is none; None where it took too long. Raises FetchError."""
    body = read_json(answer.body)
    code = int(body["status"]["apiCode"])
    if code in (OK, EMPTY):
        return body["result"] if code == OK else {}
    if code == TIMED_OUT:
        return None
    raise refusal(code)


def refusal(code: int) -> FetchError:
    """An `apiCode` that is no success, as a failure of the closed list."""
    if code == BAD_TOKEN:
        text = f"the API's code 401: the token was refused; check {KartaView.key_variable}"
        return FetchError(FailReason.SIGN_IN, text)
    if code == TIMED_OUT:
        return FetchError(FailReason.TIMEOUT, "the API's code 408")
    reason = FailReason.CLIENT_ERROR if 400 <= code < 500 else FailReason.SERVER_ERROR
    return FetchError(reason, f"the API's code {code}")


def cover(box: Box, radius_km: float) -> list[Box]:
    """The parts of `box`, in the grid of fewest parts whose circles are all within the radius.

    A part's circle is the one around its centre through its farthest corner (`Box.radius_km`), so
    that every point of the box lies in a circle.
    """
    west, south, east, north = box.degrees
    nearest_equator = 0.0 if south <= 0 <= north else min(abs(south), abs(north))
    height = distance_km(south, west, north, west)
    width = distance_km(nearest_equator, west, nearest_equator, east)
    diagonal = 2 * radius_km * 0.99  # cuts at whole units make some parts a little larger
    fewest = math.floor(height / diagonal) + 1
    choices = [
        (rows, _columns(height / rows, width, diagonal)) for rows in range(fewest, 2 * fewest + 2)
    ]
    return grid(box, *min(choices, key=math.prod))


def _columns(row_height: float, width: float, diagonal: float) -> int:
    return max(math.ceil(width / math.sqrt(diagonal**2 - row_height**2)), 1)


def grid(box: Box, rows: int, columns: int) -> list[Box]:
    """The box cut into equal parts, which share their borders."""
    return [
        Box(w, s, e, n)
        for s, n in _cuts(box.south, box.north, rows)
        for w, e in _cuts(box.west, box.east, columns)
    ]


def _cuts(low: int, high: int, parts: int) -> list[tuple[int, int]]:
    return list(pairwise(low + (high - low) * number // parts for number in range(parts + 1)))


def read(record: Mapping[str, Any]) -> Photo:
    """One record: every value is text; a time of zeros and a match at (0, 0) mean none."""
    sequence = record.get("sequence") or {}
    sequence_id = str(sequence.get("id") or record.get("sequenceId") or "")
    user = str(sequence.get("userId") or "")
    shot = record.get("shotDate") or ""
    extra = {name: record.get(name) for name in EXTRA} | {"date_added": record.get("dateAdded")}
    matched = (record.get("matchLat"), record.get("matchLng"))
    if all(matched) and any(float(str(part)) for part in matched):
        extra |= {"matched_lat": matched[0], "matched_lon": matched[1]}
    return Photo(
        id=record["id"],
        lat=record["lat"],
        lon=record["lng"],
        image_url=record["fileurlProc"],
        source_page=(
            f"https://kartaview.org/details/{sequence_id}/{record.get('sequenceIndex')}/track-info"
        ),
        license="CC-BY-SA-4.0",
        license_url=CC_BY_SA_4,
        attribution=f"{f'User {user}' if user else 'Contributors'} of KartaView, CC BY-SA 4.0",
        author=user,
        captured_at="" if shot.startswith(NO_TIME) else shot,
        zone=Zone.ASSUMED_UTC,
        group_id=sequence_id,
        heading=record.get("heading") or None,
        is_panorama=str(record.get("fieldOfView")) == "360" or record.get("projection") == "SPHERE",
        width=record.get("width") or None,
        height=record.get("height") or None,
        extra=extra,
    )
