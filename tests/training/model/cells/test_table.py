import numpy as np
import pytest

from training.model.cells.table import Cell, Cells, CellTable

PLACES = np.array([[0.0, 0.0], [0.0, 90.0], [40.0, 0.0]])


def _cells(kind: str, members: list[list[str]]) -> Cells:
    cells = [
        Cell(id=own[0], name=own[0], members=own, countries={"A": 1, "B": 3 * i})
        for i, own in enumerate(members)
    ]
    table = CellTable.model_validate({"members": kind, "cells": cells})
    return Cells(table, PLACES, np.ones(3))


def test_regions_by_id_else_by_the_nearest_midpoint() -> None:
    cells = _cells("regions", [["R1", "R2"], ["R3"], ["R4"]])
    positions = np.array([[80.0, 0], [0, 1], [0, 80], [30, 1], [np.nan, np.nan]])
    regions = np.array(["R3", "R2", "", "R9", "R1"])
    assert cells.assign(positions, regions).tolist() == [1, 0, 1, 2, -1]
    assert cells.assign(np.empty((0, 2)), np.empty(0, str)).tolist() == []


def test_squares_of_several_levels() -> None:
    """Face 0 is around (0, 0), face 1 around (0, 90); 03 is the north-east of face 0."""
    cells = _cells("squares", [["00"], ["1"], ["03"]])
    positions = np.array([[-5.0, -5], [5, 5], [5, 95], [-5, 5], [np.nan, 0]])
    assert cells.assign(positions, np.full(5, "")).tolist() == [0, 2, 1, 0, -1]


def test_positions_of_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="latitude"):
        _cells("squares", [["0"], ["1"], ["2"]]).assign(np.array([[120.0, 3]]), np.array([""]))


def test_membership() -> None:
    cells = _cells("regions", [["R1"], ["R2"], ["R3"]])
    assert len(cells) == 3
    expected = [[1, 0], [1 / 4, 3 / 4], [1 / 7, 6 / 7]]
    assert np.allclose(cells.membership(["A", "B"]), expected)
    assert np.allclose(cells.membership(["B"])[:, 0], [0, 3 / 4, 6 / 7])
