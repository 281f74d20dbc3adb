"""The three ways to cut the Earth, over one small world."""

from pathlib import Path

import numpy as np
import pytest

from shards.errors import UsageError
from shards.labels import Labels, RegionLabel
from training.data.labels import read_labels
from training.data.samples import Samples
from training.geometry import haversine_km
from training.head_config import AdaptiveCells, CellsConfig, RegionCells, SemanticCells
from training.model.cells.build import build_cells, region_ids

GERMAN = ("DEU-1591", "DEU-1599", "DEU-1579")


def _world(regions: tuple[str, ...], counts: list[int]) -> tuple[Labels, Samples]:
    """Photographs close around the midpoints of some regions; the last one has no position."""
    from enrich.geo.regions import load_region_table

    table = load_region_table()
    labels = Labels.model_validate(
        {
            "countries": [{"index": 0, "code": "DE", "name": "Germany", "samples": sum(counts)}],
            "regions": [
                RegionLabel(index=i, id=r, name=r, country_code="DE", samples=counts[i])
                for i, r in enumerate(regions)
            ],
        }
    )
    region = np.repeat(np.arange(len(regions)), counts)
    centres = np.array([table.midpoints[table.index[r]] for r in regions])[region]
    random = np.random.default_rng(0)
    positions = centres + random.normal(0, 0.02, centres.shape)
    n = len(region) + 1
    samples = Samples(
        keys=[str(i) for i in range(n)],
        tars=[Path("x")],
        tar=np.zeros(n, np.int64),
        offset=np.zeros(n, np.int64),
        size=np.zeros(n, np.int64),
        lat=np.append(positions[:, 0], np.nan),
        lon=np.append(positions[:, 1], np.nan),
        country=np.zeros(n, np.int64),
        region=np.append(region, -1),
    )
    return labels, samples


@pytest.mark.parametrize(
    "options",
    [RegionCells(), AdaptiveCells(max_samples=5, min_samples=2), SemanticCells(min_samples=9)],
)
def test_one_interface(options: CellsConfig) -> None:
    labels, samples = _world(GERMAN, [12, 3, 10])
    cells = build_cells(options, labels, samples)
    positions = np.column_stack([samples.lat, samples.lon])
    found = cells.assign(positions, region_ids(labels, samples))
    assert found[-1] == -1
    assert found[:-1].min() >= 0
    assert len({cell.id for cell in cells.table.cells}) == len(cells)
    shares = cells.membership(["DE"])
    assert shares.tolist() == [[1.0]] * len(cells)
    assert cells.membership(["FR"]).sum() == 0
    for i in range(len(cells)):
        mine = positions[found == i]
        distance = haversine_km(*mine.T, *cells.midpoints[i])
        assert distance.max(initial=1.0) == pytest.approx(cells.radii_km[i])


def test_regions_have_the_tables_midpoints() -> None:
    labels, samples = _world(GERMAN, [12, 3, 10])
    cells = build_cells(RegionCells(), labels, samples)
    assert [cell.id for cell in cells.table.cells] == list(GERMAN)
    assert [cell.samples for cell in cells.table.cells] == [12, 3, 10]
    near = haversine_km(*cells.midpoints[0], samples.lat[0], samples.lon[0])
    assert near < 10


def test_semantic_cells_have_enough() -> None:
    labels, samples = _world(GERMAN, [12, 3, 10])
    cells = build_cells(SemanticCells(min_samples=9), labels, samples)
    assert sorted(cell.samples for cell in cells.table.cells) in ([10, 15], [12, 13])
    assert {len(cell.members) for cell in cells.table.cells} == {1, 2}
    merged = next(cell for cell in cells.table.cells if len(cell.members) == 2)
    assert merged.id.endswith("+1")


def test_adaptive_cells_are_small_where_photographs_are_many() -> None:
    labels, samples = _world(GERMAN, [200, 8, 8])
    cells = build_cells(AdaptiveCells(max_samples=20, min_samples=5, max_level=18), labels, samples)
    names = [cell.id for cell in cells.table.cells]
    assert all(5 <= cell.samples <= 20 for cell in cells.table.cells)
    assert max(map(len, names)) > min(map(len, names))
    assert sum(cell.samples for cell in cells.table.cells) <= 216
    # A point in no cell belongs to the nearest.
    far = cells.assign(np.array([[-33.9, 151.2], [48.0, 11.5]]), np.array(["", ""]))
    assert far.min() >= 0


def test_other_samples_change_nothing(shards: Path) -> None:
    """The class lists come from what is given: the training split."""
    labels, samples = _world(GERMAN, [12, 3, 10])
    one = build_cells(AdaptiveCells(max_samples=5, min_samples=1), labels, samples)
    other = build_cells(AdaptiveCells(max_samples=5, min_samples=1), labels, samples)
    assert one.table == other.table
    assert np.array_equal(one.midpoints, other.midpoints)
    assert len(build_cells(RegionCells(), read_labels(shards), samples)) == 4


def test_nothing_to_build_from() -> None:
    labels, samples = _world(GERMAN, [2, 2, 2])
    with pytest.raises(UsageError, match="no square has 20 training samples"):
        build_cells(AdaptiveCells(), labels, samples)
    with pytest.raises(UsageError, match="no training sample has a region; semantic cells"):
        build_cells(SemanticCells(), labels.model_copy(update={"regions": []}), samples)
