"""A row becomes one capture with nothing lost, or says why not."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from crawler.ledger import Failure
from crawler.reasons import FailReason
from crawler.urls.ranges import BadRow, Values
from crawler.urls.rows import (
    ListRow,
    Wanted,
    deny,
    find_columns,
    read_rows,
    sort_out,
    url_key,
    url_problem,
)
from shards.denylist import DenyList, Kind, Rule
from shards.errors import UsageError
from shards.keys import is_key


def rows(*values: Values | BadRow, **defaults: str) -> list[ListRow]:
    names = ["url", "lat", "lon", "license", "author"]
    columns = find_columns(names, {}, "list")
    return read_rows(
        values, list_id="abc", list_name="list.csv", first=7, columns=columns, defaults=defaults
    )


def test_a_row_becomes_a_capture() -> None:
    (row,) = rows(
        {
            "url": " https://example.org/a.jpg ",
            "lat": Decimal("1.10"),
            "lon": 2.5,
            "license": "",
            "author": "Ann",
            "seen": datetime(2024, 5, 1, tzinfo=UTC),
            "tags": ["x", Decimal("0.5")],
            "none": None,
            "empty": "",
        },
        license="CC-BY-4.0",
        attribution="nobody",
    )
    capture = row.capture
    assert capture is not None
    assert capture.key == url_key("https://example.org/a.jpg")
    assert is_key(capture.key)
    assert (capture.source, capture.source_id) == ("urls", "https://example.org/a.jpg")
    assert (capture.lat, capture.lon) == ("1.10", "2.5")
    assert (capture.license, capture.attribution) == ("CC-BY-4.0", "Ann")
    assert capture.source_url == "https://example.org/a.jpg"
    assert json.loads(capture.extra) == {
        "list": "list.csv",
        "list_row": 7,
        "seen": "2024-05-01T00:00:00+00:00",
        "tags": ["x", 0.5],
    }


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "no address"),
        ("photo.jpg", "not a web address"),
        ("ftp://example.org/a", "not a web address"),
        ("http://", "not a web address"),
        ("http://[::1", "not a web address"),
        ("http://example.org:port/", "not a web address"),
        ("http://me:secret@example.org/", "a user name"),
        ("http://example.org/" + "a" * 9000, "characters"),
        ("HTTP://example.org", ""),
        ("https://example.org/ä b", ""),
    ],
)
def test_addresses(url: str, problem: str) -> None:
    found = url_problem(url)
    assert problem in found
    assert bool(problem) == bool(found)
    assert "secret" not in found


def test_columns_are_found_or_named() -> None:
    assert find_columns(["Image URL", "GPS Latitude", "lng"], {}, "l") == {
        "url": "Image URL",
        "lat": "GPS Latitude",
        "lon": "lng",
    }
    given = {"url": "b", "country": "c"}
    assert find_columns(["url", "b", "c"], given, "l") == given


@pytest.mark.parametrize(
    ("header", "given", "words"),
    [
        (["a", "b"], {}, "no column of addresses; there are: a, b"),
        (["url", "b"], {}, "neither lat and lon nor country"),
        (["url", "lat"], {}, "neither lat and lon nor country"),
        (["url", "lat", "lon"], {"url": "x"}, "no column 'x'; there are: url, lat, lon"),
        (["url", "lat", "lon"], {"height": "x"}, "fields are url, lat"),
    ],
)
def test_wrong_columns(header: list[str], given: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_columns(header, given, "l")


def test_every_row_ends_as_one_of_captured_failed_or_duplicate() -> None:
    url = "http://example.org/"
    listed = rows(
        {"url": f"{url}a"},
        {"url": f"{url}a", "lat": "2"},
        BadRow("cut off"),
        {"url": f"{url}b"},
        {"url": f"{url}c"},
        {"url": "nonsense"},
    )
    own = {url_key(f"{url}a"), url_key(f"{url}c")}
    wanted, failures = sort_out(listed, own, set(), "t")
    assert [one.url for one in wanted] == [f"{url}a", f"{url}c"]
    assert failures == [
        Failure(listed[1].key, "t", FailReason.DUPLICATE_ITEM),
        Failure(listed[2].key, "t", FailReason.BAD_RECORD, "cut off"),
        Failure(listed[3].key, "t", FailReason.DUPLICATE_ITEM),
        Failure(listed[5].key, "t", FailReason.BAD_RECORD, "not a web address"),
    ]
    settled = {wanted[0].capture.key, listed[2].key}
    again, rest = sort_out(listed, own, settled, "t")
    assert [one.url for one in again] == [f"{url}c"]
    assert [failure.key for failure in rest] == [listed[n].key for n in (1, 3, 5)]


def test_the_denylist_is_heard() -> None:
    listed = rows({"url": "http://a.org/1", "author": "Ann"}, {"url": "http://a.org/2"})
    wanted = [Wanted(row.url, row.capture) for row in listed if row.capture]
    denylist = DenyList([Rule(Kind.AUTHOR, "Ann")])
    allowed, denied = deny(wanted, denylist, "t")
    assert [one.url for one in allowed] == ["http://a.org/2"]
    assert [(one.key, one.reason) for one in denied] == [
        (url_key("http://a.org/1"), FailReason.DENIED)
    ]
