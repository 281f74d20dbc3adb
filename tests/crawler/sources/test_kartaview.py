"""KartaView against its loopback service: circles that cover, pages, errors with HTTP 200."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.reasons import FailReason
from crawler.sources.area import DEGREE, Area, Box, distance_km
from crawler.sources.kartaview import KartaView, cover, read
from crawler.sources.photo import Zone, read_each
from crawler.sources.source import Query
from crawler.web.errors import FetchError
from tests.crawler.sources.asking import FAST, Outcome, asking, enumerate_all
from tests.crawler.sources.servers import kartaview as service
from tests.crawler.sources.servers.service import every, plain_error

BOX = (4.890, 52.370, 4.897, 52.374)
AREA = Area.from_bbox("4.890,52.370,4.897,52.374")
PAGES = [(10, 150, 35), (100, 300, 250), (150, 300, 700)]
"""Items of a page, how many photographs are scattered, and how many more stand on one point."""


def adapter(server: service.KartaView, **changes: Any) -> KartaView:
    return replace(KartaView(base_url=server.url, limits=FAST), **changes)


def crawl(
    server: service.KartaView, folder: Path, query: Query, key: str = "", **changes: Any
) -> Outcome:
    async def run() -> Outcome:
        async with service.serve(server), asking(adapter(server), folder, key) as get:
            return await enumerate_all(adapter(server, **changes), query, get)

    return asyncio.run(run())


@pytest.mark.parametrize(("items", "count", "stack"), PAGES)
def test_the_exact_set_whatever_the_page_also_when_many_stand_on_one_point(
    items: int, count: int, stack: int, tmp_path: Path
) -> None:
    photos = service.photos(1, BOX, count, stack=stack)
    server = service.KartaView(photos=photos)
    outcome = crawl(server, tmp_path, Query(area=AREA), page_items=items)
    assert set(outcome.photos) == {str(photo.id) for photo in photos}
    assert not outcome.capped
    assert not outcome.bad
    # 470 m by 445 m in circles of 50 m: no more than the fewest of a plain grid, and the pages.
    circles = {(r.query["lat"], r.query["lng"]) for r in server.requests("/2.0")}
    assert len(circles) <= 64


def test_slow_circles_are_covered_by_smaller_ones_and_errors_lose_nothing(tmp_path: Path) -> None:
    photos = service.photos(2, BOX, 300)
    server = service.KartaView(photos=photos, slow_above=25)
    server.plan("/2.0", every(30, [service.broken, plain_error(500), plain_error(429)], 9))
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == {str(photo.id) for photo in photos}
    assert outcome.failed[FailReason.SERVER_ERROR]
    assert not outcome.capped
    assert min(int(request.query["radius"]) for request in server.requests("/2.0")) <= 25


def test_a_point_that_is_always_too_slow_is_reported_and_the_rest_comes(tmp_path: Path) -> None:
    photos = service.photos(3, BOX, 80, stack=60)
    server = service.KartaView(photos=photos, slow_above=40)
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == {str(photo.id) for photo in photos[:80]}
    assert 1 <= len(outcome.capped) <= 4


def test_a_token_is_sent_when_there_is_one_and_never_told(tmp_path: Path) -> None:
    photos = service.photos(4, BOX, 5)
    server = service.KartaView(photos=photos, token=service.TOKEN)
    assert len(crawl(server, tmp_path, Query(area=AREA), service.TOKEN).photos) == 5
    assert all(r.headers["X-Auth-Token"] == service.TOKEN for r in server.requests("/2.0"))
    with pytest.raises(FetchError) as caught:
        crawl(server, tmp_path, Query(area=AREA), "kv-wrong")
    assert caught.value.reason is FailReason.SIGN_IN
    assert "kv-wrong" not in str(caught.value)


def test_a_row_keeps_the_time_as_it_was_written_and_says_what_was_assumed(tmp_path: Path) -> None:
    photos = service.photos(5, BOX, 12)
    found = crawl(service.KartaView(photos=photos), tmp_path, Query(area=AREA)).photos
    photo = found[str(photos[8].id)]
    capture = photo.to_capture("kartaview")
    extra = json.loads(capture.extra)
    assert (photo.captured_at, photo.zone) == (photos[8].shot_date, Zone.ASSUMED_UTC)
    assert capture.captured_at == f"{photos[8].shot_date}Z"
    assert extra["time_zone"] == "assumed_utc"
    assert (capture.lat, capture.lon) == (f"{photos[8].lat:.7f}", f"{photos[8].lng:.7f}")
    assert capture.attribution == f"User {photos[8].user} of KartaView, CC BY-SA 4.0"
    assert capture.group_id == str(photos[8].sequence)
    assert capture.source_url == (
        f"https://kartaview.org/details/{photos[8].sequence}/{photos[8].index}/track-info"
    )
    assert photo.is_panorama
    assert "matched_lat" not in extra
    undated = found[str(photos[3].id)].to_capture("kartaview")
    assert undated.captured_at == ""
    assert "time_zone" not in json.loads(undated.extra)


def test_a_bad_record_is_counted_and_stops_no_other() -> None:
    good = {
        "id": "1",
        "lat": "52.3",
        "lng": "4.9",
        "fileurlProc": "https://example.org/1.jpg",
        "sequenceIndex": "0",
    }
    broken = [{**good, "lat": "north"}, {**good, "fileurlProc": None}, {"id": "4"}, None]
    photos, bad = read_each([good, *broken], read)
    assert [photo.id for photo in photos] == ["1"]
    assert photos[0].attribution == "Contributors of KartaView, CC BY-SA 4.0"
    assert [record.id for record in bad] == ["1", "1", "4", ""]


side = st.integers(min_value=0, max_value=200_000)


@settings(max_examples=60, deadline=None)
@given(
    west=st.integers(-180 * DEGREE, 179 * DEGREE),
    south=st.integers(-85 * DEGREE, 84 * DEGREE),
    width=side,
    height=side,
    radius=st.floats(0.02, 2),
    data=st.data(),
)
def test_every_point_of_a_cell_lies_in_a_circle_of_its_cover(
    west: int, south: int, width: int, height: int, radius: float, data: st.DataObject
) -> None:
    box = Box(west, south, west + width, south + height)
    if width * height / (radius * DEGREE / 111) ** 2 > 10_000:
        return  # a search covers cells of some 25 circles
    parts = cover(box, radius)
    assert all(part.radius_km <= radius for part in parts)
    lon = data.draw(st.integers(box.west, box.east)) / DEGREE
    lat = data.draw(st.integers(box.south, box.north)) / DEGREE
    assert any(distance_km(lat, lon, *part.centre) <= part.radius_km + 1e-6 for part in parts)


def test_a_cover_has_few_circles() -> None:
    assert len(cover(Box(0, 0, 10, 10), 0.05)) == 1
    side = 6_300  # 70 m: the square in a circle of 50 m
    assert len(cover(Box(0, 0, side * 4, side * 4), 0.05)) <= 25
    assert len(cover(Box(0, 0, side // 10, side * 10), 0.05)) <= 8  # a street needs fewer than 10
