"""Panoramax against the real server, filled with real photographs: `make test-panoramax`.

The name keeps it out of `make test`: it installs geovisio and a database first.
"""

import asyncio
import csv
import json
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crawler.sources.area import Area
from crawler.sources.captured import captures_of
from crawler.sources.crawl import SourceOptions, crawl_source
from crawler.sources.panoramax import PanoramaxSource
from crawler.sources.source import Query
from crawler.sources.stac import StacSource
from shards.capture import Capture
from shards.denyfile import load_denylist
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.panoramax.real_server import (
    LICENSE,
    LICENSE_URL,
    Installation,
    Photograph,
    Server,
    UnavailableError,
)

HOME = Path(__file__).parents[2] / ".tools" / "panoramax"
PHOTOGRAPHS_VARIABLE = "PANORAMAX_PHOTOGRAPHS"
FIRST = datetime(2023, 6, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def albums(request: pytest.FixtureRequest) -> dict[str, list[Photograph]]:
    """Photographs by sequence, from folders with a `labels.csv` of file, lat and lon."""
    given = os.environ.get(PHOTOGRAPHS_VARIABLE)
    root = Path(given) if given else request.getfixturevalue("shared_data") / "photos"
    tables = sorted(root.rglob("labels.csv"))
    if not tables:
        pytest.skip(f"{root}: no labels.csv below it; set {PHOTOGRAPHS_VARIABLE}")
    found = {table.parent.name: list(_labelled(table)) for table in tables}
    return {name: photographs for name, photographs in found.items() if photographs}


def _labelled(table: Path) -> Iterator[Photograph]:
    with open(table, newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            taken = (FIRST + timedelta(seconds=10 * number)).isoformat()
            yield Photograph(table.parent / row["file"], row["lat"], row["lon"], taken)


@pytest.fixture(scope="module")
def server(albums: dict[str, list[Photograph]]) -> Iterator[Server]:
    """Running, with one sequence for each album."""
    # Not pytest's own folder: the database runs as another user, who may not enter that.
    with tempfile.TemporaryDirectory(prefix="panoramax-") as work:
        Path(work).chmod(0o755)
        try:
            installation = Installation(HOME)
            installation.prepare()
            real = Server(installation, Path(work))
            with real.running():
                for title, photographs in albums.items():
                    asyncio.run(real.upload(title, photographs))
                yield real
        except UnavailableError as error:
            pytest.skip(f"no real Panoramax server: {error}")


def crawled(
    folder: Path, source: PanoramaxSource | StacSource, query: Query | None = None
) -> list[Capture]:
    layout = DatasetLayout(folder)
    options = SourceOptions(workers=2, contact="test@example.org", accept_terms=True)
    summary = crawl_source(layout, source, query or Query(), options)
    assert not summary.failed
    assert not summary.items_failed
    return list(captures_of(layout.raw_source(source.name)))


def test_both_routes_give_every_photograph_once(
    server: Server, albums: dict[str, list[Photograph]], tmp_path: Path, ray_cluster: None
) -> None:
    total = sum(map(len, albums.values()))
    by_search = crawled(tmp_path / "1", PanoramaxSource(base_url=server.api, page=10))
    by_route = PanoramaxSource(base_url=server.api, page=7, route="collections")
    by_collection = crawled(tmp_path / "2", by_route)
    assert len(by_search) == len(by_collection) == total
    search = {one.source_id: one for one in by_search}
    assert search == {one.source_id: one for one in by_collection}
    assert len({one.group_id for one in by_search}) == len(albums)


def test_what_the_real_server_says_of_a_photograph(
    server: Server, albums: dict[str, list[Photograph]], tmp_path: Path, ray_cluster: None
) -> None:
    captures = crawled(tmp_path, PanoramaxSource(base_url=server.api))
    places = sorted((float(one.lat), float(one.lon)) for album in albums.values() for one in album)
    found = sorted((float(one.lat), float(one.lon)) for one in captures)
    for place, other in zip(places, found, strict=True):
        assert place == pytest.approx(other, abs=2e-6)
    for one in captures:
        assert (one.license, one.license_url) == (LICENSE, LICENSE_URL)
        assert one.attribution == f"Default account, {LICENSE}, via Panoramax (127.0.0.1)"
        assert datetime.fromisoformat(one.captured_at).astimezone(UTC) >= FIRST
        extra = json.loads(one.extra)
        assert extra["author"] == "Default account"
        # The server takes pictures that are twice as wide as high for 360 degrees.
        assert extra["is_panorama"] is (extra["width"] == 2 * extra["height"])


def test_time_and_place(
    server: Server, albums: dict[str, list[Photograph]], tmp_path: Path, ray_cluster: None
) -> None:
    middle = FIRST + timedelta(seconds=155)
    everything = [one for album in albums.values() for one in album]
    lats = sorted(float(one.lat) for one in everything)
    edge = lats[len(lats) // 2] + 1e-4
    query = Query(area=Area.from_bbox(f"-180,-90,180,{edge:.6f}"), until=middle)
    wanted = [
        one
        for one in everything
        if float(one.lat) < edge and datetime.fromisoformat(one.taken) < middle
    ]
    for route in ("search", "collections"):
        source = PanoramaxSource(base_url=server.api, page=10, route=route)
        assert len(crawled(tmp_path / route, source, query)) == len(wanted)


def test_only_sequences_that_changed(
    server: Server, albums: dict[str, list[Photograph]], tmp_path: Path, ray_cluster: None
) -> None:
    source = PanoramaxSource(base_url=server.api, page=1, route="collections")
    hour = timedelta(hours=1)
    before, after = (Query(changed_since=datetime.now(UTC) + step) for step in (-hour, hour))
    assert len(crawled(tmp_path / "before", source, before)) == sum(map(len, albums.values()))
    assert crawled(tmp_path / "after", source, after) == []


def test_the_generic_stac_adapter_is_told_that_there_are_no_further_pages(
    server: Server, albums: dict[str, list[Photograph]], tmp_path: Path, ray_cluster: None
) -> None:
    """Search of Panoramax has no next page, so one page must hold everything."""
    source = StacSource(base_url=server.api, asset="thumb", page=1_000)
    assert len(crawled(tmp_path, source)) == sum(map(len, albums.values()))


def test_a_page_above_the_limit_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UsageError, match="10,000"):
        PanoramaxSource(page=10_001)


def test_deletions_are_honoured(
    server: Server, albums: dict[str, list[Photograph]], tmp_path: Path, ray_cluster: None
) -> None:
    """Last, because it deletes: one picture, and one whole sequence with all that it has."""
    source = PanoramaxSource(base_url=server.api, route="collections")
    before = crawled(tmp_path, source)
    sizes: dict[str, int] = {}
    for one in before:
        sizes[one.group_id] = sizes.get(one.group_id, 0) + 1
    sequence = min(sizes, key=lambda name: sizes[name])
    single = next(one for one in before if one.group_id != sequence)
    asyncio.run(server.delete(f"/collections/{sequence}"))
    asyncio.run(server.delete(f"/collections/{single.group_id}/items/{single.source_id}"))
    layout = DatasetLayout(tmp_path)
    options = SourceOptions(contact="test@example.org", recheck=True)
    summary = crawl_source(layout, source, Query(), options)
    assert summary.new_captures == 0
    rules = load_denylist(layout)
    refused = {one.source_id for one in before if rules.refusal(one)}
    expected = {one.source_id for one in before if one.group_id == sequence} | {single.source_id}
    assert refused == expected
    there = {one.source_id for one in crawled(tmp_path / "new", source)}
    assert there == {one.source_id for one in before} - expected
