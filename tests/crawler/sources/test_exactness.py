"""Any small world, any cap: each adapter finds exactly what its service shows of the area."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.sources.area import Area
from crawler.sources.commons import Commons
from crawler.sources.flickr import Flickr
from crawler.sources.kartaview import KartaView
from crawler.sources.mapillary import Mapillary
from crawler.sources.source import CellSource, Query
from crawler.sources.split import Cell
from tests.crawler.sources.asking import FAST, Outcome, asking, enumerate_all
from tests.crawler.sources.servers import commons, flickr, kartaview, mapillary

WORLD = (4.890, 52.370, 4.900, 52.376)
QUERY = Query(area=Area.from_bbox("4.892,52.371,4.898,52.375"))
WEST, SOUTH, EAST, NORTH = QUERY.area.boxes[0].degrees


def inside(lat: float, lon: float) -> bool:
    return WEST <= lon <= EAST and SOUTH <= lat <= NORTH


async def of_mapillary(seed: int, count: int, stack: int, cap: int, folder: Path) -> Outcome:
    images = mapillary.images(seed, WORLD, count, stack=stack)
    server = mapillary.Mapillary(images=images, limit=cap)
    async with mapillary.serve(server):
        source = Mapillary(base_url=server.url, search_limit=cap, limits=FAST)
        async with asking(source, folder, server.token) as get:
            found = await enumerate_all(source, QUERY, get)
    assert set(found.photos) == {image.id for image in images if inside(*image.position)}
    return found


async def of_commons(seed: int, count: int, stack: int, cap: int, folder: Path) -> Outcome:
    files = commons.files(seed, WORLD, count, stack=stack)
    server = commons.Commons(files=files, limit=cap, slice=7)
    async with commons.serve(server):
        source = Commons(base_url=server.url, search_limit=cap, limits=FAST)
        async with asking(source, folder) as get:
            found = await enumerate_all(source, QUERY, get)
    places = {str(file.pageid): file.coordinates[0] for file in files}
    assert set(found.photos) == {key for key, c in places.items() if inside(c.lat, c.lon)}
    return found


async def of_kartaview(seed: int, count: int, stack: int, cap: int, folder: Path) -> Outcome:
    photos = kartaview.photos(seed, WORLD, count, stack=stack)
    server = kartaview.KartaView(photos=photos)
    async with kartaview.serve(server):
        source = KartaView(base_url=server.url, page_items=cap, limits=FAST)
        async with asking(source, folder) as get:
            found = await enumerate_all(source, QUERY, get)
    assert set(found.photos) == {str(p.id) for p in photos if inside(p.lat, p.lng)}
    return found


async def of_flickr(seed: int, count: int, stack: int, cap: int, folder: Path) -> Outcome:
    photos = flickr.photos(seed, WORLD, count, stack=stack)
    server = flickr.Flickr(photos=photos, cap=cap, per_page=3)
    async with flickr.serve(server):
        source = Flickr(base_url=server.url, cap=cap, page_items=3, limits=FAST)
        async with asking(source, folder, server.key) as get:
            found = await enumerate_all(source, QUERY, get)
    free = [p for p in photos if p.license not in ("0", "6") and inside(p.lat, p.lon)]
    assert set(found.photos) == {p.id for p in free}
    return found


Spot = tuple[float, float, int]
"""Latitude, longitude, milliseconds since 1970."""
Check = Callable[[int, int, int, int, Path], Coroutine[Any, Any, Outcome]]


@pytest.mark.parametrize("check", [of_mapillary, of_commons, of_kartaview, of_flickr])
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(0, 60),
    stack=st.integers(0, 30),
    cap=st.integers(3, 40),
)
def test_the_exact_set_of_any_world(
    check: Check, seed: int, count: int, stack: int, cap: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(check(seed, count, stack, cap, Path(folder)))
    assert not outcome.capped
    assert not outcome.bad


def searches(cell: Cell, spots: list[Spot], source: CellSource, cap: int) -> int:
    """How many searches a quad-tree makes: one of each cell, and those of a full one's parts."""
    own = [
        spot
        for spot in spots
        if cell.box.contains(*spot[:2])
        and (cell.start is None or spot[2] >= cell.start)
        and (cell.end is None or spot[2] <= cell.end)
    ]
    parts = source.splitting.parts(cell) if len(own) >= cap else []
    return 1 + sum(searches(part, own, source, cap) for part in parts)


def test_the_requests_are_the_quad_tree_s_own(tmp_path: Path) -> None:
    async def of_two() -> tuple[list[int], list[int]]:
        images = mapillary.images(11, WORLD, 400)
        first = mapillary.Mapillary(images=images, limit=30)
        photos = [replace(p, license="4") for p in flickr.photos(11, WORLD, 400)]
        second = flickr.Flickr(photos=photos, cap=30, per_page=30)
        async with mapillary.serve(first), flickr.serve(second):
            one = Mapillary(base_url=first.url, search_limit=30, limits=FAST)
            two = Flickr(base_url=second.url, cap=30, page_items=30, limits=FAST)
            async with asking(one, tmp_path, first.token) as get:
                await enumerate_all(one, QUERY, get)
            async with asking(two, tmp_path, second.key) as get:
                await enumerate_all(two, QUERY, get)
        root = Cell(QUERY.area.boxes[0])
        shot = [(*image.position, image.captured_at) for image in images]
        sent = [(photo.lat, photo.lon, photo.uploaded * 1000) for photo in photos]
        # 27 of 30 is nearly full at Mapillary; Flickr says how many there are, so 30 is not.
        own = [searches(root, shot, one, 27), searches(root, sent, two, 31)]
        return own, [len(first.requests("/images")), len(second.requests("/services")) - 1]

    own, made = asyncio.run(of_two())
    assert made == own
    assert min(own) > 20
