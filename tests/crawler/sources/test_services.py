"""The loopback services keep the limits and habits that the real ones document."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientSession

from tests.crawler.sources.servers import commons, flickr, kartaview, mapillary
from tests.crawler.sources.servers.service import jpeg, jpeg_name

BOX = (4.88, 52.36, 4.92, 52.38)
BBOX = "4.88,52.36,4.92,52.38"
AGENT = {"User-Agent": "Test/1 (test@example.org)"}

Ask = Callable[..., Awaitable[tuple[int, Any]]]


async def asker(session: ClientSession, url: str, **params: Any) -> tuple[int, Any]:
    async with session.get(url, params=params) as answer:
        return answer.status, await answer.json()


def run(service: Any, serve: Any, talk: Callable[[Ask], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with serve(service), ClientSession(service.url, headers=AGENT) as session:
            await talk(lambda path, **params: asker(session, path, **params))

    asyncio.run(inside())


def test_mapillary_shows_fields_that_were_asked_for_of_boxes_that_are_small_enough() -> None:
    server = mapillary.Mapillary(images=mapillary.images(1, BOX, 60), limit=50)

    async def talk(ask: Ask) -> None:
        token = {"access_token": mapillary.TOKEN}
        assert (await ask("/images", bbox=BBOX))[0] == 500  # no token, as it was measured
        assert (await ask("/images", bbox=BBOX, access_token="MLY|0"))[0] == 401
        status, body = await ask("/images", bbox="4.8,52.3,4.95,52.4", **token)
        assert (status, body["error"]["code"]) == (400, 100)
        status, body = await ask("/images", bbox=BBOX, fields="id,captured_at", **token)
        assert (status, len(body["data"])) == (200, 50)
        assert "paging" not in body
        assert all(record.keys() == {"id", "captured_at"} for record in body["data"])
        ids = [image.id for image in server.images]
        _, entities = await ask("/", ids=",".join(ids[:50]), fields="sequence", **token)
        assert entities[ids[3]] == {"id": ids[3], "sequence": server.images[3].sequence}
        assert (await ask("/", ids=",".join(ids[:51]), **token))[0] == 400
        _, listed = await ask("/image_ids", sequence_id="seq1", **token)
        assert {each["id"] for each in listed["data"]} == set(ids[1::7])

    run(server, mapillary.serve, talk)


def test_commons_has_caps_areas_slices_and_errors_in_two_forms() -> None:
    server = commons.Commons(files=commons.files(1, BOX, 120))
    fixed: dict[str, str | int] = {"action": "query", "format": "json", "formatversion": 2}
    box = "52.38|4.88|52.36|4.92"

    async def talk(ask: Ask) -> None:
        search = {**fixed, "generator": "geosearch", "ggsnamespace": 6, "ggsbbox": box}
        _, few = await ask("/w/api.php", **search)
        assert len(few["query"]["pages"]) == 10
        props = {"prop": "imageinfo", "iiprop": "url", "iiurlwidth": 640, "ggslimit": "max"}
        _, many = await ask("/w/api.php", **search, **props)
        with_info = [page for page in many["query"]["pages"] if "imageinfo" in page]
        assert (len(many["query"]["pages"]), len(with_info)) == (120, 50)
        assert many["continue"].keys() == {"iicontinue", "continue"}
        wide = {**search, "ggsbbox": "53|4|52|5"}
        assert (await ask("/w/api.php", **wide))[1]["error"]["code"] == "toobig"
        plain = await ask("/w/api.php", **wide, errorformat="plaintext")
        assert plain[1]["errors"][0]["code"] == "toobig"
        near = {**fixed, "generator": "search", "gsrnamespace": 6, "gsroffset": 10_000}
        async with ClientSession(server.url) as stranger:
            refused = await stranger.get("/w/api.php", params=search)
            assert refused.status == 403  # its user agent names no contact
        late = await ask("/w/api.php", **near, gsrsearch="nearcoord:10m,52,4")
        assert late[1]["error"]["code"] == "cirrussearch-offset-too-large"

    run(server, commons.serve, talk)


def test_kartaview_tells_errors_with_http_200_and_everything_as_text() -> None:
    server = kartaview.KartaView(photos=kartaview.photos(1, BOX, 9), slow_above=5)

    async def talk(ask: Ask) -> None:
        async def code(**params: Any) -> int:
            status, body = await ask("/2.0/photo/", **params)
            assert status == 200
            return int(body["status"]["apiCode"])

        assert await code(lat=52.37) == 400
        assert await code(lat=52.37, lng=4.9, radius=50, itemsPerPage=151) == 400
        assert await code(lat=10, lng=4.9, radius=50) == 601
        assert await code(lat=52.37, lng=4.9, radius=5_000) == 408
        one = server.photos[0]
        _, body = await ask("/2.0/photo/", lat=one.lat, lng=one.lng, radius=1)
        (record,) = body["result"]["data"]
        assert "sequence" not in record
        assert isinstance(record["lat"], str)

    run(server, kartaview.serve, talk)


def test_flickr_repeats_its_first_page_beyond_the_last_and_shows_only_recent_without_a_date() -> (
    None
):
    server = flickr.Flickr(photos=flickr.photos(1, BOX, 60), cap=40, per_page=20)
    fixed: dict[str, str | int] = {
        "method": "flickr.photos.search",
        "api_key": flickr.KEY,
        "format": "json",
        "nojsoncallback": 1,
        "bbox": BBOX,
        "per_page": 500,
    }

    async def talk(ask: Ask) -> None:
        async def ids(**params: Any) -> list[str]:
            _, body = await ask("/services/rest/", **{**fixed, **params})
            return [photo["id"] for photo in body["photos"]["photo"]]

        assert await ids() == []
        first = await ids(min_upload_date=1)
        assert len(first) == 20
        assert await ids(min_upload_date=1, page=2) != first
        assert await ids(min_upload_date=1, page=3) == first
        status, body = await ask("/services/rest/", **{**fixed, "api_key": "no"})
        assert (status, body["stat"], body["code"]) == (200, "fail", 100)

    run(server, flickr.serve, talk)


def test_every_picture_is_a_jpeg_of_its_own() -> None:
    assert jpeg("a") != jpeg("b")
    assert jpeg_name(jpeg("123")) == "123"
