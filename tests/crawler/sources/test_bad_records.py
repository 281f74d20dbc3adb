"""Whatever a service sends as a record is a photograph or is counted, and stops no other record."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.sources import kartaview
from crawler.sources.commons import Commons, plain_text
from crawler.sources.flickr import Flickr, Licence
from crawler.sources.mapillary import Mapillary
from crawler.sources.photo import Photo, read_each, read_json
from tests.crawler.sources.servers import commons as commons_server

FREE = Licence("4", "Attribution License", "https://creativecommons.org/licenses/by/2.0/")
POINT = {"type": "Point", "coordinates": [4.9, 52.3]}
PICTURE = "https://example.org/1.jpg"
MAPILLARY = {
    "id": "1",
    "geometry": POINT,
    "computed_geometry": POINT,
    "captured_at": 1_600_000_000_000,
    "compass_angle": 3.5,
    "is_pano": False,
    "sequence": "s",
    "creator": {"username": "ada"},
    "width": 10,
    "thumb_2048_url": PICTURE,
}
COMMONS = {
    "id": 1,
    "pageid": 1,
    "title": "File:A.jpg",
    "coordinates": [{"lat": 52.3, "lon": 4.9, "primary": True, "type": "camera"}],
    "imageinfo": [
        {
            "mime": "image/jpeg",
            "width": 10,
            "url": PICTURE,
            "extmetadata": {
                "LicenseShortName": {"value": "CC0"},
                "LicenseUrl": {"value": commons_server.FEATURED},
                "Artist": {"value": "<b>Ada</b>"},
                "DateTimeOriginal": {"value": "2019-01-02"},
            },
        }
    ],
}
KARTAVIEW = {
    "id": "1",
    "lat": "52.3",
    "lng": "4.9",
    "matchLat": "52.3",
    "matchLng": "4.9",
    "shotDate": "2019-01-02 03:04:05",
    "fileurlProc": PICTURE,
    "sequence": {"id": "2", "userId": "3"},
    "heading": "",
    "width": "",
}
FLICKR = {
    "id": "1",
    "owner": "o",
    "latitude": "52.3",
    "longitude": "4.9",
    "license": "4",
    "datetaken": "2019-01-02 03:04:05",
    "datetakengranularity": 0,
    "url_l": PICTURE,
    "width_l": 10,
}
Read = Callable[[Any], Photo | None]
CASES: list[tuple[Any, Read]] = [
    (MAPILLARY, Mapillary().read),
    (COMMONS, Commons().read),
    (KARTAVIEW, kartaview.read),
    (FLICKR, Flickr(licences={"4": FREE}).read),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every part of a record."""
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = list(value)
    elif isinstance(value, list):
        parts = list(range(len(value)))
    return [path, *(way for part in parts for way in places(value[part], (*path, part)))]


def changed(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = record.copy()
    copy[path[0]] = changed(record[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize(("record", "read"), CASES)
def test_a_plain_record_is_a_photograph(record: Any, read: Read) -> None:
    photos, bad = read_each([record], read)
    assert (len(photos), bad) == (1, [])
    assert (photos[0].lat, photos[0].lon) == ("52.3", "4.9")


@pytest.mark.parametrize(("record", "read"), CASES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_record_with_anything_in_it_stops_no_other(
    record: Any, read: Read, data: st.DataObject
) -> None:
    odd = changed(record, data.draw(st.sampled_from(places(record))), data.draw(JSON))
    odd = read_json(json.dumps(odd).encode())
    photos, bad = read_each([odd, record], read)
    assert photos[-1].id == "1"
    assert len(photos) + len(bad) <= 2
    for photo in photos:
        photo.to_capture("x").to_json()


@given(markup=st.text(alphabet="<>!-[]/&;a=\"' \nstyle"))
def test_any_markup_has_words(markup: str) -> None:
    assert "\n" not in plain_text(markup)
