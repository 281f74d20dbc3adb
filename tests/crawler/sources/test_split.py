"""Adaptive splitting against a simulated capped server: the exact set, and no request too many."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.sources.area import DEGREE, WORLD, Area, Box
from crawler.sources.photo import Photo
from crawler.sources.source import CellSource, Found, Get, Query, Terms
from crawler.sources.split import EARLIEST_MS, LATEST_MS, Cell, Splitting


class Spot(NamedTuple):
    """A photograph of the simulated server: units of 1e-7 degrees or parts of them, and ms."""

    lon: float
    lat: float
    time: int


class CappedSource(CellSource):
    """Knows some spots, and shows at most `cap` of those in a cell, borders included."""

    name = "capped"
    terms = Terms(url="https://example.org/terms", reviewed_on="2026-11-22")

    def __init__(self, spots: Sequence[Spot], cap: int, splitting: Splitting) -> None:
        self.spots, self.cap, self.splitting = spots, cap, splitting
        self.base_url = "https://example.org"
        self.limits = {}
        self.searches: list[Cell] = []

    async def search(self, cell: Cell, get: Get) -> Found:
        self.searches.append(cell)
        inside = [number for number, spot in enumerate(self.spots) if holds(cell, spot)]
        photos = [photo_of(number, self.spots[number]) for number in inside[: self.cap]]
        return Found(photos=photos, whole=len(photos) < self.cap)


def holds(cell: Cell, spot: Spot) -> bool:
    west, south, east, north = cell.box
    in_box = west <= spot.lon <= east and south <= spot.lat <= north
    after = cell.start is None or spot.time >= cell.start
    return in_box and after and (cell.end is None or spot.time <= cell.end)


def photo_of(number: int, spot: Spot) -> Photo:
    return Photo(
        id=str(number),
        lat=repr(spot.lat / DEGREE),
        lon=repr(spot.lon / DEGREE),
        image_url="https://example.org/a.jpg",
        source_page="https://example.org/a",
        license="CC-BY-SA-4.0",
        attribution="somebody",
    )


async def no_get(*_: Any, **__: Any) -> Any:
    raise AssertionError("a simulated source asks nobody")


def enumerate_all(source: CellSource, query: Query) -> tuple[set[int], list[str]]:
    """Works through all tasks as workers do; the numbers found, and the searches that stay full."""

    async def work() -> tuple[set[int], list[str]]:
        tasks = list(source.seeds(query))
        names = {task.id for task in tasks}
        found: set[int] = set()
        capped = []
        while tasks:
            task = tasks.pop()
            expansion = await source.expand(json.loads(task.payload), query, no_get)
            found |= {int(photo.id) for photo in query.wanted(expansion.photos)}
            capped += [expansion.capped] if expansion.capped else []
            new = [child for child in expansion.children if child.id not in names]
            assert len(new) == len(expansion.children), "a cell was planned twice"
            names |= {child.id for child in new}
            tasks += new
        return found, capped

    return asyncio.run(work())


def minimal_requests(spots: Sequence[Spot], box: Box, cap: int, smallest: int) -> int:
    """The requests of the quad-tree over `box`, counted by its definition and no code of ours."""
    west, south, east, north = box
    inside = [s for s in spots if west <= s.lon <= east and south <= s.lat <= north]
    if len(inside) < cap or max(east - west, north - south) <= smallest:
        assert len(inside) < cap, "this count knows no time"
        return 1
    x, y = (west + east) // 2, (south + north) // 2
    quarters = [
        Box(west, south, x, y),
        Box(x, south, east, y),
        Box(west, y, x, north),
        Box(x, y, east, north),
    ]
    return 1 + sum(minimal_requests(inside, quarter, cap, smallest) for quarter in quarters)


def clustered(count: int, seed: int) -> list[Spot]:
    """Spots as streets have them: dense in a few places, thin elsewhere."""
    import numpy as np

    rng = np.random.default_rng(seed)
    centres = rng.uniform([-179, -89], [179, 89], (12, 2))
    spread = rng.choice([0.001, 0.05, 3.0], (count, 1))
    degrees = centres[rng.integers(0, 12, count)] + rng.normal(0, 1, (count, 2)) * spread
    degrees = np.clip(degrees, [-180, -90], [180, 90])
    return [
        Spot(round(lon * DEGREE), round(lat * DEGREE), number)
        for number, (lon, lat) in enumerate(degrees.tolist())
    ]


@pytest.mark.parametrize(("cap", "count"), [(10, 1_500), (100, 6_000), (10_000, 25_000)])
def test_the_exact_set_with_the_quad_trees_own_requests(cap: int, count: int) -> None:
    spots = clustered(count, seed=cap)
    source = CappedSource(spots, cap, Splitting())
    found, capped = enumerate_all(source, Query())
    assert found == set(range(count))
    assert capped == []
    smallest = Splitting().smallest
    assert len(source.searches) == minimal_requests(spots, WORLD, cap, smallest)


coordinates = st.builds(
    Spot,
    st.integers(WORLD.west, WORLD.east) | st.sampled_from([WORLD.west, 0, WORLD.east]),
    st.integers(WORLD.south, WORLD.north) | st.sampled_from([WORLD.south, 0, WORLD.north]),
    st.integers(EARLIEST_MS - 10**12, LATEST_MS + 10**12) | st.integers(0, 40),
)


@settings(max_examples=60, deadline=None)
@given(spots=st.lists(coordinates, max_size=60, unique=True), cap=st.integers(2, 12))
def test_nothing_is_lost_between_cells_at_the_poles_or_at_the_antimeridian(
    spots: list[Spot], cap: int
) -> None:
    source = CappedSource(spots, cap, Splitting())
    found, capped = enumerate_all(source, Query())
    if not capped:
        assert found == set(range(len(spots)))
    assert len(set(source.searches)) == len(source.searches)
    # Only spots of one place and one instant (or beyond every plausible date) can stay full.
    for text in capped:
        assert " " in text


def test_servers_know_finer_positions_than_the_borders_of_cells() -> None:
    spots = [Spot(x + 0.5, y - 0.25, 0) for x in range(-3, 3) for y in range(-3, 3)]
    source = CappedSource(spots, 2, Splitting(smallest=1, smallest_ms=0))
    found, capped = enumerate_all(source, Query())
    assert found == set(range(len(spots)))
    assert capped == []


@pytest.mark.parametrize("cap", [10, 100])
def test_more_than_the_cap_on_one_point_are_told_apart_by_time(cap: int) -> None:
    place = (DEGREE * 4 + 1, DEGREE * 52 + 3)
    spots = [Spot(*place, 1_700_000_000_000 + 37 * number) for number in range(3 * cap)]
    source = CappedSource(spots, cap, Splitting())
    found, capped = enumerate_all(source, Query())
    assert found == set(range(len(spots)))
    assert capped == []


def test_what_no_split_can_tell_apart_is_reported_and_the_shown_ones_kept() -> None:
    spots = [Spot(0, 0, 1_700_000_000_000)] * 25
    source = CappedSource(spots, 10, Splitting())
    found, capped = enumerate_all(source, Query(area=Area.from_bbox("0,0,1,1")))
    assert found == set(range(10))
    # The two shortest windows that meet at that instant.
    assert len(capped) == 2
    assert all(text.startswith("0,0,") and "2023-11-14T22:13:20.000Z" in text for text in capped)


def test_without_a_time_filter_the_smallest_cell_is_the_end() -> None:
    spots = [Spot(0, 0, number) for number in range(25)]
    source = CappedSource(spots, 10, Splitting(smallest_ms=0))
    _, capped = enumerate_all(source, Query(area=Area.from_bbox("0,0,1,1")))
    assert len(capped) == 1
    assert all(cell.start is None and cell.end is None for cell in source.searches)


def test_cells_too_large_for_the_source_are_never_searched() -> None:
    spots = clustered(300, seed=4)
    source = CappedSource(spots, 50, Splitting(largest=DEGREE))
    area = Area.from_bbox("-20,-20,12,12")
    found, _ = enumerate_all(source, Query(area=area))
    assert found == {
        number
        for number, spot in enumerate(spots)
        if area.contains([(spot.lat / DEGREE, spot.lon / DEGREE)])[0]
    }
    assert max(cell.box.east - cell.box.west for cell in source.searches) <= DEGREE


def test_a_box_over_the_antimeridian() -> None:
    spots = [Spot(lon * DEGREE, 0, lon) for lon in (-180, -175, -160, 160, 175, 180)]
    source = CappedSource(spots, 3, Splitting())
    found, _ = enumerate_all(source, Query(area=Area.from_bbox("170,-5,-170,5")))
    assert found == {0, 1, 4, 5}


def test_cells_of_a_country_keep_to_its_polygons() -> None:
    amsterdam, paris, almere = (4.9, 52.37), (2.35, 48.85), (5.3, 52.4)
    places = [amsterdam, paris, almere] * 30
    spots = [
        Spot(round(lon * DEGREE) + 9_000 * number, round(lat * DEGREE) + 9_000 * number, 0)
        for number, (lon, lat) in enumerate(places)
    ]
    source = CappedSource(spots, 10, Splitting())
    found, _ = enumerate_all(source, Query(area=Area.of_country("NL")))
    assert found == {number for number in range(90) if number % 3 != 1}
    around_paris = Box(*(round(x * DEGREE) for x in (2.2, 48.8, 2.5, 48.9)))
    near = [cell for cell in source.searches if around_paris.contains(*cell.box.centre)]
    assert near == []


def test_a_task_says_its_cell_and_back() -> None:
    for cell in (Cell(WORLD), Cell(Box(1, 2, 3, 4), None, 5), Cell(Box(-1, 2, 3, 4), 0, 9)):
        assert Cell.from_payload(json.loads(cell.task().payload)) == cell
    ids = {Cell(WORLD, *ends).task().id for ends in [(None, None), (0, None), (None, 0), (0, 0)]}
    assert len(ids) == 4


def test_an_interval_as_stac_writes_it() -> None:
    assert Cell(WORLD).interval() == ""
    assert Cell(WORLD, 0, None).interval() == "1970-01-01T00:00:00.000Z/.."
    assert Cell(WORLD, None, 1).interval() == "../1970-01-01T00:00:00.001Z"
