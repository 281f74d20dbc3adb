import numpy as np
import pytest

from training.deploy.serve.spread import within_km
from training.model.cells.table import Cell, Cells, CellTable


def test_the_radius_holds_its_share_of_whole_cells() -> None:
    # On the equator a degree of longitude is 111.195 km; the cells stand 0, 1, 2 and 3 degrees off.
    names = [Cell(id=str(n), name=str(n), members=[str(n)], countries={}) for n in range(4)]
    cells = Cells(
        CellTable(members="regions", cells=names),
        np.array([[0.0, 10.0], [0.0, 11.0], [0.0, 12.0], [0.0, 7.0]]),
        np.array([5.0, 1.0, 100.0, 1.0]),
    )
    found = within_km(
        np.array([0.0, 10.0]), cells, np.array([0.4, 0.1, 0.3, 0.2]), (0.4, 0.5, 0.7, 0.9, 1.0)
    )
    # The third cell reaches to 2 degrees and 100 km, less than the fourth to 3 degrees and 1 km.
    assert found[:2] == [pytest.approx(5.0), pytest.approx(111.195 + 1, abs=0.01)]
    assert found[2] == pytest.approx(2 * 111.195 + 100, abs=0.01)
    assert found[3] == found[4] == pytest.approx(3 * 111.195 + 1, abs=0.01)
