"""Losses per head and sample. A sample without the head's label contributes 0."""

import torch
from torch import Tensor
from torch.nn import functional

from training.config import HeadsConfig
from training.geometry import EARTH_RADIUS_KM
from training.loader import Batch


def country_loss(logits: Tensor, country: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """(batch,) cross-entropy; `country` -1 gives 0."""
    return functional.cross_entropy(
        logits, country, ignore_index=-1, label_smoothing=label_smoothing, reduction="none"
    )


def region_targets(direction: Tensor, midpoints: Tensor, tau_km: float) -> Tensor:
    """(batch, regions) softmax(-d/tau), d = km from the sample to each region's midpoint.

    PIGEON (Haas et al. 2024) divides by the true cell's share instead; normalised, both are the
    same, and this form can neither overflow nor give dense countries more weight.
    Arguments are unit vectors (batch, 3) and (regions, 3).
    """
    chord = torch.cdist(direction, midpoints, compute_mode="donot_use_mm_for_euclid_dist")
    distance = 2 * EARTH_RADIUS_KM * torch.asin((chord / 2).clamp(max=1.0))
    return torch.softmax(-distance / tau_km, dim=1)


def region_loss(logits: Tensor, direction: Tensor, midpoints: Tensor, tau_km: float) -> Tensor:
    """(batch,) cross-entropy with `region_targets`; a NaN direction gives 0."""
    known = ~direction.isnan().any(dim=1)
    targets = region_targets(direction.nan_to_num(), midpoints, tau_km)
    losses = -(targets * functional.log_softmax(logits, dim=1)).sum(dim=1)
    return losses * known


def coordinates_loss(vectors: Tensor, direction: Tensor) -> Tensor:
    """(batch,) 1 - cos of the angle between prediction and truth; a NaN direction gives 0."""
    known = ~direction.isnan().any(dim=1)
    return (1 - functional.cosine_similarity(vectors, direction.nan_to_num(), dim=1)) * known


def head_losses(
    outputs: dict[str, Tensor], batch: Batch, heads: HeadsConfig, midpoints: Tensor
) -> dict[str, Tensor]:
    """(batch,) unweighted losses by head. `midpoints`: unit vectors of the regions."""
    losses: dict[str, Tensor] = {}
    if heads.country:
        losses["country"] = country_loss(
            outputs["country"], batch.country, heads.country.label_smoothing
        )
    if heads.region:
        losses["region"] = region_loss(
            outputs["region"], batch.direction, midpoints, heads.region.tau_km
        )
    if heads.coordinates:
        losses["coordinates"] = coordinates_loss(outputs["coordinates"], batch.direction)
    return losses


def weighted_sum(losses: dict[str, Tensor], heads: HeadsConfig) -> Tensor:
    """(batch,) the loss that is minimised."""
    return torch.stack([getattr(heads, name).weight * loss for name, loss in losses.items()]).sum(0)
