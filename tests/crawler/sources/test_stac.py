"""Any STAC server: paging by link, licences, assets, and what is no such server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from crawler.budgets import Limit, SqliteBudgets
from crawler.sources.area import Area
from crawler.sources.ask import Asker
from crawler.sources.source import API, IMAGES, Query
from crawler.sources.stac import StacSource, next_page
from crawler.web.client import PoliteClient
from tests.crawler.sources.asking import Outcome, enumerate_all
from tests.crawler.sources.running import LOOPBACK, job_for, result, seed, work
from tests.crawler.sources.servers.panoramax import pictures
from tests.crawler.sources.servers.stac import ALTERNATE, Stac, serve_stac

LUND = (13.15, 55.69, 13.23, 55.73)
FAST = {API: (Limit(100_000, 1),), IMAGES: (Limit(100_000, 1),)}


def listed(service: Stac, folder: Path, query: Query | None = None, **options: Any) -> Outcome:
    async def run() -> Outcome:
        async with serve_stac(service):
            source = StacSource(base_url=service.api, limits=FAST, **options)
            with SqliteBudgets(folder / "budgets.sqlite") as budgets:
                async with PoliteClient(
                    user_agent="LostFound/0 (test@example.org)", budgets=budgets, rules=LOOPBACK
                ) as web:
                    return await enumerate_all(source, query or Query(), Asker(web, source))

    return asyncio.run(run())


@pytest.mark.parametrize("next_by_post", [False, True])
def test_every_page_is_followed(tmp_path: Path, next_by_post: bool) -> None:
    service = Stac(pictures=pictures(1, LUND, 64), next_by_post=next_by_post)
    outcome = listed(service, tmp_path)
    assert set(outcome.photos) == {f"{one.sequence}/{one.id}" for one in service.pictures}
    assert len(service.requests("/stac/search")) == 7
    assert outcome.bad == []


def test_a_box_over_the_antimeridian_and_one_collection(tmp_path: Path) -> None:
    service = Stac(pictures=pictures(2, (179, 0, 180, 1), 30) + pictures(3, (-180, 0, -179, 1), 30))
    both = listed(service, tmp_path, Query(area=Area.from_bbox("178,-1,-178,2")))
    assert len(both.photos) == 60
    name = service.pictures[0].sequence
    one = listed(service, tmp_path, collections=(name,))
    assert {photo.group_id for photo in one.photos.values()} == {name}


def test_the_licence_is_the_items_or_else_its_collections(tmp_path: Path) -> None:
    service = Stac(pictures=pictures(4, LUND, 3))
    photo = next(iter(listed(service, tmp_path).photos.values()))
    assert (photo.license, photo.license_url) == ("CC-BY-4.0", "https://example.org/CC-BY-4.0")
    assert photo.attribution == "ada, CC-BY-4.0, via 127.0.0.1"
    assert photo.source_page.startswith(ALTERNATE)
    assert photo.image_url.endswith(".jpg")
    own = listed(Stac(pictures=pictures(4, LUND, 3), licence_in_items=True), tmp_path)
    assert {photo.license for photo in own.photos.values()} == {"CC0-1.0"}
    none = listed(Stac(pictures=pictures(4, LUND, 3), licence=""), tmp_path)
    assert none.photos == {}
    assert [one.reason for one in none.bad] == ["no_licence"] * 3


def test_the_asset_may_be_named(tmp_path: Path) -> None:
    service = Stac(pictures=pictures(5, LUND, 2))
    named = listed(service, tmp_path, asset="small")
    assert all(photo.image_url.endswith("?small") for photo in named.photos.values())
    unknown = listed(service, tmp_path, asset="huge")
    assert len(unknown.bad) == 2


def test_what_is_no_item_search_is_refused(tmp_path: Path) -> None:
    service = Stac(pictures=[], classes=("https://api.stacspec.org/v1.0.0/core",))
    with pytest.raises(ValueError, match="item search"):
        listed(service, tmp_path)


def test_a_next_link_that_leads_back_ends(tmp_path: Path) -> None:
    """A page that names itself as the next one is the same task, and so done already."""
    service = Stac(pictures=pictures(6, LUND, 12), page=6)

    async def run() -> None:
        async with serve_stac(service):
            source = StacSource(base_url=service.api, limits=FAST)
            service.page = 0  # every page is empty and has a next one: itself
            job = job_for(tmp_path, source)
            seed(job)
            async with asyncio.timeout(60):
                await work(job)

    asyncio.run(run())
    assert result(tmp_path).ids == []


def test_next_links_of_every_kind() -> None:
    url = "https://a.example/search?bbox=1,2,3,4&limit=5"

    def following(**link: Any) -> str:
        return next_page({"links": [{"rel": "next", **link}]}, url)

    assert next_page({}, url) == ""
    assert following(href="search?token=x") == "https://a.example/search?token=x"
    assert following(href="/s", method="POST", body={"token": "x"}, merge=True) == (
        "https://a.example/s?bbox=1%2C2%2C3%2C4&limit=5&token=x"
    )
    body = {"token": "x", "bbox": [1, 2, 3, 4], "filter": {"op": "="}}
    assert following(href="/s", method="POST", body=body) == (
        "https://a.example/s?token=x&bbox=1%2C2%2C3%2C4"
    )
