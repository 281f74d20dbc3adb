"""Planted secrets are looked for in all that crawls leave behind: files, logs, summaries.

Real crawls in a Ray cluster, against servers that say our secrets back to us wherever they can.
"""

import asyncio
import json
import os
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from crawler.crawl import CrawlSummary
from crawler.game.crawl import crawl_game
from crawler.game.port import Account
from crawler.monitor import MonitorOptions
from crawler.playground.server import start_in_thread
from crawler.playground.world import WorldConfig
from crawler.sources.area import Area
from crawler.sources.crawl import SourceOptions, crawl_source
from crawler.sources.flickr import Flickr
from crawler.sources.mapillary import Mapillary
from crawler.sources.source import Query, Source
from crawler.web.client import ClientRules
from crawler.web.retry import RetryRules
from shards.errors import WorkError
from shards.layout import DatasetLayout
from tests.crawler.sources.asking import FAST
from tests.crawler.sources.servers import flickr, mapillary
from tests.crawler.sources.servers.service import Service, every

BOX = (4.890, 52.370, 4.896, 52.374)
QUERY = Query(area=Area.from_bbox("4.890,52.370,4.896,52.374"))
OPTIONS = SourceOptions(
    contact="me@example.org",
    accept_terms=True,
    rules=ClientRules(retry=RetryRules(first_seconds=0.01, longest_seconds=0.02)),
    monitor=MonitorOptions(stats_seconds=0.1),
)
Make = Callable[[str], tuple[Service, AbstractAsyncContextManager[Any], Callable[[str], Source]]]


def said(request: web.Request) -> str:
    """All that the client told the server."""
    return f"{request.url} {dict(request.headers)}"


def echo(status: int) -> Callable[[web.Request], web.Response]:
    return lambda request: web.Response(status=status, text=said(request))


def astray(request: web.Request) -> web.Response:
    """A redirect to a host that is not there, with everything in its address."""
    where = f"http://127.0.0.1:9/?{quote(said(request))}"
    return web.Response(status=302, headers={"Location": where})


def of_mapillary(secret: str) -> Any:
    server = mapillary.Mapillary(
        images=mapillary.images(1, BOX, 60), limit=20, token=f"MLY|1|{secret}"
    )
    server.plan("/images", every(3, [echo(500), astray, echo(400)], 9))
    server.plan("/m1", every(5, [echo(403), astray, echo(404)], 9))
    os.environ[Mapillary.key_variable] = server.token
    return (
        server,
        mapillary.serve(server),
        lambda url: Mapillary(base_url=url, search_limit=20, rate_pause=0.05, limits=FAST),
    )


def of_flickr(secret: str) -> Any:
    server = flickr.Flickr(photos=flickr.photos(1, BOX, 60), cap=20, per_page=10, key=secret)
    server.plan("/services", every(3, [echo(500), astray, echo(400)], 9))
    os.environ[Flickr.key_variable] = secret
    return (
        server,
        flickr.serve(server),
        lambda url: Flickr(base_url=url, cap=20, page_items=10, limits=FAST),
    )


@pytest.fixture
def secret() -> Iterator[str]:
    before = dict(os.environ)
    yield secrets.token_hex(16)
    os.environ.clear()
    os.environ.update(before)


@contextmanager
def served(service: Service, serving: AbstractAsyncContextManager[Any]) -> Iterator[Service]:
    """In a thread of its own, because a crawl holds this one."""
    loop = asyncio.new_event_loop()
    ready, ends = threading.Event(), asyncio.Event()

    async def run() -> None:
        async with serving:
            ready.set()
            await ends.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(60)


def ray_logs() -> Path:
    import ray

    return Path(ray._private.worker._global_node.get_logs_dir_path())


def holders(secret: str, *folders: Path) -> list[str]:
    """The files that have the secret in them, in any of the ways in which it may be written."""
    forms = {secret, quote(secret, safe=""), secret.encode().hex(), json.dumps(secret)[1:-1]}
    needles = [form.encode() for form in forms]
    return [
        path.name
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and any(needle in data for data in [path.read_bytes()] for needle in needles)
    ]


def printed(capfd: pytest.CaptureFixture[str]) -> str:
    output = capfd.readouterr()
    return output.out + output.err


@pytest.mark.parametrize("make", [of_mapillary, of_flickr])
def test_a_key_stays_in_memory(
    ray_cluster: None,
    tmp_path: Path,
    secret: str,
    capfd: pytest.CaptureFixture[str],
    make: Make,
) -> None:
    server, serving, source = make(secret)
    with served(server, serving):
        summary = crawl_source(DatasetLayout(tmp_path), source(server.url), QUERY, OPTIONS)
        assert summary.captures > 30
        assert any(secret in f"{seen.query}{seen.headers}" for seen in server.log)
        assert any(seen.status >= 400 for seen in server.log)
    assert secret not in printed(capfd) + json.dumps(summary.to_dict()) + repr(summary)
    assert (next(tmp_path.rglob("stats*.jsonl"))).stat().st_size
    assert holders(secret, tmp_path, ray_logs()) == []


def test_a_wrong_key_is_not_told(
    ray_cluster: None, tmp_path: Path, secret: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server, serving, source = of_flickr("right")  # whose key stands in every address
    with served(server, serving):
        os.environ[Flickr.key_variable] = secret
        with pytest.raises(WorkError) as caught:
            crawl_source(DatasetLayout(tmp_path), source(server.url), QUERY, OPTIONS)
    assert secret not in printed(capfd) + str(caught.value)
    assert holders(secret, tmp_path, ray_logs()) == []


def test_a_password_stays_in_memory_and_cookies_in_their_file(
    ray_cluster: None, tmp_path: Path, secret: str, capfd: pytest.CaptureFixture[str]
) -> None:
    account = Account("planted@example.org", secret)
    with start_in_thread(WorldConfig(seed=5, countries=12)) as server:
        summary: CrawlSummary = crawl_game(
            DatasetLayout(tmp_path),
            url=server.url,
            games=1,
            workers=1,
            pages=1,
            account=account,
            monitor=MonitorOptions(stats_seconds=0.1),
        )
    assert summary.captures
    assert secret not in printed(capfd) + json.dumps(summary.to_dict()) + repr(account)
    assert holders(secret, tmp_path, ray_logs()) == []
    [session] = tmp_path.rglob("session-*.json")
    assert stat.S_IMODE(session.stat().st_mode) == 0o600
    cookies = [cookie["value"] for cookie in json.loads(session.read_text())["cookies"]]
    assert cookies
    for cookie in filter(lambda value: len(value) > 8, cookies):
        assert holders(cookie, tmp_path, ray_logs()) == [session.name]
