"""The worker of open sources: every picture once, limits, failures by reason, stops and kills."""

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from crawler.budgets import Limit
from crawler.frontier import FILE_NAME, SqliteFrontier, TaskState
from crawler.ledger import ledger_paths
from crawler.sources.area import Area, square_km
from crawler.sources.captured import captures_of, reconcile
from crawler.sources.job import SourceJob
from crawler.sources.panoramax import PanoramaxSource
from crawler.sources.source import API, IMAGES, Query
from crawler.sources.split import Cell
from crawler.sources.stac import StacSource
from crawler.sources.worker import SourceWorker
from crawler.spool import open_spool, writers
from shards.denylist import DenyList, Kind, Rule
from shards.errors import UsageError
from shards.keys import is_key
from tests.crawler.sources.running import Result, job_for, result, seed, work
from tests.crawler.sources.servers.panoramax import Panoramax, pictures, serve
from tests.crawler.sources.servers.service import jpeg_name, plain_error
from tests.crawler.sources.servers.stac import Stac, serve_stac

LUND = (13.15, 55.69, 13.23, 55.73)
FAST = {API: (Limit(100_000, 1),), IMAGES: (Limit(100_000, 1),)}
PICTURES = "/api/pictures/"


def job_of(
    folder: Path, service: Panoramax, query: Query | None = None, **options: Any
) -> SourceJob:
    page = options.pop("page", 20)
    route = options.pop("route", "search")
    source = PanoramaxSource(base_url=service.api, limits=FAST, page=page, route=route)
    return job_for(folder, source, query, **options)


def crawled(
    folder: Path,
    service: Panoramax,
    query: Query | None = None,
    *,
    workers: int = 1,
    **options: Any,
) -> Result:
    async def run() -> None:
        async with serve(service):
            job = job_of(folder, service, query, **options)
            seed(job)
            await work(*(job.named(f"photos-{number}") for number in range(workers)))

    asyncio.run(run())
    return result(folder)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what changes is in another process or database
        await asyncio.sleep(0.005)


def assert_each_once(found: Result, service: Panoramax) -> None:
    assert found.ids == sorted(service.there)
    assert set(service.served(PICTURES).values()) <= {1}


@pytest.mark.parametrize("route", ["search", "collections"])
@pytest.mark.parametrize("workers", [1, 3])
def test_every_picture_comes_once(tmp_path: Path, workers: int, route: str) -> None:
    service = Panoramax(pictures=pictures(1, LUND, 90, stack=25))
    found = crawled(tmp_path, service, workers=workers, route=route)
    assert_each_once(found, service)
    assert found.tasks[TaskState.DONE] == sum(found.tasks.values())
    assert found.failures == Counter()
    by_id = {one.id: one for one in service.pictures}
    for capture in found.captures:
        assert is_key(capture.key)
        assert float(capture.lat) == by_id[capture.source_id].lat
        assert all((capture.license, capture.license_url, capture.attribution, capture.source_url))
    for capture, image in images_of(tmp_path):
        assert jpeg_name(image) == capture


def test_a_picture_that_many_cells_report_is_fetched_once(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(14, LUND, 120))
    west, south, east, north = LUND
    boxes = [Area.from_bbox(f"{west - n},{south},{east},{north + n}").boxes[0] for n in range(6)]

    async def run() -> None:
        async with serve(service):
            job = job_of(tmp_path, service, page=500)
            seed(job, [Cell(box).task() for box in boxes])
            await work(*(job.named(f"photos-{number}") for number in range(3)))

    asyncio.run(run())
    assert len(service.requests("/api/search")) == 6
    assert_each_once(result(tmp_path), service)


def images_of(folder: Path) -> list[tuple[str, bytes]]:
    """(source id, bytes of the picture) of everything committed."""
    import tarfile

    found = []
    for writer in writers(folder):
        with open_spool(folder, writer) as spool:
            spool.seal()
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            for image, record in zip(members[::2], members[1::2], strict=True):
                text = tar.extractfile(record)
                data = tar.extractfile(image)
                assert text is not None
                assert data is not None
                found.append((json.loads(text.read())["source_id"], data.read()))
    return found


def test_a_limit_holds_over_all_workers(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(2, LUND, 200))
    found = crawled(tmp_path, service, Query(limit=30), workers=3)
    assert len(found.ids) == len(set(found.ids)) == 30
    assert service.served(PICTURES).total() == 30


def test_squares_are_covered_evenly(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(3, LUND, 300))
    found = crawled(tmp_path, service, Query(max_per_km2=3), workers=2)
    there = Counter(square_km(one.lat, one.lon) for one in service.pictures)
    taken = Counter(square_km(float(one.lat), float(one.lon)) for one in found.captures)
    assert taken == Counter({square: min(count, 3) for square, count in there.items()})


def test_crowds_are_not_searched_to_the_last_picture_for_a_few_of_them(tmp_path: Path) -> None:
    crowd = pictures(15, (13.1900, 55.7000, 13.1904, 55.7002), 150)
    whole = crawled(tmp_path / "all", service := Panoramax(pictures=crowd), page=40)
    searches = len(service.requests("/api/search"))
    few = crawled(
        tmp_path / "few", service := Panoramax(pictures=crowd), Query(max_per_km2=5), page=40
    )
    assert len(whole.ids) == 150
    assert len(few.ids) == 5 * len({square_km(one.lat, one.lon) for one in crowd})
    assert len(service.requests("/api/search")) < searches
    assert few.failures == Counter()


def test_an_expired_url_is_asked_for_again(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(4, LUND, 90), lifetime=60)
    found = crawled(tmp_path, service)
    assert found.ids == sorted(service.there)
    refused = [one for one in service.requests(PICTURES) if one.status == 403]
    assert refused


def test_failures_by_reason(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(5, LUND, 40), bad_items=3)

    def html(_request: web.Request) -> web.Response:
        return web.Response(text="<html>sorry</html>", content_type="image/jpeg")

    service.plan(PICTURES, [plain_error(404), html, plain_error(410), plain_error(410)])
    found = crawled(tmp_path, service, page=100)
    assert found.failures["bad_record"] == 3
    assert found.failures["not_an_image"] == 1
    # A picture that is gone is asked for again with a new address, which may be gone too.
    assert 1 <= found.failures["not_found"] <= 2
    assert len(found.ids) + found.failures.total() == 40


def test_errors_that_pass_cost_nothing(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(6, LUND, 60))
    passing = [plain_error(500), plain_error(429, {"Retry-After": "0"}), None, plain_error(503)]
    service.plan("/api/search", passing)
    service.plan(PICTURES, passing * 3)
    found = crawled(tmp_path, service)
    assert found.ids == sorted(service.there)
    assert found.failures == Counter()


def test_an_answer_against_the_protocol_is_tried_again_then_fails_its_task(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(7, LUND, 5))
    service.plan("/api/search", [lambda _: web.json_response({"features": None})])

    async def run() -> None:
        async with serve(service):
            job = job_of(tmp_path, service)
            seed(job)
            worker = job.worker()
            running = asyncio.create_task(worker.run())
            with SqliteFrontier(tmp_path / FILE_NAME) as frontier:
                await until(lambda: bool(service.requests("/api/search")))
                await until(lambda: frontier.counts()[TaskState.PENDING] == 1)
            await worker.stop()
            await running

    asyncio.run(run())
    assert result(tmp_path).tasks[TaskState.PENDING] == 1


def test_a_wall_ends_the_task_for_good(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(8, LUND, 5))
    challenge = plain_error(403, {"cf-mitigated": "challenge"})
    service.plan("/api/search", [challenge])
    found = crawled(tmp_path, service)
    assert found.failed == {"wall": 1}
    assert found.ids == []


def test_a_cell_that_stays_full_is_a_recorded_fact(tmp_path: Path) -> None:
    same = pictures(9, LUND, 1)[0]
    from dataclasses import replace

    crowd = [replace(same, id=f"{same.id[:-8]}{n:08d}", rank=n + 1) for n in range(12)]
    found = crawled(tmp_path, Panoramax(pictures=crowd), page=5)
    assert found.failures["capped"] >= 1
    assert len(found.ids) == 5


def test_the_deny_list_is_asked_before_anything_is_fetched(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(10, LUND, 30))
    denied = service.pictures[7].id
    denylist = DenyList((Rule(Kind.ID, denied, source="panoramax"),))
    found = crawled(tmp_path, service, denylist=denylist)
    assert found.ids == sorted(service.there - {denied})
    assert found.failures == Counter({"denied": 1})
    assert not any(denied in path for path in service.served(PICTURES))


def test_a_stop_is_quick_and_loses_nothing(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(11, LUND, 200))

    async def run() -> None:
        async with serve(service):
            job = job_of(tmp_path, service)
            seed(job)
            worker = job.worker()
            running = asyncio.create_task(worker.run())
            await until(lambda: len(service.served(PICTURES)) >= 60)
            await worker.stop()
            async with asyncio.timeout(20):
                await running
            with SqliteFrontier(tmp_path / FILE_NAME) as frontier:
                assert frontier.counts()[TaskState.LEASED] == 0
            before = {one.source_id for one in captures_of(tmp_path)}
            assert 0 < len(before) < 200
            await work(job.named("photos-1"))
            again = {one.source_id for one in captures_of(tmp_path)} - before
            assert len(again) == 200 - len(before)

    asyncio.run(run())
    found = result(tmp_path)
    assert found.ids == sorted(service.there)


CHILD = """
import asyncio, pickle, sys
job = pickle.loads(bytes.fromhex(sys.argv[1]))
asyncio.run(job.worker().run())
"""


def test_kill_9_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(12, LUND, 150, stack=25))

    async def run() -> int:
        import pickle

        kills = 0
        async with serve(service):
            job = job_of(tmp_path, service)
            seed(job)
            while True:
                name = f"photos-{kills % 2}"
                code = pickle.dumps(job.named(name)).hex()
                child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, code)
                target = len(service.served(PICTURES)) + 40
                ended = asyncio.create_task(child.wait())
                if kills < 2:
                    await until(
                        lambda: ended.done() or len(service.served(PICTURES)) >= target  # noqa: B023
                    )
                    with suppress(ProcessLookupError):
                        child.send_signal(signal.SIGKILL)
                if await ended == 0:
                    return kills
                kills += 1
                with SqliteFrontier(tmp_path / FILE_NAME) as frontier:  # as the driver does
                    frontier.begin_run()
                    reconcile(tmp_path, frontier)

    assert asyncio.run(run()) >= 2
    assert result(tmp_path).ids == sorted(service.there)


def test_without_its_frontier_nothing_is_fetched_again(tmp_path: Path) -> None:
    service = Panoramax(pictures=pictures(13, LUND, 50))
    crawled(tmp_path, service, Query(max_per_km2=2))
    there = len(result(tmp_path).ids)
    served = service.served(PICTURES).total()
    for path in tmp_path.glob("frontier.sqlite*"):
        path.unlink()
    with SqliteFrontier(tmp_path / FILE_NAME) as frontier:
        reconcile(tmp_path, frontier)
        assert frontier.admitted() == there
    found = crawled(tmp_path, service, Query(max_per_km2=2), workers=2)
    assert service.served(PICTURES).total() == served == there == len(found.ids)


def test_what_a_dead_worker_was_given_is_given_out_anew(tmp_path: Path) -> None:
    from crawler.frontier import Item

    with SqliteFrontier(tmp_path / FILE_NAME) as frontier:
        frontier.admit([Item("panoramax-lost", "1/1")], "cell_1", total=1)
        reconcile(tmp_path, frontier)
        assert frontier.admit([Item("panoramax-new", "1/1")], "cell_2", total=1)


def test_without_a_contact_nobody_else_is_asked(tmp_path: Path) -> None:
    service = Stac(pictures=pictures(16, LUND, 3), files="https://pictures.example.org")

    async def run() -> None:
        async with serve_stac(service):
            source = StacSource(base_url=service.api, limits=FAST)
            job = job_for(tmp_path, source, has_contact=False)
            seed(job)
            await work(job)

    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(run())
    (error,) = caught.value.exceptions
    assert isinstance(error, UsageError)
    assert "pictures.example.org" in str(error)


def test_the_key_is_in_no_repr(tmp_path: Path) -> None:
    job = job_for(tmp_path, PanoramaxSource(), key="planted-secret", writer="w")
    assert "planted-secret" not in repr(job)
    assert isinstance(job.worker(), SourceWorker)
    assert ledger_paths(tmp_path) == []
    assert Area() == job.query.area
