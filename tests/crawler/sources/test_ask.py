"""What an adapter asks with: its own host gets the credentials, and nobody else."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from crawler.budgets import SqliteBudgets
from crawler.sources.ask import Asker, with_query
from crawler.sources.mapillary import Mapillary
from crawler.sources.source import API, IMAGES
from crawler.web.client import Answer, PoliteClient
from shards.errors import UsageError
from tests.crawler.sources.running import LOOPBACK
from tests.crawler.sources.servers.panoramax import Panoramax, pictures, serve

KEY = "planted-secret"


@pytest.mark.parametrize(
    ("url", "params", "expected"),
    [
        ("https://a.example/x", {}, "https://a.example/x"),
        ("https://a.example/x", {"bbox": "1,2"}, "https://a.example/x?bbox=1,2"),
        ("https://a.example/x?a=%2B1", {"q": "a b"}, "https://a.example/x?a=%2B1&q=a+b"),
        ("https://a.example/x?a=1#top", {"n": 2}, "https://a.example/x?a=1&n=2#top"),
    ],
)
def test_parameters_are_added_and_none_is_changed(
    url: str, params: dict[str, Any], expected: str
) -> None:
    assert with_query(url, params) == expected


def test_credentials_go_to_the_sources_own_host_alone(tmp_path: Path) -> None:
    own, other = Panoramax(pictures=pictures(1, (1, 1, 2, 2), 3)), Panoramax()

    async def run() -> Answer:
        async with serve(own), serve(other):
            source = Mapillary(base_url=own.url)
            with SqliteBudgets(tmp_path / "budgets.sqlite") as budgets:
                async with PoliteClient(
                    user_agent="LostFound/0 (test@example.org)", budgets=budgets, rules=LOOPBACK
                ) as web:
                    ask = Asker(web, source, KEY)
                    await ask(f"{other.api}/search", budget=IMAGES)
                    return await ask(f"{own.api}/search", params={"limit": 2}, budget=API)

    answer = asyncio.run(run())
    assert answer.status == 200
    assert own.requests("/api/search")[0].headers["Authorization"] == f"OAuth {KEY}"
    assert own.requests("/api/search")[0].query == {"limit": "2"}
    assert "Authorization" not in other.requests("/api/search")[0].headers
    # A stranger's robots.txt is asked; that of a documented interface is not.
    assert other.requests("/robots.txt")
    assert not own.requests("/robots.txt")


def test_without_a_contact_only_this_machine_is_asked() -> None:
    ask = Asker(None, Mapillary(), KEY, has_contact=False)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"graph\.mapillary\.com"):
        asyncio.run(ask("https://graph.mapillary.com/images"))
