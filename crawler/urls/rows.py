"""A row of a list becomes a capture to fetch, or a reason why not. Pure."""

import hashlib
import json
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from crawler.imports.table import choose_columns
from crawler.ledger import Failure
from crawler.reasons import FailReason
from crawler.urls.ranges import BadRow, Values
from shards.capture import Capture, extra_text
from shards.denylist import DenyList
from shards.errors import UsageError
from shards.keys import make_key

SOURCE = "urls"
MAX_URL = 8192
"""Characters."""
USUAL_NAMES = {
    "url": "url imageurl imgurl urlimage photourl pictureurl fileurl downloadurl uri link src href"
    " image img",
    "lat": "lat latitude gpslatitude y",
    "lon": "lon lng long longitude gpslongitude x",
    # A code is clearer than a name: when a list has both, the code is taken.
    "country": "iso2 isoa2 countrycode countryiso country countryname",
    "captured_at": "capturedat datetime timestamp datetaken takenat date time",
    "license": "license licence",
    "license_url": "licenseurl licenceurl",
    "attribution": "attribution author photographer credit creator",
    "source_url": "sourceurl pageurl page landingurl foreignlandingurl",
    "group_id": "groupid group sequenceid sequence",
}
"""Fields of a capture (and `url`) with the column names that are taken for them, best first."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row: a capture and where its picture is, or why it is none."""

    key: str
    """Of the row itself, for what becomes of it when it is not the one that is captured."""
    url: str = ""
    capture: Capture | None = None
    """None for a row that cannot be fetched."""
    problem: str = ""
    """Why it cannot."""


class Wanted(NamedTuple):
    """A picture to fetch, and the capture that it completes."""

    url: str
    capture: Capture


def sort_out(
    rows: Iterable[ListRow], own: Container[str], settled: Container[str], task_id: str
) -> tuple[list[Wanted], list[Failure]]:
    """What is to be fetched for a task, and the rows that will not be, with the reason.

    `own` are the keys of addresses that belong to this task and no other, `settled` those that it
    has captured or recorded before. So each row ends as exactly one: captured, failed, duplicate.
    """
    wanted: list[Wanted] = []
    failures: list[Failure] = []
    seen: set[str] = set()
    for row in rows:
        if row.capture is None:
            failures.append(Failure(row.key, task_id, FailReason.BAD_RECORD, row.problem))
        elif row.capture.key in seen or row.capture.key not in own:
            failures.append(Failure(row.key, task_id, FailReason.DUPLICATE_ITEM))
        else:
            seen.add(row.capture.key)
            if row.capture.key not in settled:
                wanted.append(Wanted(row.url, row.capture))
    return wanted, [failure for failure in failures if failure.key not in settled]


def deny(
    wanted: Iterable[Wanted], denylist: DenyList, task_id: str
) -> tuple[list[Wanted], list[Failure]]:
    """Those that the dataset's deny-list does not name, and the failures of the others."""
    allowed: list[Wanted] = []
    denied: list[Failure] = []
    for one in wanted:
        if rule := denylist.refusal(one.capture):
            detail = f"{rule.rule} of the deny-list"
            denied.append(Failure(one.capture.key, task_id, FailReason.DENIED, detail))
        else:
            allowed.append(one)
    return allowed, denied


def url_key(url: str) -> str:
    """The key of what stands at an address: `url-` and 24 hexadecimal digits of its SHA-256."""
    return f"url-{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def find_columns(header: Sequence[str], given: Mapping[str, str], where: str) -> dict[str, str]:
    """The column of each field: as given, else by its usual names.

    Raises UsageError, naming the columns there are, when one is missing.
    """
    columns = choose_columns(list(header), given, USUAL_NAMES, where)
    there = ", ".join(filter(None, header))
    if "url" not in columns:
        raise UsageError(
            f"{where}: no column of addresses; there are: {there}; name it: --column url=NAME"
        )
    if not ({"lat", "lon"} <= columns.keys() or "country" in columns):
        raise UsageError(
            f"{where}: neither lat and lon nor country found; there are: {there};"
            " --column lat=NAME --column lon=NAME"
        )
    return columns


def read_rows(
    values: Iterable[Values | BadRow],
    *,
    list_id: str,
    list_name: str,
    first: int,
    columns: Mapping[str, str],
    defaults: Mapping[str, str],
) -> list[ListRow]:
    """The rows of one range. `first` is the number of its first row in the list."""
    taken = frozenset(columns.values())
    rows = []
    for number, row in enumerate(values, first):
        key = make_key("row", list_id, number)
        if isinstance(row, BadRow):
            rows.append(ListRow(key, problem=row.detail))
            continue
        url = text_of(row.get(columns["url"]))
        if problem := url_problem(url):
            rows.append(ListRow(key, problem=problem))
            continue
        fields = {name: text_of(row.get(column)) for name, column in columns.items()}
        rest = {name: plain(value) for name, value in row.items() if name not in taken}
        rest = {"list": list_name, "list_row": number} | {
            name: value for name, value in rest.items() if name and value not in (None, "")
        }
        rows.append(ListRow(key, url, _capture(url, fields, defaults, rest)))
    return rows


def _capture(
    url: str, fields: Mapping[str, str], defaults: Mapping[str, str], rest: dict[str, Any]
) -> Capture:
    own = {name: value for name, value in fields.items() if value and name != "url"}
    values = {"source_url": url, **defaults, **own}
    return Capture(key=url_key(url), source=SOURCE, source_id=url, extra=extra_text(rest), **values)


def url_problem(url: str) -> str:
    """Why a text is no address of a picture that may be fetched; empty when it is one."""
    if not url:
        return "no address"
    if len(url) > MAX_URL:
        return f"an address of {len(url)} characters, at most {MAX_URL}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"not a web address: {error}"[:200]
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return "not a web address"
    return "an address with a user name in it" if parts.username is not None else ""


def text_of(value: Any) -> str:
    """A value of any format as the text that a capture holds; empty for none."""
    if isinstance(value, str):
        return value.strip()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, dict | list | bool):
        return json.dumps(plain(value), ensure_ascii=False)
    return str(value if isinstance(value, Decimal) else plain(value))


def plain(value: Any) -> Any:
    """A value of any format as plain JSON."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if math.isfinite(number) else str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | bool) or value is None else str(value)
