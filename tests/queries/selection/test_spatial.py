"""Splits by place: equal blocks, the buffer, whole groups, and nothing that moves."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.geo.sphere import EARTH_RADIUS_KM, angle_between, unit_vectors
from queries.selection.spatial import Grid, Placed, Places, place, too_near, with_most_of_unit
from queries.selection.splits import hash_split, parse_shares, random_split
from shards.keys import order_hash
from tests.queries.conftest import HandMade, row

Run = Callable[..., tuple[int, str, str]]
AREA = 4 * math.pi * EARTH_RADIUS_KM**2
# Clusters of points around hard places: the antimeridian, the poles, and an ordinary one.
POINT = st.one_of(
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    st.tuples(st.floats(-1, 1), st.floats(179, 181).map(lambda lon: (lon + 180) % 360 - 180)),
    st.tuples(st.floats(89, 90), st.floats(-180, 180)),
    st.tuples(st.floats(55, 56), st.floats(13, 14)),
    st.tuples(st.just(float("nan")), st.just(float("nan"))),
)
ROWS = st.lists(st.tuples(POINT, st.integers(0, 40)), min_size=1, max_size=40)
EVEN = parse_shares("40,30,30")


def placed(
    rows: list[tuple[tuple[float, float], int]], block_km: float, buffer_km: float
) -> Placed:
    lat, lon = (np.array([point[axis] for point, _ in rows]) for axis in (0, 1))
    unit = np.array([order_hash(1, f"unit {number}") for _, number in rows])
    places = Places(lat=lat, lon=lon, unit=unit)
    return place(places, seed=1, shares=EVEN, block_km=block_km, buffer_km=buffer_km)


@pytest.mark.parametrize("block_km", [20, 50, 333, 3000, 10_000])
def test_blocks_have_equal_areas(block_km: float) -> None:
    grid = Grid(block_km)
    edges = np.concatenate([[-90.0], grid.edges, [90.0]])
    bands = np.diff(np.sin(np.radians(edges))) * AREA / 2
    blocks = bands / grid.cells
    assert blocks == pytest.approx(AREA / grid.first[-1], rel=1e-6)
    # About the size that was asked for.
    assert math.sqrt(blocks[0]) == pytest.approx(block_km, rel=0.3 if block_km > 1000 else 0.05)


def test_every_point_has_a_block_and_the_date_line_is_one_meridian() -> None:
    grid = Grid(50)
    rng = np.random.default_rng(1)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 200_000)))
    numbers = grid.blocks(lat, rng.uniform(-180, 180, 200_000))
    assert numbers.min() >= 0
    assert numbers.max() < grid.first[-1]
    ends = np.array([-90.0, 0.0, 12.3, 90.0])
    east, west, again = (grid.blocks(ends, np.full(4, lon)) for lon in (180.0, -180.0, 540.0))
    assert (east == west).all()
    assert (again == west).all()
    assert grid.blocks(np.array([0.0]), np.array([np.nextafter(-180, -181)]))[0] < grid.first[-1]


def test_block_numbers_stay_as_they_are() -> None:
    """A committed selection depends on them."""
    grid = Grid(50.0)
    assert grid.first[-1] == 203_858
    numbers = grid.blocks(np.array([55.7, -90.0, 0.0]), np.array([13.2, 0.0, 180.0]))
    assert numbers.tolist() == [186027, 1, 203_858 // 2]


@settings(deadline=None, max_examples=150)
@given(ROWS, st.sampled_from([10.0, 50.0, 2000.0]), st.sampled_from([0.0, 5.0, 60.0]))
def test_splits_lie_apart_and_groups_are_whole(
    rows: list[tuple[tuple[float, float], int]], block_km: float, buffer_km: float
) -> None:
    result = placed(rows, block_km, buffer_km)
    vectors = unit_vectors(*(np.array([point[axis] for point, _ in rows]) for axis in (0, 1)))
    distances = EARTH_RADIUS_KM * angle_between(vectors[:, None], vectors[None])
    kept = result.kept
    other_split = result.split[:, None] != result.split[None]
    apart = distances[other_split & kept[:, None] & kept[None]]
    assert not (apart < buffer_km).any()
    units = np.array([unit for _, unit in rows])
    for unit in set(units[kept]):
        assert len(set(result.split[kept & (units == unit)])) == 1
    # Nothing gives way without a reason: a later split's kept row is near.
    later = result.split[:, None] < result.split[None]
    near = (distances < buffer_km + 1e-5) & later & kept[None]
    assert near[result.buffer].any(axis=1).all()


@settings(deadline=None, max_examples=150)
@given(ROWS, ROWS)
def test_more_data_moves_no_row(
    rows: list[tuple[tuple[float, float], int]], more: list[tuple[tuple[float, float], int]]
) -> None:
    before, after = placed(rows, 50, 5), placed(rows + more, 50, 5)
    assert (before.split == after.split[: len(rows)]).all()


def test_what_is_dropped_keeps_nothing_away() -> None:
    degree = EARTH_RADIUS_KM * math.pi / 180
    # Along a meridian: test, validation 4 km on, train 4 km further, train beside the test sample.
    lat = np.array([0.0, 4.0, 8.0, -4.9]) / degree
    split = np.array([2, 1, 0, 0], dtype=np.int8)
    assert too_near(lat, np.zeros(4), split, 5.0).tolist() == [False, True, False, True]
    assert not too_near(lat, np.zeros(4), split, 0.0).any()


def test_without_a_position_the_unit_decides() -> None:
    nowhere = (math.nan, math.nan)
    result = placed([(nowhere, number) for number in range(50)], 50, 5)
    # `placed` hashes with the seed 1 already.
    expected = [hash_split(1, f"unit {number}", EVEN) for number in range(50)]
    assert [("train", "validation", "test")[code] for code in result.split] == expected
    assert result.kept.all()


def test_most_of_a_group_and_of_equal_ones_the_later() -> None:
    unit = np.array([7, 7, 7, 8, 8, 9, 9])
    split = np.array([0, 0, 1, 0, 1, 2, 0], dtype=np.int8)
    kept = with_most_of_unit(unit, split)
    assert kept.tolist() == [True, True, False, False, True, True, False]


def spread(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Rows over some hundred kilometres, each a group of its own."""
    rng = np.random.default_rng(2)
    places = rng.uniform([45, 5], [50, 12], (count, 2)).round(5)
    return [
        row(i, lat=float(lat), lon=float(lon), **{"group_id": ""} | changes)
        for i, (lat, lon) in enumerate(places)
    ]


def select(lostfound: Run, hand_made: HandMade, *arguments: object) -> dict[str, Any]:
    code, out, error = lostfound(
        "select", hand_made.layout.root, "--split", "spatial", *arguments, "--json"
    )
    assert code == 0, error
    return dict(json.loads(out))


def test_selecting_by_place(hand_made: HandMade, lostfound: Run) -> None:
    nowhere = [row(5000 + i, lat=None, lon=None, group_id=f"nowhere{i}") for i in range(20)]
    hand_made.add_part(spread(800) + nowhere)
    record = select(lostfound, hand_made, "--buffer-km", "6", "--block-km", "60")
    assert record["options"]["split"] == "spatial"
    assert (record["options"]["block_km"], record["options"]["buffer_km"]) == (60, 6)
    assert min(record["leak_check"]["distance_km"].values()) >= 6
    assert record["dropped"]["within_the_buffer"] > 0
    assert record["dropped"]["group_in_several_splits"] == 0
    assert sum(record["counts"].values()) + sum(record["dropped"].values()) == 820
    assert record["without_position"] == 20
    table = pq.read_table(hand_made.layout.selection("default") / "selection.parquet").to_pylist()
    splits = {r["key"]: r["split"] for r in table}
    for values in nowhere:
        assert splits[values["key"]] == random_split(0, "", values["source"], values["group_id"])


def test_the_limit_and_the_quotas_hold_after_the_buffer(
    hand_made: HandMade, lostfound: Run
) -> None:
    hand_made.add_part(spread(500))
    record = select(lostfound, hand_made, "--buffer-km", "6", "--limit", "100")
    assert sum(record["counts"].values()) == 100


def test_a_group_over_several_blocks_stays_in_one_split(
    hand_made: HandMade, lostfound: Run
) -> None:
    hand_made.add_part(spread(60, group_id="one"))
    record = select(lostfound, hand_made)
    assert record["leak_check"]["groups_across_splits"] == 0
    assert record["dropped"]["group_in_several_splits"] > 0
    assert sorted(record["counts"].values())[:2] == [0, 0]
    _, _, notes = lostfound("select", hand_made.layout.root, "--split", "spatial")
    assert "--split-by key divides groups" in notes


def test_note_about_rows_without_a_position(hand_made: HandMade, lostfound: Run) -> None:
    hand_made.add_part([row(i, lat=None, lon=None) for i in range(50)])
    _, _, note = lostfound("select", hand_made.layout.root, "--split", "spatial")
    assert "50 samples have no position" in note


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--block-km", "50"], "--split spatial"),
        (["--buffer-km", "5"], "--split spatial"),
        (["--split", "spatial", "--block-km", "0"], "--block-km"),
        (["--split", "spatial", "--block-km", "nan"], "--block-km"),
        (["--split", "spatial", "--buffer-km", "-1"], "--buffer-km"),
        (["--split", "nearby"], "spatial"),
        (["--shares", "70,20,20"], "--shares"),
    ],
)
def test_bad_options_are_one_line(
    hand_made: HandMade, lostfound: Run, arguments: list[str], words: str
) -> None:
    hand_made.add_part([row(i) for i in range(5)])
    code, _, error = lostfound("select", hand_made.layout.root, *arguments)
    assert (code, error.count("\n")) == (2, 1)
    assert words in error
