"""The model: a trunk and one linear head per task."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from shards.errors import UsageError
from training.model.defects import HALF, start_like_hidden_layers
from training.model.networks import Trunk, build_trunk


class GeoModel(nn.Module):
    """uint8 pixels in, one tensor per head out.

    The normalisation is part of the model, so training, evaluation and serving cannot differ in it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trunk: Trunk, head_sizes: Mapping[str, int], dropout: float) -> None:
        super().__init__()
        self.trunk = trunk.module
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({n: nn.Linear(trunk.features, s) for n, s in head_sizes.items()})
        for head in self.heads.values():
            assert isinstance(head, nn.Linear)
            # Small outputs at the start: every class about equally likely.
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
        self.register_buffer("mean", torch.tensor(trunk.mean).view(3, 1, 1) * 255, False)
        self.register_buffer("std", torch.tensor(trunk.std).view(3, 1, 1) * 255, False)

    def features(self, images: Tensor) -> Tensor:
        """(batch, height, width, 3) uint8 to (batch, features), which all heads see."""
        pixels = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        found: Tensor = self.trunk(pixels)
        return found

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(batch, height, width, 3) uint8 to {"country": (batch, countries) logits, …}."""
        features = self.dropout(self.features(images))
        return {name: head(features) for name, head in self.heads.items()}


def build_model(
    network: str,
    head_sizes: Mapping[str, int],
    *,
    weights: str = "none",
    dropout: float = 0.0,
    norm_momentum: float | None = None,
    half_normalisation: bool = False,
    kaiming_heads: bool = False,
) -> GeoModel:
    """A model by the name of its network, see `training.model.networks.build_trunk`.

    Raises UsageError for an unknown network, and for weights that cannot be had.
    """
    trunk = build_trunk(network, weights)
    if half_normalisation:
        trunk = replace(trunk, mean=HALF, std=HALF)
    if norm_momentum is not None:
        for module in trunk.module.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = norm_momentum
    model = GeoModel(trunk, head_sizes, dropout)
    if kaiming_heads:
        start_like_hidden_layers(model.heads)
    return model


def check_size(model: GeoModel, width: int, height: int) -> None:
    """Raises UsageError when the network does not take images of this size."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            model(torch.zeros(1, height, width, 3, dtype=torch.uint8))
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"the network takes no {width}x{height} images ({reason})") from None
    finally:
        model.train(was_training)
