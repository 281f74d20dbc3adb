"""Budgets hold over a whole fleet: the server itself counts what it should not have seen."""

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from crawler.budgets import Limit, SqliteBudgets
from crawler.web.client import ClientRules, PoliteClient
from tests.crawler.web.server import Server, answer, serve

LIMITS = (Limit(1, 0.02), Limit(6, 0.3), Limit(3, 0.0))
REQUESTS = 32
MOST_WORKERS = 8
SERIAL = (Limit(1, 0.0),)


@pytest.fixture(scope="module")
def actors(ray_cluster: None) -> Iterator[list[Any]]:
    """Ray actors that fetch as workers do."""
    import ray

    class Asker:
        async def ask(
            self, budgets: Path, urls: list[str], limits: tuple[Limit, ...], api: bool
        ) -> int:
            with SqliteBudgets(budgets) as shared:
                async with PoliteClient(
                    user_agent="LostFound/1 (me@example.org)",
                    budgets=shared,
                    rules=ClientRules(allow_private=True, connections_per_host=8),
                ) as client:
                    budget = {"budget": "source", "limits": limits} if limits else {}
                    await asyncio.gather(*(client.get(url, api=api, **budget) for url in urls))
                    return client.counts.requests

    made = [ray.remote(num_cpus=0)(Asker).remote() for _ in range(MOST_WORKERS)]
    yield made
    for actor in made:
        ray.kill(actor)


def ask(
    actors: list[Any],
    server: Server,
    tmp_path: Path,
    limits: tuple[Limit, ...] = LIMITS,
    *,
    requests: int = REQUESTS,
    api: bool = True,
) -> None:
    """All actors together make so many requests."""
    import ray

    urls = [server.url(f"/{number}") for number in range(requests)]
    calls = [
        actor.ask.remote(tmp_path / "budgets.sqlite", urls[n :: len(actors)], limits, api)
        for n, actor in enumerate(actors)
    ]
    ray.get(calls, timeout=240)


def violations(server: Server, limits: tuple[Limit, ...]) -> list[str]:
    """What the server must not have seen, by its own clock."""
    began = sorted(seen.began for seen in server.seen)
    found = [
        f"{limit.count + 1} requests in {last - first:.4f} s instead of {limit.seconds} s"
        for limit in limits
        for first, last in zip(began, began[limit.count :], strict=False)
        if last - first < limit.seconds
    ]
    for seen in server.seen:
        at_once = sum(other.began < seen.ended <= other.ended for other in server.seen)
        found += [
            f"{at_once} at a time instead of {limit.count}"
            for limit in limits
            if not limit.seconds and at_once > limit.count
        ]
    return found


@pytest.mark.parametrize("workers", [1, 4, 8])
def test_no_fleet_breaks_a_budget(actors: list[Any], tmp_path: Path, workers: int) -> None:
    delays = random.Random(workers)

    async def uneven(_: web.Request) -> web.Response:
        await asyncio.sleep(delays.choice([0, 0.001, 0.01, 0.08]))
        return web.Response()

    with serve(uneven) as server:
        ask(actors[:workers], server, tmp_path)
    assert len(server.seen) == REQUESTS
    assert violations(server, LIMITS) == []


def test_a_fleet_without_budgets_would_break_them(actors: list[Any], tmp_path: Path) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.02)
        return web.Response()

    with serve(slow) as server:
        ask(actors[:2], server, tmp_path, ())
    assert len(violations(server, LIMITS)) > REQUESTS / 2


def test_retry_after_stops_the_whole_fleet(actors: list[Any], tmp_path: Path) -> None:
    closed_until = 0.0
    early = 0

    async def moody(request: web.Request) -> web.Response:
        nonlocal closed_until, early
        early += time.time() < closed_until
        if len(server.seen) % 7 == 3:
            closed_until = time.time() + 0.5
            return web.Response(status=429, headers={"Retry-After": "0.5"})
        return web.Response()

    with serve(moody) as server:
        ask(actors[:4], server, tmp_path, SERIAL, requests=20)
    assert len(server.seen) >= 22
    assert early == 0


def test_crawl_delay_holds_over_the_fleet(actors: list[Any], tmp_path: Path) -> None:
    with serve(answer(), robots="User-agent: *\nCrawl-delay: 0.15") as server:
        ask(actors[:3], server, tmp_path, (), requests=12, api=False)
    assert violations(server, (Limit(1, 0.15),)) == []
