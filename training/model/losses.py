"""Loss formulas per sample. A sample without the label contributes 0."""

import torch
from torch import Tensor
from torch.nn import functional

from training.geometry import torch_distances_km
from training.head_config import Mode
from training.model.defects import distances_of_kilometres


def country_loss(logits: Tensor, country: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """(batch,) cross-entropy; `country` -1 gives 0."""
    return functional.cross_entropy(
        logits, country, ignore_index=-1, label_smoothing=label_smoothing, reduction="none"
    )


def cell_targets(
    distance_km: Tensor, tau_km: float, mode: Mode = "softmax", true: Tensor | None = None
) -> Tensor:
    """(batch, cells) targets from the km between each sample and each cell's midpoint.

    - `softmax`: softmax(-d/tau). Cannot overflow, and every photograph weighs the same.
    - `pigeon`: exp(-(d - min d)/tau), not normalised, as PIGEON's code has it (Haas et al. 2024):
      photographs where midpoints are dense weigh up to a hundred times more.
    - `report`: exp(-(d - d of the true cell)/tau), as PIGEON and the report print it, but 1 at
      most: without that limit it overflows where another midpoint is much nearer. `true`: (batch,)
      the true cells; a row of 0 for -1.
    - `cartesian`: as `pigeon`. `distance_km` is what makes it a defect, see `cell_loss`.
    """
    if mode == "softmax":
        return torch.softmax(-distance_km / tau_km, dim=1)
    if mode in ("pigeon", "cartesian"):
        return torch.exp((distance_km.amin(dim=1, keepdim=True) - distance_km) / tau_km)
    if true is None:
        raise ValueError("mode report needs the true cells")
    own = distance_km.gather(1, true.clamp(min=0)[:, None])
    return torch.exp(((own - distance_km) / tau_km).clamp(max=0.0)) * (true >= 0)[:, None]


def cell_loss(
    logits: Tensor,
    direction: Tensor,
    midpoints: Tensor,
    tau_km: float,
    mode: Mode = "softmax",
    true: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """(batch,) cross-entropy with `cell_targets`; a NaN direction gives 0.

    `direction`: (batch, 3) and `midpoints`: (cells, 3) unit vectors. Mode `cartesian` takes
    distances that are wrong on purpose, see `training.model.defects`.
    """
    known = ~direction.isnan().any(dim=1)
    distances = distances_of_kilometres if mode == "cartesian" else torch_distances_km
    distance = distances(direction.nan_to_num(), midpoints)
    targets = cell_targets(distance, tau_km, mode, true)
    if label_smoothing:
        targets = (1 - label_smoothing) * targets + label_smoothing / targets.shape[1]
    return -(targets * functional.log_softmax(logits, dim=1)).sum(dim=1) * known


def coordinates_loss(vectors: Tensor, direction: Tensor) -> Tensor:
    """(batch,) 1 - cos of the angle between prediction and truth; a NaN direction gives 0."""
    known = ~direction.isnan().any(dim=1)
    return (1 - functional.cosine_similarity(vectors, direction.nan_to_num(), dim=1)) * known


def offset_loss(outputs: Tensor, cell: Tensor, offset: Tensor) -> Tensor:
    """(batch,) mean squared error of the true cell's two numbers; `cell` -1 gives 0.

    `outputs`: (batch, 2·cells), each cell's two side by side. `offset`: (batch, 2) in [-1, 1].
    """
    pairs = outputs.view(len(outputs), -1, 2)
    own = pairs[torch.arange(len(cell), device=cell.device), cell.clamp(min=0)]
    return ((own - offset.nan_to_num()) ** 2).mean(dim=1) * (cell >= 0)
