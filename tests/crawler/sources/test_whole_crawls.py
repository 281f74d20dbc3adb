"""Each adapter through the worker into a spool: all pictures, failures and expired links included.

What a crawl leaves behind holds no key and no link that was signed.
"""

import asyncio
import json
import tarfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from crawler.frontier import SqliteFrontier
from crawler.reasons import FailReason
from crawler.sources import worker
from crawler.sources.area import Area
from crawler.sources.commons import Commons
from crawler.sources.flickr import Flickr
from crawler.sources.kartaview import KartaView
from crawler.sources.mapillary import Mapillary
from crawler.sources.source import Query, Source
from crawler.sources.worker import SourceWorker
from tests.crawler.sources.asking import FAST
from tests.crawler.sources.running import job_for, seed
from tests.crawler.sources.servers import commons, flickr, kartaview, mapillary
from tests.crawler.sources.servers.service import Service, every, jpeg_name, plain_error

BOX = (4.890, 52.370, 4.896, 52.374)
QUERY = Query(area=Area.from_bbox("4.890,52.370,4.896,52.374"))
SCATTERED, STACKED = 110, 40
GROUPS = {"mapillary", "kartaview"}


@dataclass
class Case:
    server: Service
    serve: Callable[[Any], AbstractAsyncContextManager[Any]]
    source: Callable[[str], Source]
    wanted: set[str]
    secrets: tuple[str, ...]
    key: str = ""


def of_mapillary() -> Case:
    images = mapillary.images(1, BOX, SCATTERED, stack=STACKED)
    server = mapillary.Mapillary(images=images, limit=30, links_last=70)
    faults = [mapillary.rate_limited, mapillary.unavailable, plain_error(502)]
    server.plan("/images", every(7, faults, 6))
    server.plan("/m1", every(25, [plain_error(500), plain_error(503)], 4))
    return Case(
        server,
        mapillary.serve,
        lambda url: Mapillary(base_url=url, search_limit=30, rate_pause=0.05, limits=FAST),
        {image.id for image in images},
        (mapillary.TOKEN, "MLY", "oh=", "/m1/v/"),
        mapillary.TOKEN,
    )


def of_commons() -> Case:
    files = commons.files(1, BOX, SCATTERED, stack=STACKED)
    server = commons.Commons(files=files, limit=30, timeouts=1)
    server.plan("/w/api.php", every(9, [plain_error(503), plain_error(500)], 6))
    return Case(
        server,
        commons.serve,
        lambda url: Commons(base_url=url, search_limit=30, limits=FAST),
        {str(file.pageid) for file in files},
        (),
    )


def of_kartaview() -> Case:
    photos = kartaview.photos(1, BOX, SCATTERED, stack=STACKED)
    server = kartaview.KartaView(photos=photos, slow_above=60, token=kartaview.TOKEN)
    server.plan("/2.0", every(40, [kartaview.broken, plain_error(500)], 5))
    return Case(
        server,
        kartaview.serve,
        lambda url: KartaView(base_url=url, page_items=10, limits=FAST),
        {str(photo.id) for photo in photos},
        (kartaview.TOKEN,),
        kartaview.TOKEN,
    )


def of_flickr() -> Case:
    photos = flickr.photos(1, BOX, SCATTERED, stack=STACKED)
    server = flickr.Flickr(photos=photos, cap=30, per_page=10)
    server.plan("/services", every(6, [flickr.unavailable, plain_error(502)], 6))
    return Case(
        server,
        flickr.serve,
        lambda url: Flickr(base_url=url, cap=30, page_items=10, limits=FAST),
        {photo.id for photo in photos if photo.license not in ("0", "6")},
        (flickr.KEY,),
        flickr.KEY,
    )


def captures(folder: Path) -> dict[str, tuple[dict[str, str], bytes]]:
    """The captures of all segments by the source's own id: the record and the picture."""
    found = {}
    for path in folder.glob("*.tar"):
        with tarfile.open(path) as segment:
            members = {member.name: segment.extractfile(member).read() for member in segment}  # type: ignore[union-attr]
        for name, data in members.items():
            if name.endswith(".json"):
                record = json.loads(data)
                found[record["source_id"]] = (record, members[name.replace(".json", ".jpg")])
    return found


def crawl(case: Case, folder: Path) -> SourceWorker:
    async def run() -> SourceWorker:
        async with case.serve(case.server):
            source = case.source(case.server.url)
            job = job_for(folder, source, QUERY, key=case.key)
            seed(job)
            assert not case.key or case.key not in repr(job)
            working = job.worker()
            await working.run()
            return working

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.05)


@pytest.mark.parametrize("make", [of_mapillary, of_commons, of_kartaview, of_flickr])
def test_a_crawl_keeps_each_picture_once_with_its_licence(
    make: Callable[[], Case], tmp_path: Path
) -> None:
    case = make()
    working = crawl(case, tmp_path)
    found = captures(tmp_path)
    assert found.keys() == case.wanted
    assert working.stats().captures == len(case.wanted)
    assert working.stats().failed.keys() <= {FailReason.NO_LICENCE}
    with SqliteFrontier(tmp_path / "frontier.sqlite") as frontier:
        assert not frontier.unfinished()
        assert not frontier.failures()
    name = working.job.source.name
    for source_id, (record, picture) in found.items():
        assert jpeg_name(picture) == source_id
        assert record["source"] == name
        for field in ("lat", "lon", "license", "attribution", "source_url"):
            assert record[field], field
        assert bool(record["group_id"]) == (name in GROUPS)
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        for secret in case.secrets:
            assert secret.encode() not in data, (path.name, secret)


@pytest.mark.parametrize(("links", "captured"), [(2, True), (3, False)])
def test_links_that_expired_are_asked_for_again_a_few_times(
    links: int, captured: bool, tmp_path: Path
) -> None:
    images = mapillary.images(2, BOX, 20)
    server = mapillary.Mapillary(images=images, links_refused=links)
    case = replace(of_mapillary(), server=server)
    working = crawl(case, tmp_path)
    assert captures(tmp_path).keys() == ({image.id for image in images} if captured else set())
    assert working.stats().failed == ({} if captured else {FailReason.FORBIDDEN: 20})
    again = [request for request in server.log if request.path.strip("/").isdigit()]
    assert len(again) == 20 * links


def test_commons_is_asked_one_thing_at_a_time_and_for_two_pictures(tmp_path: Path) -> None:
    case = replace(of_commons(), source=lambda url: Commons(base_url=url, search_limit=30))
    crawl(case, tmp_path)
    assert captures(tmp_path).keys() == case.wanted
    assert case.server.most_at_once["w"] == 1
    assert case.server.most_at_once["wikipedia"] <= 2


def test_the_notice_in_place_of_a_deleted_picture_is_not_taken_for_it(tmp_path: Path) -> None:
    case = of_flickr()
    gone = frozenset(sorted(case.wanted)[:3])
    case.server.gone = gone  # type: ignore[attr-defined]
    working = crawl(case, tmp_path)
    assert captures(tmp_path).keys() == case.wanted - gone
    assert working.stats().failed[FailReason.NOT_FOUND] == 3


def test_a_refused_key_is_the_end_of_its_task_and_stands_nowhere(tmp_path: Path) -> None:
    case = replace(of_flickr(), key="feedfeedfeedfeed")
    case.server.faults.clear()
    working = crawl(case, tmp_path)
    assert working.stats().failed == {FailReason.SIGN_IN: 1}
    assert not any(b"feedfeed" in path.read_bytes() for path in tmp_path.iterdir())
