"""Panoramax by both of its routes, against a server that speaks its protocol."""

import asyncio
import json
from pathlib import Path

import pytest

from crawler.budgets import Limit, SqliteBudgets
from crawler.sources.area import Area
from crawler.sources.ask import Asker
from crawler.sources.panoramax import PanoramaxSource
from crawler.sources.photo import read_json
from crawler.sources.source import API, IMAGES, Query
from crawler.web.client import PoliteClient
from tests.crawler.sources.asking import Outcome, enumerate_all
from tests.crawler.sources.running import LOOPBACK
from tests.crawler.sources.servers.panoramax import (
    LICENSE_URL,
    Panoramax,
    Picture,
    pictures,
    serve,
)

LUND = (13.15, 55.69, 13.23, 55.73)
FAST = {API: (Limit(100_000, 1),), IMAGES: (Limit(100_000, 1),)}


def source_of(service: Panoramax, **options: object) -> PanoramaxSource:
    return PanoramaxSource(base_url=service.api, limits=FAST, **options)  # type: ignore[arg-type]


async def listed(service: Panoramax, folder: Path, query: Query, **options: object) -> Outcome:
    source = source_of(service, **options)
    with SqliteBudgets(folder / "budgets.sqlite") as budgets:
        async with PoliteClient(
            user_agent="LostFound/0 (test@example.org)", budgets=budgets, rules=LOOPBACK
        ) as web:
            return await enumerate_all(source, query, Asker(web, source))


@pytest.mark.parametrize("page", [7, 100, 10_000])
def test_both_routes_give_exactly_what_is_there(tmp_path: Path, page: int) -> None:
    service = Panoramax(pictures=pictures(1, LUND, 400, stack=30))
    service.deleted = {one.id for one in service.pictures[:9]}
    service.deleted_sequences = {service.pictures[50].sequence}

    async def run() -> tuple[Outcome, Outcome]:
        async with serve(service):
            search = await listed(service, tmp_path, Query(), page=page)
            paged = await listed(service, tmp_path, Query(), page=page, route="collections")
            return search, paged

    search, paged = asyncio.run(run())
    assert set(search.photos) == set(paged.photos) == service.there
    assert search.photos == paged.photos
    assert search.capped == search.bad == paged.bad == []


def test_area_and_time_by_both_routes(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(2, LUND, 300) + pictures(3, (2, 48, 3, 49), 200))
    times = sorted(one.taken for one in service.pictures if one.lat > 50)
    since, until = times[50], times[200]
    query = Query(area=Area.of_country("SE"), since=since, until=until)

    async def run() -> tuple[Outcome, Outcome]:
        async with serve(service):
            search = await listed(service, tmp_path, query, page=50)
            paged = await listed(service, tmp_path, query, page=50, route="collections")
            return search, paged

    search, paged = asyncio.run(run())
    wanted = {one.id for one in service.pictures if one.lat > 50 and since <= one.taken < until}
    assert set(search.photos) == set(paged.photos) == wanted
    asked = [request.path for request in service.requests("/api/collections/")]
    of_france = {one.sequence for one in service.pictures if one.lat < 50}
    assert not any(name in path for path in asked for name in of_france)


def test_a_page_above_the_servers_limit_is_an_error_and_no_empty_answer(tmp_path: Path) -> None:
    from crawler.web.errors import FetchError

    service = Panoramax(pictures=pictures(4, LUND, 3), limit=100)

    async def run() -> None:
        async with serve(service):
            await listed(service, tmp_path, Query(), page=101)

    with pytest.raises(FetchError) as caught:
        asyncio.run(run())
    assert caught.value.status == 400


def test_a_bad_item_is_counted_and_stops_no_other(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(5, LUND, 20), bad_items=4)

    async def run() -> Outcome:
        async with serve(service):
            return await listed(service, tmp_path, Query())

    outcome = asyncio.run(run())
    assert len(outcome.photos) == 16
    assert {one.id for one in outcome.bad} == {one.id for one in service.pictures[:4]}


def test_a_photo_has_licence_author_page_and_kind(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(6, LUND, 3))

    async def run() -> Outcome:
        async with serve(service):
            return await listed(service, tmp_path, Query())

    first: Picture = service.pictures[0]
    photo = asyncio.run(run()).photos[first.id]
    capture = photo.to_capture("panoramax")
    assert capture.key == f"panoramax-{first.id}"
    assert (float(capture.lat), float(capture.lon)) == (first.lat, first.lon)
    assert (capture.license, capture.license_url) == ("CC-BY-SA-4.0", LICENSE_URL)
    assert capture.attribution == "ada, CC-BY-SA-4.0, via Panoramax (panoramax.example.org)"
    assert capture.source_url == f"https://panoramax.example.org/#focus=pic&pic={first.id}"
    assert capture.group_id == first.sequence
    assert capture.captured_at == first.taken.isoformat()
    extra = json.loads(capture.extra)
    assert extra["author"] == "ada"
    assert extra["is_panorama"] is True
    assert (extra["heading"], extra["width"], extra["rank"]) == (10, 64, 1)


def test_deletions_are_found_for_sequences_and_for_single_pictures(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(7, LUND, 60))
    captured: dict[str, list[str]] = {}
    for one in service.pictures:
        captured.setdefault(one.sequence, []).append(one.id)
    gone = service.pictures[3]
    service.deleted = {gone.id}
    service.deleted_sequences = {service.pictures[30].sequence}

    async def run() -> tuple[set[str], set[str]]:
        async with serve(service):
            source = source_of(service, route="collections")
            with SqliteBudgets(tmp_path / "budgets.sqlite") as budgets:
                async with PoliteClient(
                    user_agent="LostFound/0 (test@example.org)", budgets=budgets, rules=LOOPBACK
                ) as web:
                    get, query = Asker(web, source), Query()
                    (seed,) = source.seeds(query)
                    groups = await source.expand(json.loads(seed.payload), query, get)
                    ids: set[str] = set()
                    for task in source.checks(captured):
                        found = await source.expand(json.loads(task.payload), query, get)
                        ids |= set(found.deleted)
                    return set(groups.deleted_groups), ids

    groups, ids = asyncio.run(run())
    assert groups == service.deleted_sequences
    in_deleted = {one.id for one in service.pictures if one.sequence in groups}
    assert ids == {gone.id} | in_deleted


def test_an_item_of_the_federated_catalogue() -> None:
    """As recorded from a real instance, with the link that the catalogue adds."""
    body = (Path(__file__).parent / "data" / "panoramax_item.json").read_bytes()
    photo = PanoramaxSource()._read(read_json(body))
    assert photo is not None
    assert (photo.lat, photo.lon) == ("47.902728", "1.910738")
    assert photo.license == "etalab-2.0"
    assert photo.source_page.startswith("https://panoramax.ign.fr/#focus=pic&pic=f3ab9f87")
    assert photo.attribution == "Default account, etalab-2.0, via Panoramax (panoramax.ign.fr)"
    assert photo.captured_at == "2023-06-01T12:06:30+02:00"
    assert (photo.width, photo.height, photo.heading) == (2560, 1440, 75)
    assert photo.is_panorama is False
