"""Cells: what a region head chooses among, whichever way the Earth was cut."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training.cells.quadtree import square_names
from training.geometry import Floats, check_positions, distances_km

Ints = NDArray[np.int64]
Names = NDArray[np.str_]

_CHUNK = 4096


class Cell(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    members: list[str]
    """What it is made of: ids of regions, or one square of the quadtree."""
    countries: dict[str, int]
    """Its training samples by country code."""

    @property
    def samples(self) -> int:
        return sum(self.countries.values())


class CellTable(BaseModel):
    """The part of `Cells` that is text."""

    model_config = ConfigDict(frozen=True)

    members: Literal["regions", "squares"]
    cells: list[Cell]


@dataclass(frozen=True)
class Cells:
    table: CellTable
    midpoints: Floats
    """(cells, 2) degrees (lat, lon)."""
    radii_km: Floats
    """(cells,) km from the midpoint to the farthest training sample; 1 km at least."""

    def __len__(self) -> int:
        return len(self.table.cells)

    def assign(self, positions: Floats, regions: Names) -> Ints:
        """(n,) the cell of each sample; -1 without coordinates.

        `positions`: (n, 2) degrees, NaN for unknown. `regions`: (n,) region ids, "" for unknown. A
        sample that lies in no cell belongs to the one with the nearest midpoint.
        """
        positions = check_positions(positions)
        known = ~np.isnan(positions).any(axis=1)
        keys = regions if self.table.members == "regions" else self._squares(positions)
        found = np.array([self._owners.get(str(key), -1) for key in keys], dtype=np.int64)
        found[~known] = -1
        lost = np.flatnonzero(known & (found < 0))
        for start in range(0, len(lost), _CHUNK):
            rows = lost[start : start + _CHUNK]
            found[rows] = distances_km(positions[rows], self.midpoints).argmin(axis=1)
        return found

    def membership(self, codes: list[str]) -> Floats:
        """(cells, countries) share of each cell's training samples by country; rows sum to 1.

        A country that is none of `codes` is left out.
        """
        column = {code: i for i, code in enumerate(codes)}
        matrix = np.zeros((len(self), len(codes)))
        for row, cell in enumerate(self.table.cells):
            for code, samples in cell.countries.items():
                if code in column:
                    matrix[row, column[code]] = samples / max(1, cell.samples)
        return matrix

    @cached_property
    def _owners(self) -> dict[str, int]:
        return {m: i for i, cell in enumerate(self.table.cells) for m in cell.members}

    def _squares(self, positions: Floats) -> Names:
        """(n,) the square among the members that holds each point; "" for none."""
        found = np.full(len(positions), "", dtype=object)
        for level in sorted({len(name) - 1 for name in self._owners}):
            names = square_names(positions, level)
            hit = np.array([name in self._owners for name in names], dtype=bool)
            found[hit] = names[hit]
        return found.astype(np.str_)
