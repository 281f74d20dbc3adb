"""The source that CONTRIBUTING.md shows is real: it runs, and finds what a capped service has."""

import asyncio
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crawler.sources.area import Area
from crawler.sources.source import Query
from crawler.web.client import Answer

TEXT = Path(__file__).parents[1].joinpath("CONTRIBUTING.md").read_text(encoding="utf-8")
CC_BY = "https://creativecommons.org/licenses/by/4.0/"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The shown adapter as a module."""
    section = TEXT.partition("## Add a source")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = ModuleType("example_source")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, "CONTRIBUTING.md", "exec"), module.__dict__)
    return module


def test_the_example_finds_everything_behind_its_cap(example: ModuleType) -> None:
    records: list[dict[str, Any]] = [
        {
            "id": number,
            "lat": 52.0 + number // 7 / 1000,
            "lon": 4.0 + number % 7 / 1000,
            "picture": f"https://example.org/{number}.jpg",
            "licence": CC_BY if number else "",
            "author": "Ada",
            "taken": f"2024-05-0{1 + number % 9}T12:00:00Z",
        }
        for number in range(100)
    ]

    async def get(url: str, *, params: dict[str, Any], **_: Any) -> Answer:
        west, south, east, north = map(float, params["bbox"].split(","))
        inside = [r for r in records if west <= r["lon"] <= east and south <= r["lat"] <= north]
        body = json.dumps({"photos": inside[: params["limit"]]}).encode()
        return Answer(url, 200, {}, body)

    async def find(cap: int) -> tuple[set[str], set[str]]:
        source, query = example.Example(cap=cap), Query(area=Area.from_bbox("4,52,4.01,52.02"))
        tasks, found, refused = list(source.seeds(query)), set(), set()
        while tasks:
            expansion = await source.expand(json.loads(tasks.pop().payload), query, get)
            tasks += expansion.children
            found |= {photo.id for photo in expansion.photos}
            refused |= {str(bad.reason) for bad in expansion.bad}
            assert not expansion.capped
        return found, refused

    for cap in (10, 500):
        found, refused = asyncio.run(find(cap))
        assert found == {str(number) for number in range(1, 100)}
        assert refused == {"no_licence"}


def test_the_files_that_the_section_names_are_there() -> None:
    root = Path(__file__).parents[1]
    for name in re.findall(r"`((?:crawler|tests|shards)/[\w/]+(?:\.py|/))`", TEXT):
        assert root.joinpath(name).exists(), name
