"""Commons against its loopback service: the exact set, slices, lag, licences, which coordinate."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawler.reasons import FailReason
from crawler.sources.area import Area, Box
from crawler.sources.commons import Commons, plain_text, region
from crawler.sources.photo import Zone
from crawler.sources.source import Query
from tests.crawler.sources.asking import FAST, Outcome, asking, enumerate_all
from tests.crawler.sources.servers import commons as service
from tests.crawler.sources.servers.service import every, plain_error

BOX = (4.88, 52.36, 4.92, 52.38)
AREA = Area.from_bbox("4.88,52.36,4.92,52.38")
CAPS = [(10, 150, 35), (100, 600, 250), (500, 700, 1300)]
"""The cap, how many photographs are scattered, and how many more stand on one point."""


def adapter(server: service.Commons, **changes: Any) -> Commons:
    source = Commons(base_url=server.url, search_limit=server.limit, limits=FAST)
    return replace(source, window=server.window, **changes)


def crawl(server: service.Commons, folder: Path, query: Query) -> Outcome:
    async def run() -> Outcome:
        async with service.serve(server), asking(adapter(server), folder) as get:
            return await enumerate_all(adapter(server), query, get)

    return asyncio.run(run())


def ids(files: list[service.File]) -> set[str]:
    return {str(file.pageid) for file in files}


@pytest.mark.parametrize(("cap", "count", "stack"), CAPS)
def test_the_exact_set_whatever_the_cap_also_when_more_stand_on_one_point(
    cap: int, count: int, stack: int, tmp_path: Path
) -> None:
    files = service.files(1, BOX, count, stack=stack)
    outcome = crawl(service.Commons(files=files, limit=cap), tmp_path, Query(area=AREA))
    assert set(outcome.photos) == ids(files)
    assert not outcome.capped
    assert not outcome.bad


def test_lag_busy_servers_and_searches_cut_short_lose_nothing(tmp_path: Path) -> None:
    files = service.files(2, BOX, 260)
    server = service.Commons(files=files, limit=100, timeouts=3)
    server.plan("/w/api.php", every(4, [service.lagged, service.too_many, plain_error(503)], 9))
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == ids(files)
    assert outcome.failed[FailReason.RATE_LIMITED]
    assert all(request.query["maxlag"] == "5" for request in server.requests("/w/api.php"))


def test_deleted_files_that_the_index_still_counts_hide_no_others(tmp_path: Path) -> None:
    files = service.files(8, BOX, 600, stack=150)
    deleted = frozenset(file.pageid for file in files[::25])
    server = service.Commons(files=files, limit=100, deleted=deleted)
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert set(outcome.photos) == ids(files) - {str(pageid) for pageid in deleted}


def test_beyond_the_window_of_the_search_a_point_is_reported(tmp_path: Path) -> None:
    files = [
        replace(file, coordinates=file.coordinates[:1])
        for file in service.files(3, BOX, 20, stack=90)
    ]
    server = service.Commons(files=files, limit=10, window=60)
    outcome = crawl(server, tmp_path, Query(area=AREA))
    assert len(set(outcome.photos) & ids(files[20:])) == 60
    assert ids(files[:20]) <= set(outcome.photos)
    assert outcome.capped


def test_a_camera_s_place_counts_and_not_that_of_what_it_shows(tmp_path: Path) -> None:
    inside, outside = (52.37, 4.90), (52.50, 4.90)
    file = service.files(4, BOX, 1)[0]

    def with_places(pageid: int, *places: service.Coordinate) -> service.File:
        return replace(file, pageid=pageid, title=f"File:{pageid}.jpg", coordinates=places)

    files = [
        with_places(1, service.Coordinate(*outside, False, "object"), service.Coordinate(*inside)),
        with_places(2, service.Coordinate(*inside, False, "object"), service.Coordinate(*outside)),
        with_places(
            5, service.Coordinate(*outside, True, "object"), service.Coordinate(*inside, False)
        ),
        with_places(3, service.Coordinate(*inside, True, "object")),
        with_places(4, service.Coordinate(*inside, True, "")),
    ]
    found = crawl(service.Commons(files=files), tmp_path, Query(area=AREA)).photos
    assert set(found) == {"1", "3", "4", "5"}
    kinds = {key: photo.extra["position_of"] for key, photo in found.items()}
    assert kinds == {"1": "camera", "3": "object", "4": "unknown", "5": "camera"}


def test_files_without_licence_are_counted_and_other_media_left_out(tmp_path: Path) -> None:
    files = service.files(5, BOX, 5)
    changed = [
        files[0],
        replace(files[1], license="", license_url=""),
        replace(files[2], mime="video/webm"),
        replace(files[3], missing=True),
        replace(files[4], license="Public domain", license_url=""),
    ]
    outcome = crawl(service.Commons(files=changed), tmp_path, Query(area=AREA))
    assert set(outcome.photos) == ids([files[0], files[4]])
    assert outcome.photos[str(files[4].pageid)].license == "Public domain"
    assert {(record.id, record.reason) for record in outcome.bad} == {
        (str(files[1].pageid), FailReason.NO_LICENCE),
        (str(files[3].pageid), FailReason.BAD_RECORD),
    }


def test_a_row_says_licence_author_page_and_the_camera_s_own_time(tmp_path: Path) -> None:
    file = replace(service.files(6, BOX, 1)[0], title="File:Rue de l'Été 3.jpg", width=4000)
    photo = crawl(service.Commons(files=[file]), tmp_path, Query(area=AREA)).photos[
        str(file.pageid)
    ]
    capture = photo.to_capture("commons")
    assert (capture.license, capture.license_url) == ("CC-BY-SA-4.0", service.FEATURED)
    assert capture.attribution == "Ada L., CC BY-SA 4.0, via Wikimedia Commons"
    assert capture.source_url.endswith("/wiki/File%3ARue_de_l%27%C3%89t%C3%A9_3.jpg")
    assert (capture.lat, capture.lon) == (
        repr(file.coordinates[0].lat),
        repr(file.coordinates[0].lon),
    )
    assert photo.zone is Zone.LOCAL
    extra = json.loads(capture.extra)
    assert extra["local_time"] == file.taken.replace(" ", "T")
    assert extra["author"] == "Ada L."
    assert "/1280px-" in photo.image_url


@pytest.mark.parametrize(
    ("taken", "read", "kept"),
    [
        ("2019-06-08 14:21:05", "2019-06-08T14:21:05", ""),
        ('<time class="dtstart" datetime="2019-06-08">2019-06-08</time>', "2019-06-08", ""),
        ("2019:06:08 14:21", "2019-06-08T14:21", ""),
        ("circa 1910", "", "circa 1910"),
        ("", "", ""),
    ],
)
def test_dates_as_people_write_them(taken: str, read: str, kept: str, tmp_path: Path) -> None:
    file = replace(service.files(7, BOX, 1)[0], taken=taken)
    (photo,) = crawl(service.Commons(files=[file]), tmp_path, Query(area=AREA)).photos.values()
    assert (photo.captured_at, photo.extra["date"]) == (read, kept)


def test_html_becomes_words() -> None:
    html = "<style>.a{b:c}</style><p>A&nbsp;&amp; <a href='//x'>B</a>\n<br>C</p>"
    assert plain_text(html) == "A & B C"


def test_a_box_that_is_too_small_is_searched_as_a_circle() -> None:
    assert "ggsbbox" in region(Box(48_800_000, 523_600_000, 48_803_000, 523_603_000))
    small = region(Box(48_800_000, 523_600_000, 48_800_100, 523_600_100))
    assert small == {"ggscoord": "52.36000500|4.88000500", "ggsradius": 10}
