"""Mapillary, through its Graph API v4: boxes without pages, and links to pictures that expire.

https://www.mapillary.com/developer/api-documentation. A search shows at most 2,000 pictures of a
box of less than 0.01 square degrees; where they stand too close it is refused, whatever its limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from crawler.budgets import Limit
from crawler.reasons import FailReason
from crawler.sources.licence import CC_BY_SA_4
from crawler.sources.photo import Photo, read_each, read_json, utc_from_ms
from crawler.sources.recheck import CheckedSource
from crawler.sources.source import (
    API,
    IMAGES,
    Credentials,
    Expansion,
    Found,
    Get,
    Payload,
    Query,
    Terms,
)
from crawler.sources.split import Cell, Splitting, iso_ms, tasks_in
from crawler.web.client import Answer
from crawler.web.errors import FetchError
from crawler.web.retry import status_reason
from crawler.web.walls import wall

SIZES = ("256", "1024", "2048", "original")
"""The longer side of a picture in pixels."""
ENTITIES = "entities"
"""The budget of requests for single pictures."""
SEARCH_LIMIT = 2000
FULL = 0.9
"""The Graph API hides what may not be seen after it has counted, so an answer that is nearly full
may hide more."""
ERRORS = (400, 401, 403, 404, 500)
"""Statuses that come with the Graph API's own account of what is wrong."""
UNKNOWN_ERROR, TOKEN_REFUSED = 1, 190
TOO_MUCH_DATA = "reduce the amount of data"
"""What an unknown error says where it is none: that a box holds too much."""
REFUSED_IDS, NO_OBJECT = (100, 803), 33
"""Codes for a list of ids, and the subcode for a single one, that the API does not know."""
REASONS = {
    UNKNOWN_ERROR: FailReason.SERVER_ERROR,
    2: FailReason.SERVER_ERROR,
    4: FailReason.RATE_LIMITED,
    17: FailReason.RATE_LIMITED,
    32: FailReason.RATE_LIMITED,
    613: FailReason.RATE_LIMITED,
    102: FailReason.SIGN_IN,
    104: FailReason.SIGN_IN,
    TOKEN_REFUSED: FailReason.SIGN_IN,
}
FIELDS = (
    "id,geometry,computed_geometry,captured_at,compass_angle,computed_compass_angle,is_pano,"
    "camera_type,make,model,width,height,altitude,sequence,creator,quality_score"
)
EXTRA = ("camera_type", "make", "model", "altitude", "quality_score")
REFUSED = Splitting(smallest=20, smallest_ms=0)
"""How far a refused box is split: to 20 cm, but not in time, which does not help."""


class TooDenseError(Exception):
    """The API refuses a box for what stands in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapillary(CheckedSource):
    name: ClassVar[str] = "mapillary"
    terms: ClassVar[Terms] = Terms(
        url="https://www.mapillary.com/terms", reviewed_on="2026-11-22", needs_acceptance=True
    )
    batch: ClassVar[int] = 50
    key_variable: ClassVar[str] = "LOSTFOUND_MAPILLARY_TOKEN"
    base_url: str = "https://graph.mapillary.com"
    search_limit: int = SEARCH_LIMIT
    size: str = "2048"
    """Of the pictures: one of SIZES."""
    rate_pause: float = 60.0
    """Seconds to wait when the application asked too often: its limits are per minute."""
    limits: Mapping[str, tuple[Limit, ...]] = field(
        default_factory=lambda: {
            API: (Limit(10_000, 60),),
            ENTITIES: (Limit(60_000, 60),),
            IMAGES: (Limit(3_000, 60),),
        }
    )
    splitting: Splitting = field(
        default_factory=lambda: Splitting(largest=999_999, smallest_ms=1_000)
    )

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"--size as one of {', '.join(SIZES)}")

    def credentials(self, key: str) -> Credentials:
        return Credentials(headers={"Authorization": f"OAuth {key}"})

    async def expand(self, payload: Payload, query: Query, get: Get) -> Expansion:
        try:
            return await CheckedSource.expand(self, payload, query, get)
        except TooDenseError:
            cell = Cell.from_payload(payload)
            parts = REFUSED.parts(cell)
            capped = "" if parts else cell.box.text
            return Expansion(children=tasks_in(parts, query.area), capped=capped)

    async def search(self, cell: Cell, get: Get) -> Found:
        params: dict[str, str | int] = {
            "bbox": cell.box.text,
            "fields": self._fields,
            "limit": self.search_limit,
        }
        # Whole seconds that hold the window: whether its ends are included is not documented.
        if cell.start is not None:
            params["start_captured_at"] = iso_ms(cell.start // 1000 * 1000)
        if cell.end is not None:
            params["end_captured_at"] = iso_ms((cell.end // 1000 + 1) * 1000)
        answer = await get(f"{self.base_url}/images", params=params, expect=ERRORS)
        body = read_json_or_none(answer)
        if error_code(body) == UNKNOWN_ERROR and TOO_MUCH_DATA in str(body["error"]).lower():
            raise TooDenseError
        records = self._checked(answer, body)["data"]
        photos, bad = read_each(records, self.read)
        return Found(photos=photos, bad=bad, whole=len(records) < FULL * self.search_limit)

    async def again(self, photo: Photo, get: Get) -> Photo | None:
        url = f"{self.base_url}/{photo.id}"
        answer = await get(url, params={"fields": self._fields}, budget=ENTITIES, expect=ERRORS)
        body = read_json_or_none(answer)
        if is_missing(body):
            return None
        return self.read(self._checked(answer, body))

    async def gone(self, ids: Sequence[str], get: Get) -> list[str]:
        """One id that is not there refuses all of a request: then each half is asked for."""
        single = len(ids) == 1
        url = f"{self.base_url}/{ids[0] if single else ''}"
        params = {"fields": "id"} | ({} if single else {"ids": ",".join(ids)})
        answer = await get(url, params=params, budget=ENTITIES, expect=ERRORS)
        body = read_json_or_none(answer)
        if single and is_missing(body):
            return [*ids]
        if not single and error_code(body) in REFUSED_IDS:
            half = len(ids) // 2
            return await self.gone(ids[:half], get) + await self.gone(ids[half:], get)
        self._checked(answer, body)
        return []

    def _checked(self, answer: Answer, body: Any) -> Any:
        """The body of a success. Raises FetchError in our words: theirs may name the token."""
        code = error_code(body)
        if code is None and 200 <= answer.status < 300 and isinstance(body, dict):
            return body
        if code is None and (found := wall(answer.status, answer.headers, answer.body)):
            raise FetchError(FailReason.WALL, found, status=answer.status)
        if code is None:
            reason = status_reason(answer.status)
            raise FetchError(reason, f"HTTP {answer.status}", status=answer.status)
        reason = REASONS.get(code) or status_reason(answer.status)
        detail = f"the API's error {code}"
        if reason is FailReason.SIGN_IN:
            detail += f": the token was refused; check {self.key_variable}"
        pause = self.rate_pause if reason is FailReason.RATE_LIMITED else None
        raise FetchError(reason, detail, retry_after=pause, status=answer.status)

    @property
    def _fields(self) -> str:
        return f"{FIELDS},thumb_{self.size}_url"

    def read(self, record: Mapping[str, Any]) -> Photo:
        """The photograph stands where Mapillary computed it, or else where its camera said."""
        original = record["geometry"]["coordinates"]
        lon, lat = (record.get("computed_geometry") or record["geometry"])["coordinates"]
        creator = record.get("creator") or {}
        author = creator.get("username", "")
        extra = {name: record.get(name) for name in EXTRA}
        if [lon, lat] != original:
            extra |= {"camera_lon": original[0], "camera_lat": original[1]}
        return Photo(
            id=record["id"],
            lat=lat,
            lon=lon,
            image_url=record[f"thumb_{self.size}_url"],
            source_page=f"https://www.mapillary.com/app/?pKey={record['id']}&focus=photo",
            license="CC-BY-SA-4.0",
            license_url=CC_BY_SA_4,
            attribution="Photo from Mapillary, CC BY-SA 4.0"
            + (f", by @{author}" if author else ""),
            author=author,
            captured_at=utc_from_ms(record["captured_at"]),
            group_id=record.get("sequence", ""),
            heading=record.get("computed_compass_angle", record.get("compass_angle")),
            is_panorama=record.get("is_pano"),
            width=record.get("width"),
            height=record.get("height"),
            extra=extra,
            again=str(record["id"]),
        )


def is_missing(body: Any) -> bool:
    """Whether the Graph API says that it has no such object, and nothing else."""
    return error_code(body) is not None and body["error"].get("error_subcode") == NO_OBJECT


def read_json_or_none(answer: Answer) -> Any:
    """A proxy's error page is no JSON."""
    try:
        return read_json(answer.body)
    except ValueError:
        return None


def error_code(body: Any) -> int | None:
    """The code of the Graph API's error, -1 for one without, None for an answer without error."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    code = error.get("code")
    return code if isinstance(code, int) else -1
