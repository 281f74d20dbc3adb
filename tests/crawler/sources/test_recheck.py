"""Which captured photographs are gone: each adapter asks by id, and finds exactly those."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from crawler.reasons import FailReason
from crawler.sources.commons import Commons
from crawler.sources.flickr import Flickr
from crawler.sources.kartaview import KartaView
from crawler.sources.mapillary import Mapillary
from crawler.sources.recheck import CheckedSource
from crawler.sources.source import Query
from crawler.web.errors import FetchError
from tests.crawler.sources.asking import FAST, asking
from tests.crawler.sources.servers import commons, flickr, kartaview, mapillary
from tests.crawler.sources.servers.service import Fault

BOX = (4.88, 52.36, 4.92, 52.38)
COUNT = 170


async def gone(
    service: Any,
    serve: Callable[[Any], AbstractAsyncContextManager[Any]],
    make: Callable[[str], CheckedSource],
    ids: list[str],
    folder: Path,
    key: str = "",
) -> set[str]:
    """What a check of these captures says is deleted."""
    async with serve(service):
        source = make(service.url)
        groups = {"one": ids[::2], "two": ids[1::2]}
        async with asking(source, folder, key) as get:
            found: list[str] = []
            for task in source.checks(groups):
                expansion = await source.expand(json.loads(task.payload), Query(), get)
                assert not expansion.photos
                found += expansion.deleted
    assert len(found) == len(set(found))
    return set(found)


async def of_mapillary(folder: Path) -> tuple[set[str], set[str], int]:
    ids = [image.id for image in mapillary.images(1, BOX, COUNT)]
    hidden = frozenset(ids[3:60:13])
    service = mapillary.Mapillary(images=mapillary.images(1, BOX, COUNT), hidden=hidden)
    found = await gone(
        service,
        mapillary.serve,
        lambda url: Mapillary(base_url=url, limits=FAST),
        ids,
        folder,
        service.token,
    )
    return found, {*hidden}, len(service.log)


async def of_commons(folder: Path) -> tuple[set[str], set[str], int]:
    files = commons.files(1, BOX, COUNT)
    deleted = frozenset(file.pageid for file in files[::19])
    service = commons.Commons(files=files, deleted=deleted)
    found = await gone(
        service,
        commons.serve,
        lambda url: Commons(base_url=url, limits=FAST),
        [str(file.pageid) for file in files],
        folder,
    )
    return found, {str(pageid) for pageid in deleted}, len(service.log)


async def of_kartaview(folder: Path) -> tuple[set[str], set[str], int]:
    photos = kartaview.photos(1, BOX, COUNT)
    lost = frozenset(photo.id for photo in photos[150:])  # all of the second request
    service = kartaview.KartaView(photos=photos, gone=lost)
    found = await gone(
        service,
        kartaview.serve,
        lambda url: KartaView(base_url=url, limits=FAST),
        [str(photo.id) for photo in photos],
        folder,
    )
    return found, {str(one) for one in lost}, len(service.log)


async def of_flickr(folder: Path) -> tuple[set[str], set[str], int]:
    photos = flickr.photos(1, BOX, COUNT)
    lost = frozenset(photo.id for photo in photos[::23])
    service = flickr.Flickr(photos=photos, gone=lost)
    found = await gone(
        service,
        flickr.serve,
        lambda url: Flickr(base_url=url, limits=FAST),
        [photo.id for photo in photos],
        folder,
        service.key,
    )
    return found, {*lost}, len(service.log)


Check = Callable[[Path], Coroutine[Any, Any, tuple[set[str], set[str], int]]]


@pytest.mark.parametrize(
    ("check", "most"),
    [(of_mapillary, 60), (of_commons, 4), (of_kartaview, 2), (of_flickr, COUNT)],
)
def test_exactly_what_is_gone_is_found_in_few_requests(
    check: Check, most: int, tmp_path: Path
) -> None:
    found, expected, requests = asyncio.run(check(tmp_path))
    assert found == expected
    assert requests <= most


def odd(_request: Any) -> Any:
    return mapillary.error(400, 100, "Invalid parameter")


ERRORS = [
    (mapillary.Mapillary(), mapillary.serve, Mapillary, odd, mapillary.TOKEN),
    (commons.Commons(), commons.serve, Commons, commons.lagged, ""),
    (kartaview.KartaView(), kartaview.serve, KartaView, kartaview.timed_out, ""),
    (kartaview.KartaView(), kartaview.serve, KartaView, kartaview.broken, ""),
    (flickr.Flickr(), flickr.serve, Flickr, flickr.unavailable, flickr.KEY),
]


@pytest.mark.parametrize(("service", "serve", "adapter", "fault", "key"), ERRORS)
def test_an_error_is_never_taken_for_a_deletion(
    service: Any, serve: Any, adapter: Any, fault: Fault, key: str, tmp_path: Path
) -> None:
    service.plan("/", [fault] * 20)
    ids = [str(number) for number in range(4)]
    with pytest.raises(FetchError) as caught:
        asyncio.run(
            gone(
                service,
                serve,
                lambda url: adapter(base_url=url, limits=FAST),
                ids,
                tmp_path,
                key,
            )
        )
    assert caught.value.reason is not FailReason.NOT_FOUND
