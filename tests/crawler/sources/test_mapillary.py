"""Mapillary against its loopback service: the exact set, errors, tokens, links that expire."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from crawler.reasons import FailReason
from crawler.sources.area import Area
from crawler.sources.commands import ENTRIES, load
from crawler.sources.mapillary import Mapillary
from crawler.sources.source import Query
from crawler.web.errors import FetchError
from shards.errors import UsageError
from tests.crawler.sources.asking import FAST, Outcome, asking, enumerate_all
from tests.crawler.sources.servers import mapillary as service
from tests.crawler.sources.servers.service import every, plain_error

BOX = (4.88, 52.36, 4.92, 52.38)
AREA = Area.from_bbox("4.88,52.36,4.92,52.38")
CAPS = [(10, 150, 35), (100, 700, 250), (2000, 2500, 2300)]
"""The cap, how many photographs are scattered, and how many more stand on one point."""


def adapter(server: service.Mapillary, **changes: Any) -> Mapillary:
    source = Mapillary(base_url=server.url, search_limit=server.limit, limits=FAST)
    return replace(source, **changes)


def crawl(server: service.Mapillary, folder: Path, query: Query) -> Outcome:
    async def run() -> Outcome:
        async with service.serve(server), asking(adapter(server), folder, server.token) as get:
            return await enumerate_all(adapter(server), query, get)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("cap", "count", "stack"), [(10, 150, 35), (100, 700, 250), (2000, 2500, 2300)]
)
def test_the_exact_set_whatever_the_cap_also_when_more_stand_on_one_point(
    cap: int, count: int, stack: int, tmp_path: Path
) -> None:
    images = service.images(1, BOX, count, stack=stack)
    outcome = crawl(service.Mapillary(images=images, limit=cap), tmp_path, Query(area=AREA))
    assert set(outcome.photos) == {image.id for image in images}
    assert not outcome.capped
    assert not outcome.bad


def test_boxes_that_are_refused_as_too_dense_are_split_and_errors_lose_nothing(
    tmp_path: Path,
) -> None:
    images = service.images(2, BOX, 300)
    server = service.Mapillary(images=images, limit=100, too_dense=40)
    kinds = [service.rate_limited, service.unavailable, plain_error(502), plain_error(503)]
    server.plan("/images", every(4, kinds, 12))
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == {image.id for image in images}
    assert outcome.failed[FailReason.RATE_LIMITED]
    assert outcome.failed[FailReason.SERVER_ERROR]
    assert not outcome.capped


def test_what_the_service_hides_after_its_limit_does_not_hide_the_rest(tmp_path: Path) -> None:
    images = service.images(8, BOX, 900, stack=150)
    hidden = frozenset(image.id for image in images[::25])
    server = service.Mapillary(images=images, limit=100, hidden=hidden)
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == {image.id for image in images} - hidden


def test_an_unknown_error_is_not_taken_for_a_box_that_holds_too_much(tmp_path: Path) -> None:
    server = service.Mapillary(images=service.images(10, BOX, 20))
    server.plan("/images", [lambda _: service.error(500, 1, "An unknown error occurred")] * 3)
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert (len(outcome.photos), outcome.tasks) == (20, 1)
    assert outcome.failed == {FailReason.SERVER_ERROR: 3}


def test_a_page_that_bans_us_is_a_wall(tmp_path: Path) -> None:
    server = service.Mapillary(images=service.images(10, BOX, 20))
    page = "<html>Your address has been blocked for automated requests</html>"
    server.plan("/images", [lambda _: web.Response(status=403, text=page)])
    with pytest.raises(FetchError) as caught:
        crawl(server, tmp_path, Query(area=AREA))
    assert caught.value.reason is FailReason.WALL


def test_a_point_that_is_always_too_dense_is_reported(tmp_path: Path) -> None:
    images = service.images(3, BOX, 60, stack=50)
    server = service.Mapillary(images=images, limit=100, too_dense=40)
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == {image.id for image in images[:60]}
    assert outcome.capped
    assert len({capped.split()[0] for capped in outcome.capped}) <= 4  # the cells at that point


def test_a_time_that_ends_within_a_second_is_kept_to_the_millisecond(tmp_path: Path) -> None:
    image = service.images(9, BOX, 1)[0]
    images = [
        replace(image, id=f"9{number:03}", captured_at=1_600_000_000_000 + 50 * number)
        for number in range(200)
    ]
    since, until = (datetime.fromtimestamp(1_600_000_000 + part, UTC) for part in (2.15, 8.65))
    query = Query(area=AREA, since=since, until=until)
    outcome = crawl(service.Mapillary(images=images, limit=80), tmp_path, query)
    assert set(outcome.photos) == {image.id for image in images[43:173]}
    assert not outcome.capped


def test_a_refused_token_ends_the_run_and_is_named_nowhere(tmp_path: Path) -> None:
    async def run(key: str) -> FetchError:
        server = service.Mapillary(images=service.images(1, BOX, 5))
        async with service.serve(server), asking(adapter(server), tmp_path, key) as get:
            with pytest.raises(FetchError) as caught:
                await enumerate_all(adapter(server), Query(area=AREA), get)
        return caught.value

    for key in ("MLY|not|issued", ""):
        error = asyncio.run(run(key))
        assert error.reason is FailReason.SIGN_IN
        assert "LOSTFOUND_MAPILLARY_TOKEN" in error.detail
        assert "MLY" not in error.detail


def test_a_record_that_was_asked_for_again_has_a_link_that_works(tmp_path: Path) -> None:
    async def run() -> None:
        server = service.Mapillary(images=service.images(4, BOX, 3))
        async with service.serve(server), asking(adapter(server), tmp_path, server.token) as get:
            source = adapter(server)
            found = await enumerate_all(source, Query(area=AREA), get)
            photo = next(iter(found.photos.values()))
            server.epoch += 1
            with pytest.raises(FetchError, match="forbidden"):
                await get(photo.image_url)
            fresh = await source.again(photo, get)
            assert fresh is not None
            assert replace_link(fresh, photo.image_url) == photo
            assert (await get(fresh.image_url)).status == 200
            gone = photo.model_copy(update={"id": "1", "again": "1"})
            assert await source.again(gone, get) is None

    asyncio.run(run())


def replace_link(photo: Any, url: str) -> Any:
    return photo.model_copy(update={"image_url": url})


def test_a_row_says_who_took_it_and_where_and_holds_no_link_or_token(tmp_path: Path) -> None:
    image = replace(service.images(5, BOX, 1)[0], computed=(52.3650001, 4.8900001), creator="ada")
    server = service.Mapillary(images=[image])
    outcome = crawl(server, tmp_path, Query(area=AREA))
    capture = outcome.photos[image.id].to_capture("mapillary")
    assert (capture.lat, capture.lon) == ("52.3650001", "4.8900001")
    assert capture.key == f"mapillary-{image.id}"
    assert capture.attribution == "Photo from Mapillary, CC BY-SA 4.0, by @ada"
    assert (capture.license, capture.group_id) == ("CC-BY-SA-4.0", image.sequence)
    assert capture.source_url == f"https://www.mapillary.com/app/?pKey={image.id}&focus=photo"
    extra = json.loads(capture.extra)
    assert (extra["camera_lat"], extra["author"]) == (pytest.approx(image.lat), "ada")
    for secret in ("oh=", "MLY|", "OAuth", "/m1/v/"):
        assert secret not in capture.to_json().decode()


def test_only_what_was_asked_for_comes_and_the_largest_picture_by_choice(tmp_path: Path) -> None:
    images = service.images(6, BOX, 4)

    async def run() -> None:
        server = service.Mapillary(images=images)
        async with service.serve(server), asking(adapter(server), tmp_path, server.token) as get:
            found = await enumerate_all(adapter(server, size="original"), Query(area=AREA), get)
            assert all("_original.jpg" in photo.image_url for photo in found.photos.values())
            assert not any("2048" in request.query["fields"] for request in server.requests("/im"))

    asyncio.run(run())


def test_a_size_that_there_is_not_is_refused_in_one_line() -> None:
    entry = next(entry for entry in ENTRIES if entry.name == "mapillary")
    with pytest.raises(UsageError, match="mapillary: give --size as one of 256, 1024"):
        load(entry, {"size": "640"})
