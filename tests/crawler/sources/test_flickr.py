"""Flickr against its loopback service: the exact set of what may be stored, dates, errors, keys."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawler.reasons import FailReason
from crawler.sources.area import Area
from crawler.sources.flickr import Flickr, Licence
from crawler.sources.photo import Zone
from crawler.sources.source import Query
from crawler.web.errors import FetchError
from tests.crawler.sources.asking import FAST, Outcome, asking, enumerate_all
from tests.crawler.sources.servers import flickr as service
from tests.crawler.sources.servers.service import every, plain_error

BOX = (4.88, 52.36, 4.92, 52.38)
AREA = Area.from_bbox("4.88,52.36,4.92,52.38")
CAPS = [(10, 5, 150, 35), (100, 30, 500, 250), (4000, 250, 4600, 4400)]
"""The cap, the page, how many photographs are scattered, how many more stand on one point."""
FORBIDDEN = {"0", "6"}
"""All rights reserved, and no derivatives."""


def adapter(server: service.Flickr, **changes: Any) -> Flickr:
    source = Flickr(base_url=server.url, cap=server.cap, page_items=server.per_page, limits=FAST)
    return replace(source, **changes)


def crawl(server: service.Flickr, folder: Path, query: Query, key: str = service.KEY) -> Outcome:
    async def run() -> Outcome:
        async with service.serve(server), asking(adapter(server), folder, key) as get:
            return await enumerate_all(adapter(server), query, get)

    return asyncio.run(run())


def allowed(photos: list[service.Photo]) -> set[str]:
    return {photo.id for photo in photos if photo.license not in FORBIDDEN}


@pytest.mark.parametrize(("cap", "items", "count", "stack"), CAPS)
def test_the_exact_set_whatever_the_cap_also_when_more_stand_on_one_point(
    cap: int, items: int, count: int, stack: int, tmp_path: Path
) -> None:
    photos = service.photos(1, BOX, count, stack=stack)
    server = service.Flickr(photos=photos, cap=cap, per_page=items)
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == allowed(photos)
    assert not outcome.capped
    assert not outcome.bad
    licences = [r for r in server.log if r.query["method"] == "flickr.photos.licenses.getInfo"]
    assert len(licences) == 1


def test_errors_lose_nothing(tmp_path: Path) -> None:
    photos = service.photos(2, BOX, 300)
    server = service.Flickr(photos=photos, cap=40, per_page=20)
    server.plan("/services", every(5, [service.unavailable, plain_error(502)], 8))
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == allowed(photos)
    assert outcome.failed[FailReason.SERVER_ERROR]


def test_more_than_the_cap_in_one_second_on_one_point_is_reported(tmp_path: Path) -> None:
    photos = service.photos(3, BOX, 20)
    stacked = [replace(photos[1], id=f"7{number:02}", license="4") for number in range(30)]
    server = service.Flickr(photos=[*photos, *stacked], cap=10, per_page=5)
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == allowed(photos) - {photos[1].id}
    assert outcome.capped


def test_a_refused_key_ends_the_run_and_is_named_nowhere(tmp_path: Path) -> None:
    server = service.Flickr(photos=service.photos(1, BOX, 3))
    with pytest.raises(FetchError) as caught:
        crawl(server, tmp_path, Query(area=AREA), "feedfeedfeed")
    assert caught.value.reason is FailReason.SIGN_IN
    assert "LOSTFOUND_FLICKR_KEY" in caught.value.detail
    assert "feedfeed" not in str(caught.value)


def test_a_row_says_licence_author_page_and_how_well_its_date_is_known(tmp_path: Path) -> None:
    photos = service.photos(4, BOX, 60)
    found = crawl(service.Flickr(photos=photos), tmp_path, Query(area=AREA)).photos
    plain = next(photo for photo in photos if photo.license == "4" and not photo.granularity)
    photo = found[plain.id]
    capture = photo.to_capture("flickr")
    assert (capture.lat, capture.lon) == (f"{plain.lat:.7f}", f"{plain.lon:.7f}")
    assert (capture.license, capture.license_url) == (
        "CC-BY-2.0",
        "https://creativecommons.org/licenses/by/2.0/",
    )
    assert capture.attribution == "Ada L., Attribution License, via Flickr"
    assert capture.source_url == f"https://www.flickr.com/photos/{plain.owner}/{plain.id}/"
    assert photo.zone is Zone.LOCAL
    assert capture.captured_at == ""  # no instant: nobody knows the camera's zone
    assert json.loads(capture.extra)["local_time"] == plain.taken
    vague = next(p for p in photos if p.granularity and p.license not in FORBIDDEN)
    extra = json.loads(found[vague.id].to_capture("flickr").extra)
    assert (extra["date_taken"], extra["date_granularity"]) == (vague.taken, "4")
    assert found[vague.id].moment is None
    for photo in found.values():
        stored = photo.to_capture("flickr").to_json().decode()
        assert service.KEY not in stored
        assert "secret" not in stored


def test_small_photographs_come_in_the_largest_size_there_is(tmp_path: Path) -> None:
    photos = service.photos(5, BOX, 30)
    found = crawl(service.Flickr(photos=photos), tmp_path, Query(area=AREA)).photos
    for photo in found.values():
        small = photo.id.endswith("3")
        assert photo.image_url.endswith("_secret.jpg" if small else "_secret_b.jpg")
        assert photo.width == (500 if small else 1024)


@pytest.mark.parametrize(
    ("url", "allows"),
    [
        ("https://creativecommons.org/licenses/by/2.0/", True),
        ("http://creativecommons.org/licenses/by-nc-sa/4.0/deed.en", True),
        ("https://creativecommons.org/licenses/by-nc-nd/2.0/", False),
        ("https://creativecommons.org/publicdomain/mark/1.0/", True),
        ("https://www.flickr.com/commons/usage/", True),
        ("https://www.flickrhelp.com/hc/en-us/articles/10710266545556", False),
        ("", False),
    ],
)
def test_which_licences_allow_storing(url: str, allows: bool) -> None:
    assert Licence("1", "some words", url).allows_storing == allows
