"""The cells of a region head, from the training split alone."""

from collections import Counter

import numpy as np

from shards.errors import UsageError
from shards.labels import Labels
from training.data.labels import region_midpoints
from training.data.samples import Samples
from training.geometry import Floats, centre_of, centres_of, haversine_km
from training.head_config import AdaptiveCells, CellsConfig, SemanticCells
from training.model.cells.quadtree import leaves, square_codes
from training.model.cells.semantic import merge_regions
from training.model.cells.table import Cell, Cells, CellTable, Names

SMALLEST_RADIUS_KM = 1.0


def build_cells(options: CellsConfig, labels: Labels, train: Samples) -> Cells:
    """Raises UsageError, one line, for a training split that gives no cell."""
    positions = np.column_stack([train.lat, train.lon])
    if isinstance(options, AdaptiveCells):
        return _adaptive(options, labels, train, positions)
    if not labels.regions:
        raise UsageError(f"no training sample has a region; {options.kind} cells need some")
    midpoints = region_midpoints(labels)
    if isinstance(options, SemanticCells):
        return _semantic(options, labels, train, positions, midpoints)
    table = CellTable(
        members="regions",
        cells=[
            Cell(id=r.id, name=r.name, members=[r.id], countries={r.country_code: r.samples})
            for r in labels.regions
        ],
    )
    return _measured(table, midpoints, positions, region_ids(labels, train))


def region_ids(labels: Labels, samples: Samples) -> Names:
    """(n,) the region id of each sample; "" for none."""
    return np.array([*(region.id for region in labels.regions), ""], dtype=np.str_)[samples.region]


def _semantic(
    options: SemanticCells, labels: Labels, train: Samples, positions: Floats, midpoints: Floats
) -> Cells:
    regions = labels.regions
    groups = merge_regions(
        [region.samples for region in regions],
        [region.country_code for region in regions],
        midpoints,
        options.min_samples,
    )
    cells = []
    for group in groups:
        first, others = regions[group[0]], len(group) - 1
        cells.append(
            Cell(
                id=f"{first.id}+{others}" if others else first.id,
                name=f"{first.name} and {others} more" if others else first.name,
                members=[regions[i].id for i in group],
                countries={first.country_code: sum(regions[i].samples for i in group)},
            )
        )
    table = CellTable(members="regions", cells=cells)
    names = region_ids(labels, train)
    fallback = np.array([centre_of(*midpoints[group].T) for group in groups])
    owners = {member: i for i, cell in enumerate(cells) for member in cell.members}
    cell = np.array([owners.get(str(name), -1) for name in names], dtype=np.int64)
    centres = centres_of(positions, cell, len(cells))
    return _measured(table, np.where(np.isnan(centres), fallback, centres), positions, names)


def _adaptive(options: AdaptiveCells, labels: Labels, train: Samples, positions: Floats) -> Cells:
    codes = square_codes(positions, options.max_level)
    order = np.argsort(codes, kind="stable")[int((codes < 0).sum()) :]
    cells, centres = [], []
    for name, part in leaves(codes[order], options.max_level, options.max_samples):
        mine = order[part]
        if len(mine) < options.min_samples:
            continue
        counts = Counter(
            labels.countries[i].code if i >= 0 else "" for i in train.country[mine].tolist()
        )
        country = min(counts, key=lambda code: (-counts[code], code))
        cells.append(
            Cell(
                id=name,
                name=f"{country} {name}",
                members=[name],
                countries=dict(sorted(counts.items())),
            )
        )
        centres.append(centre_of(*positions[mine].T))
    if not cells:
        raise UsageError(
            f"no square has {options.min_samples} training samples; lower min_samples of the"
            " adaptive cells"
        )
    table = CellTable(members="squares", cells=cells)
    return _measured(table, np.array(centres), positions, region_ids(labels, train))


def _measured(table: CellTable, midpoints: Floats, positions: Floats, regions: Names) -> Cells:
    """The cells with their radii, from the samples that lie in them."""
    radii = np.full(len(midpoints), SMALLEST_RADIUS_KM)
    cells = Cells(table, midpoints, radii)
    cell = cells.assign(positions, regions)
    rows = np.flatnonzero(cell >= 0)
    own = midpoints[cell[rows]]
    np.maximum.at(radii, cell[rows], haversine_km(*positions[rows].T, *own.T))
    return cells
