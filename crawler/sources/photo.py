"""One photograph as a source describes it: a typed record, checked before anything is fetched."""

import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from crawler.reasons import FailReason
from shards.capture import Capture, extra_text
from shards.keys import make_key


class Zone(StrEnum):
    """What is known of the time zone of `Photo.captured_at`."""

    KNOWN = "known"
    """The text has its UTC offset."""
    ASSUMED_UTC = "assumed_utc"
    """The source does not say; its times look like UTC."""
    LOCAL = "local"
    """The camera's own time, in a zone that nobody knows: no instant."""


def _as_text(value: Any) -> Any:
    """Numbers become text, so that coordinates and ids stay exactly as found."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return str(value) if is_number else value


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _within(limit: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not abs(float(text)) <= limit:  # refuses NaN too
            raise ValueError(f"is not within -{limit} to {limit}")
        return text

    return check


def _web_address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("is not a web address")
    return text


Text = Annotated[str, BeforeValidator(_as_text)]
Filled = Annotated[Text, AfterValidator(_filled)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class Photo(BaseModel):
    """What an adapter gives for each photograph. Raises ValueError for what cannot be one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Filled
    """The source's own identifier."""
    lat: Annotated[Filled, AfterValidator(_within(90))]
    """Degrees, WGS 84, as found: give the number of the JSON, never a rounded one."""
    lon: Annotated[Filled, AfterValidator(_within(180))]
    image_url: WebAddress
    source_page: WebAddress
    """Where people see the photograph and its licence."""
    license: Filled
    """SPDX identifier, or the source's own words."""
    license_url: str = ""
    attribution: Filled
    """Author and licence, in the words that the source wants."""
    author: Text = ""
    captured_at: Text = ""
    """ISO 8601; empty when unknown."""
    zone: Zone = Zone.KNOWN
    group_id: Text = ""
    """The sequence or album."""
    heading: float | None = None
    """Degrees clockwise from north."""
    is_panorama: bool | None = None
    width: int | None = None
    height: int | None = None
    extra: dict[str, Any] = {}
    """Whatever else is worth keeping; plain JSON values."""
    again: str = ""
    """What `Source.again` needs to find the record once more, when its picture's URL expired."""

    @property
    def position(self) -> tuple[float, float]:
        """(lat, lon) in degrees."""
        return float(self.lat), float(self.lon)

    @property
    def moment(self) -> datetime | None:
        """When it was taken, in UTC; a time without a zone counts as UTC, to within a day."""
        return parse_moment(self.captured_at)

    def key(self, source: str) -> str:
        """The capture's key: the same photograph has the same one for ever."""
        return make_key(source, self.id)

    def to_capture(self, source: str) -> Capture:
        found = {
            "author": self.author,
            "heading": self.heading,
            "height": self.height,
            "is_panorama": self.is_panorama,
            "width": self.width,
            **self.extra,
        }
        captured_at = self.captured_at
        if self.zone is Zone.LOCAL:
            captured_at, found["local_time"] = "", self.captured_at
        elif self.zone is Zone.ASSUMED_UTC and captured_at:
            captured_at, found["time_zone"] = f"{captured_at}Z", self.zone.value
        return Capture(
            key=self.key(source),
            source=source,
            source_id=self.id,
            group_id=self.group_id,
            lat=self.lat,
            lon=self.lon,
            captured_at=captured_at,
            license=self.license,
            license_url=self.license_url,
            attribution=self.attribution,
            source_url=self.source_page,
            extra=extra_text(
                {name: plain(value) for name, value in found.items() if value not in (None, "")}
            ),
        )


class NoLicenceError(ValueError):
    """The source names no licence that allows storing the photograph."""


class BadRecord(NamedTuple):
    """A record of the source that is no photograph we could use."""

    id: str
    """Empty when even that is missing."""
    detail: str
    reason: FailReason = FailReason.BAD_RECORD


def read_each(
    records: Iterable[Any], read: Callable[[Any], Photo | None]
) -> tuple[list[Photo], list[BadRecord]]:
    """Reads records one by one: a bad one stops no other. `read` gives None to leave one out."""
    photos: list[Photo] = []
    bad: list[BadRecord] = []
    for record in records:
        try:
            if photo := read(record):
                photos.append(photo)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            bad.append(BadRecord(_id_of(record), f"{field}: {first['msg']}"))
        except NoLicenceError as error:
            bad.append(BadRecord(_id_of(record), str(error)[:200], FailReason.NO_LICENCE))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            bad.append(BadRecord(_id_of(record), f"{type(error).__name__}: {error}"[:200]))
    return photos, bad


def read_json(body: bytes) -> Any:
    """JSON whose decimal numbers keep every digit. Raises ValueError."""
    try:
        return json.loads(body, parse_float=Decimal)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def parse_moment(text: str) -> datetime | None:
    """ISO 8601 as a time in UTC, which it counts as when it names no zone; None for others."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def utc_from_ms(milliseconds: float) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC. Raises ValueError beyond the years 1 to 9999."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{milliseconds} ms: {error}") from None
    return moment.isoformat(timespec="milliseconds")


def plain(value: Any) -> Any:
    """A JSON value whose decimals are floats again; what JSON has no number for becomes text."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if math.isfinite(number) else str(value)
    return value


def _id_of(record: Any) -> str:
    found = record.get("id") if isinstance(record, dict) else None
    return str(found)[:200] if isinstance(found, str | int) else ""
