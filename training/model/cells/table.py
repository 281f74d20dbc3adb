"""Cells: what a region head chooses among, whichever way the Earth was cut."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from training.geometry import Floats, check_positions, distances_km
from training.model.cells.quadtree import code_of, square_codes

Ints = NDArray[np.int64]
Names = NDArray[np.str_]

_CHUNK = 4096


class Cell(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    members: list[str]
    """What it is made of: ids of regions, or one square of the quadtree."""
    countries: dict[str, NonNegativeInt]
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
        if self.table.members == "regions":
            names, place = np.unique(regions, return_inverse=True)
            found = np.array([self._owners.get(str(n), -1) for n in names], dtype=np.int64)[place]
        else:
            found = self._in_squares(positions)
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

    def _in_squares(self, positions: Floats) -> Ints:
        """(n,) the cell whose square holds each point; -1 for none."""
        squares = [(*code_of(name), cell) for name, cell in self._owners.items()]
        deepest = max(level for _, level, _ in squares)
        codes = square_codes(positions, deepest)
        found = np.full(len(positions), -1, dtype=np.int64)
        for level in sorted({level for _, level, _ in squares}):
            own = np.array(sorted((code, cell) for code, at, cell in squares if at == level))
            here = codes >> 2 * (deepest - level)
            place = np.minimum(np.searchsorted(own[:, 0], here), len(own) - 1)
            found = np.where(own[place, 0] == here, own[place, 1], found)
        return found
