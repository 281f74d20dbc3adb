"""The positions that a report's map gets: every sample once, in as few cells as allowed."""

import numpy as np
import pytest

from queries.report.positions import read_positions
from queries.views.catalogue import connect
from shards.pages.positions import BITS, NO_COUNTRY
from tests.queries.conftest import HandMade, row
from tests.shards.pages.test_positions import unpacked


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
