"""The packed positions: every sample is in them, as exactly as they say, in as few as allowed."""

import base64
import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.pages.positions import BITS, Positions, morton_codes
from shards.world.projection import project_all

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
