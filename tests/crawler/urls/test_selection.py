"""Rows outside the area or the time that were asked for are counted, and not fetched."""

from datetime import UTC, datetime

from crawler.ledger import Failure
from crawler.reasons import FailReason
from crawler.sources.area import Area
from crawler.urls.rows import ListRow, url_key
from crawler.urls.selection import Selection
from shards.capture import Capture


def row(number: int, lat: str = "", lon: str = "", captured_at: str = "") -> ListRow:
    url = f"http://example.org/{number}"
    capture = Capture(
        key=url_key(url), source="urls", source_id=url, lat=lat, lon=lon, captured_at=captured_at
    )
    return ListRow(f"row-{number}", url, capture)


def numbers(selection: Selection, *rows: ListRow) -> list[int]:
    wanted, failures = selection.split(rows, "t")
    assert len(wanted) + len(failures) == len(rows)
    assert all(one == Failure(one.key, "t", FailReason.UNWANTED) for one in failures)
    return [int(one.key.removeprefix("row-")) for one in wanted]


def test_everything_is_wanted_where_nothing_is_said() -> None:
    assert numbers(Selection(), row(0), row(1, "91", "x"), ListRow("row-2", problem="bad")) == [
        0,
        1,
        2,
    ]


def test_places() -> None:
    rows = [row(0, "50.5", "10.5"), row(1, "60", "10"), row(2), row(3, "nan", "10")]
    bad = ListRow("row-4", problem="no address")
    assert numbers(Selection(area=Area.from_bbox("10,50,11,51")), *rows, bad) == [0, 4]
    lund, oslo = row(5, "55.70", "13.19"), row(6, "59.91", "10.75")
    assert numbers(Selection(area=Area.of_country("SE")), lund, oslo) == [5]


def test_times() -> None:
    selection = Selection(
        since=datetime(2024, 5, 1, tzinfo=UTC), until=datetime(2024, 6, 1, tzinfo=UTC)
    )
    times = [
        "2024-05-01",
        "2024-06-01T00:00:00Z",
        "2024-06-01T01:00:00+02:00",
        "2024-04-30T23:59:59",
        "",
        "May",
    ]
    rows = [row(number, captured_at=text) for number, text in enumerate(times)]
    assert numbers(selection, *rows) == [0, 2]
