"""Any small world, any cap: each adapter finds exactly what its service shows of the area."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
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
from crawler.sources.source import Query
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
