"""Whole crawls of open sources by the command's own core, with Ray, against a loopback server."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler.budgets import Limit
from crawler.sources.area import Area
from crawler.sources.captured import captures_of
from crawler.sources.commands import ENTRIES, area_of, load, moment
from crawler.sources.crawl import SourceOptions, crawl_source, follow_source
from crawler.sources.panoramax import PanoramaxSource
from crawler.sources.source import API, IMAGES, Query
from crawler.sources.stac import StacSource
from shards.denyfile import load_denylist
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.crawler.sources.servers.panoramax import Panoramax, pictures, serve

LUND = (13.15, 55.69, 13.23, 55.73)
FAST = {API: (Limit(100_000, 1),), IMAGES: (Limit(100_000, 1),)}
PICTURES = "/api/pictures/"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@contextmanager
def served(service: Panoramax) -> Iterator[Panoramax]:
    """Serves from a thread of its own, because a crawl holds this one."""
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def run() -> None:
        async with serve(service):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


def source_of(service: Panoramax, **options: Any) -> PanoramaxSource:
    return PanoramaxSource(base_url=service.api, limits=FAST, page=50, **options)


def captured(layout: DatasetLayout) -> list[str]:
    return sorted(one.source_id for one in captures_of(layout.raw_source("panoramax")))


def test_run_again_and_with_another_query(tmp_path: Path, ray_cluster: None) -> None:
    layout = DatasetLayout(tmp_path)
    with served(Panoramax(pictures=pictures(1, LUND, 120))) as service:
        source, options = source_of(service), SourceOptions(workers=2)
        few = crawl_source(layout, source, Query(limit=20), options)
        assert (few.captures, few.new_captures, few.tasks_failed) == (20, 20, 0)
        again = crawl_source(layout, source, Query(limit=20), options)
        assert again.new_captures == 0
        everything = crawl_source(layout, source, Query(), options)
        assert (everything.captures, everything.new_captures) == (120, 100)
        assert captured(layout) == sorted(service.there)
        assert set(service.served(PICTURES).values()) == {1}
    described = json.loads((layout.raw_source("panoramax") / "source.json").read_bytes())
    assert described["options"]["base_url"] == service.api
    assert described["query"]["limit"] == 0


def test_following_takes_what_is_new_and_buries_what_is_deleted(
    tmp_path: Path, ray_cluster: None
) -> None:
    layout = DatasetLayout(tmp_path)
    with served(Panoramax(pictures=pictures(2, LUND, 50))) as service:
        first = set(service.there)

        def between(_seconds: float) -> None:
            if service.deleted:  # the second time
                service.updated = dict.fromkeys(service.updated, LONG_AGO)
                service.add(pictures(4, LUND, 10))
                return
            service.add(pictures(3, LUND, 30))
            service.deleted = {service.pictures[3].id}
            service.deleted_sequences = {service.pictures[30].sequence}

        source = source_of(service, route="collections")
        summary = follow_source(
            layout,
            source,
            Query(),
            SourceOptions(),
            every=5,
            sleep=between,
            passes=3,
        )
        assert summary.new_captures == 10
        assert len(service.requests(f"/api/collections/{service.pictures[0].sequence}/items")) == 2
        assert set(captured(layout)) == first | service.there
        assert set(service.served(PICTURES).values()) == {1}
        rules = {(str(rule.rule), rule.value) for rule in load_denylist(layout).rules}
        (sequence,) = service.deleted_sequences
        assert ("group", sequence) in rules
        assert not any(kind == "id" for kind, _ in rules)
        checked = SourceOptions(recheck=True)
        assert crawl_source(layout, source, Query(), checked).new_captures == 0
        denied = load_denylist(layout)
        buried = [
            one
            for one in captures_of(layout.raw_source("panoramax"))
            if denied.refusal(one) is not None
        ]
        assert {one.source_id for one in buried} == first - service.there


def test_another_instance_does_not_bury_what_it_never_had(
    tmp_path: Path, ray_cluster: None
) -> None:
    layout = DatasetLayout(tmp_path)
    with served(Panoramax(pictures=pictures(5, LUND, 10))) as service:
        assert crawl_source(layout, source_of(service), Query(), SourceOptions()).captures == 10
    with served(Panoramax(pictures=pictures(6, LUND, 5))) as other:
        options = SourceOptions(recheck=True)
        assert crawl_source(layout, source_of(other), Query(), options).captures == 15
    assert load_denylist(layout).rules == ()


def test_what_may_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = DatasetLayout(tmp_path)
    with pytest.raises(UsageError, match="--contact"):
        crawl_source(layout, PanoramaxSource(), Query(limit=1), SourceOptions())
    with pytest.raises(UsageError, match="--accept-terms"):
        crawl_source(
            layout,
            StacSource(base_url="https://stac.example.org"),
            Query(limit=1),
            SourceOptions(contact="me@example.org"),
        )
    monkeypatch.delenv("LOSTFOUND_MAPILLARY_TOKEN", raising=False)
    mapillary = load(next(one for one in ENTRIES if one.name == "mapillary"), {})
    options = SourceOptions(contact="me@example.org", accept_terms=True)
    with pytest.raises(UsageError, match="LOSTFOUND_MAPILLARY_TOKEN"):
        crawl_source(layout, mapillary, Query(limit=1), options)
    with pytest.raises(UsageError, match="--limit"):
        crawl_source(layout, PanoramaxSource(), Query(limit=-1), options)


def test_options_of_the_command_line() -> None:
    by_name = {entry.name: entry for entry in ENTRIES}
    for entry in ENTRIES:
        settings = {"base_url": "http://127.0.0.1:1"} if "base_url" in entry.settings else {}
        assert load(entry, settings).name == entry.name
    source = load(by_name["panoramax"], {"route": "collections", "page": "50", "asset": ""})
    assert source == PanoramaxSource(route="collections", page=50)
    stac = load(by_name["stac"], {"base_url": "http://127.0.0.1:1", "collections": "a, b"})
    assert isinstance(stac, StacSource)
    assert stac.collections == ("a", "b")
    with pytest.raises(UsageError, match="--page"):
        load(by_name["panoramax"], {"page": "many"})
    with pytest.raises(UsageError, match="--route"):
        load(by_name["panoramax"], {"route": "teleport"})
    with pytest.raises(UsageError, match="--url"):
        load(by_name["stac"], {})


def test_area_and_time_options() -> None:
    assert area_of("", "", 5) == Area()
    assert area_of("1,2,3,4", "", 0) == Area.from_bbox("1,2,3,4")
    with pytest.raises(UsageError, match="no area"):
        area_of("", "", 0)
    with pytest.raises(UsageError, match="one of them"):
        area_of("1,2,3,4", "NL", 0)
    assert moment("--since", "") is None
    assert moment("--since", "2024-05-31") == datetime(2024, 5, 31, tzinfo=UTC)
    assert moment("--since", "2024-05-31T02:00+02:00") == datetime(2024, 5, 31, tzinfo=UTC)
    with pytest.raises(UsageError, match="--until"):
        moment("--until", "tomorrow")
