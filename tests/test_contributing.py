"""What CONTRIBUTING.md shows is real: its source finds all that there is, its filter filters."""

import asyncio
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from crawler.sources.area import Area
from crawler.sources.source import Query
from crawler.web.client import Answer
from enrich import filters
from enrich.geo.places import Place
from enrich.scores.quality import score
from tests.enrich.samples import picture

TEXT = Path(__file__).parents[1].joinpath("CONTRIBUTING.md").read_text(encoding="utf-8")
CC_BY = "https://creativecommons.org/licenses/by/4.0/"


def shown(heading: str, module: ModuleType) -> ModuleType:
    """Runs the Python that stands under a heading inside `module`."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    exec(compile(code, "CONTRIBUTING.md", "exec"), module.__dict__)
    return module


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The shown adapter as a module."""
    module = ModuleType("example_source")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return shown("Add a source", module)


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


def test_the_filter_lets_day_pass_and_stops_night(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("example_filters")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.__dict__.update(vars(filters), __name__=module.__name__)
    daylight = shown("Add a filter", module).Daylight(100)
    pictures = {"day": picture(), "night": (picture() // 8).astype(np.uint8)}
    words = {
        name: daylight.reject(filters.Evidence(None, score(pixels), Place()))
        for name, pixels in pictures.items()
    }
    assert words["day"] is None
    assert words["night"].reason == "low_variance"
    assert daylight.reject(filters.Evidence(None, None, Place())) is None


def test_the_files_that_the_page_names_are_there() -> None:
    root = Path(__file__).parents[1]
    for name in re.findall(r"`((?:crawler|enrich|tests|shards)/[\w/]+(?:\.py|/))`", TEXT):
        assert root.joinpath(name).exists(), name
