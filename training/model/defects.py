"""Defects of the original in its model and losses, for its reproduction; off unless asked for.

Nothing else may use these. Each is named by an option: `mode: cartesian` of a region head,
`kilometres` of a coordinates head, and the configuration's `kaiming_heads` and
`half_normalisation`. Those of its pictures stand in `training.data_config`, that of its optimiser
in `training.fit_config`.
"""

import torch
from torch import Tensor, nn

HALF = (0.5, 0.5, 0.5)
"""Mean and deviation of every colour, as shares of 255."""

SPHERE_KM = 6371.0
"""Its radius of the Earth for Cartesian coordinates."""
ELLIPSOID_KM = 6378.137
"""And the one of its distances."""


def distances_of_kilometres(vectors: Tensor, places: Tensor) -> Tensor:
    """(n, m) "distances" between unit vectors (n, 3) and (m, 3): Cartesian km taken for degrees.

    The original turned positions into Cartesian x, y, z in km, and gave them to a haversine that
    expects (longitude, latitude) in degrees: x went round the globe some 17 times as a longitude, y
    as a latitude, z was lost. What comes out has nothing to do with how far places are apart.
    """
    here, there = (torch.deg2rad(SPHERE_KM * points) for points in (vectors, places))
    lon, lat = here[:, None, 0], here[:, None, 1]
    across = torch.cos(lat) * torch.cos(there[:, 1])
    half = torch.sin((lat - there[:, 1]) / 2) ** 2
    half = half + across * torch.sin((lon - there[:, 0]) / 2) ** 2
    return 2 * ELLIPSOID_KM * torch.asin(half.clamp(0, 1).sqrt())


def squared_kilometres(vectors: Tensor, direction: Tensor) -> Tensor:
    """(batch,) mean squared error of Cartesian km; a NaN direction gives 0.

    It starts at some 10^7, and the head has to grow to 6,371 before its answers mean anything.
    """
    known = ~direction.isnan().any(dim=1)
    return ((vectors - SPHERE_KM * direction.nan_to_num()) ** 2).mean(dim=1) * known


def start_like_hidden_layers(heads: nn.ModuleDict) -> None:
    """Draws the heads' weights as for layers that a ReLU follows, by their outputs.

    Their deviation is sqrt(2 / outputs): 0.82 for three outputs, where 0.01 is usual.
    """
    for head in heads.values():
        assert isinstance(head, nn.Linear)
        nn.init.kaiming_normal_(head.weight, mode="fan_out", nonlinearity="relu")
