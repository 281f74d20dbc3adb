"""How far from the predicted position the model's probability reaches."""

from collections.abc import Sequence

import numpy as np

from training.geometry import Floats, distances_km
from training.model.cells.table import Cells

SHARES = (0.5, 0.9)


def within_km(
    position: Floats, cells: Cells, probabilities: Floats, shares: Sequence[float] = SHARES
) -> list[float]:
    """The radius around `position`, (2,) degrees, that holds each share of the probability.

    `probabilities`: (cells,). A cell counts where the circle holds all its training samples, so
    the radius is an upper bound: what the model knows of a large cell is that it is one of them.
    """
    reach = distances_km(position[None], cells.midpoints)[0] + cells.radii_km
    order = np.argsort(reach, kind="stable")
    held = np.cumsum(probabilities[order])
    rows = np.searchsorted(held, np.array(shares) * held[-1] - 1e-9)
    return [float(reach[order[row]]) for row in np.minimum(rows, len(order) - 1)]
