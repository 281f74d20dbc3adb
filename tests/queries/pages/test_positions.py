"""The packed positions: every sample is in them, as exactly as they say, in as few as allowed."""

import base64
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.pages.positions import BITS, NO_COUNTRY, Positions, morton_codes, read_positions
from queries.views.catalogue import connect
from shards.world.projection import project_all
from tests.queries.conftest import HandMade, row

PLACES = st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=40)


def unpacked(positions: Positions) -> tuple[list[int], list[int], list[int], list[int]]:
    """What the script reads: an independent reader of the format that `packed` describes."""
    data = base64.b64decode(positions.packed())
    count = len(positions.codes)
    at = 0

    def integers() -> Iterator[int]:
        nonlocal at
        for _ in range(count):
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            yield value

    def steps() -> list[int]:
        signed = [value >> 1 if value % 2 == 0 else -(value >> 1) - 1 for value in integers()]
        return np.cumsum(signed).tolist()

    x, y, samples = steps(), steps(), list(integers())
    assert len(data) == at + count
    return x, y, samples, list(data[at:])


@settings(max_examples=60, deadline=None)
@given(PLACES)
def test_every_position_is_found_where_it_is(places: list[tuple[float, float]]) -> None:
    lats, lons = np.array(places).T
    codes = np.sort(morton_codes(lats, lons))
    positions = Positions(codes, codes * 0, codes * 0 + 1, 0)
    x, y, samples, _ = unpacked(positions)
    assert samples == [1] * len(places)
    exact_x, exact_y = project_all(lats, lons, float(1 << BITS))
    for lat, lon, px, py in zip(lats, lons, exact_x, exact_y, strict=True):
        at = positions.index(lat, lon)
        assert at is not None
        # A cell is two metres wide; its place is its top left corner.
        assert 0 <= px - x[at] <= 1
        assert 0 <= py - y[at] <= 1


def test_cells_of_one_square_follow_each_other() -> None:
    random = np.random.default_rng(0)
    codes = np.sort(morton_codes(random.uniform(-90, 90, 5000), random.uniform(-180, 180, 5000)))
    x, y = Positions(codes, codes * 0, codes * 0 + 1, 0).xy()
    for level in (2, 5, 9):
        squares = list(zip((x >> BITS - level).tolist(), (y >> BITS - level).tolist(), strict=True))
        runs = 1 + sum(one != other for one, other in itertools.pairwise(squares))
        assert runs == len(set(squares))


@pytest.mark.parametrize("most", [10_000, 100, 1])
def test_no_more_cells_than_allowed_and_no_sample_lost(hand_made: HandMade, most: int) -> None:
    random = np.random.default_rng(1)
    rows = [
        row(i, "SE" if i % 3 else "DE", lat=lat, lon=lon)
        for i, (lat, lon) in enumerate(random.uniform(-60, 60, (400, 2)))
    ]
    hand_made.add_part([*rows, row(900, lat=None, lon=None), row(901, country_code=None)])
    positions = read_positions(connect(hand_made.layout), ["SE", "DE"], most)
    x, y, samples, countries = unpacked(positions)
    # A country of its own in one cell is a cell more: one square of the whole map holds three.
    assert len(x) <= max(most, 3)
    assert sum(samples) == 401
    by_country = {
        c: sum(n for n, o in zip(samples, countries, strict=True) if o == c) for c in (0, 1)
    }
    assert by_country == {0: 266, 1: 134}
    assert NO_COUNTRY in countries
    assert positions.index(rows[7]["lat"], rows[7]["lon"]) is not None
    assert (positions.doubled == 0) == (most == 10_000)
    assert positions.cell_km == pytest.approx(34_487 / 2**BITS * 2**positions.doubled, rel=1e-3)
    assert max(x) < 1 << BITS
    assert max(y) < 1 << BITS


def test_no_positions(hand_made: HandMade) -> None:
    positions = read_positions(connect(hand_made.layout), [])
    assert positions.packed() == ""
    assert positions.index(1.0, 2.0) is None
