"""Networks: a torchvision trunk without its classifier, and one linear head per task."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from shards.errors import UsageError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_IMAGENET_CLASSES = 1000


class GeoModel(nn.Module):
    """uint8 pixels in, one tensor per head out.

    The normalisation is part of the model, so training, evaluation and serving cannot differ in it.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, trunk: nn.Module, features: int, head_sizes: Mapping[str, int], dropout: float
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({n: nn.Linear(features, s) for n, s in head_sizes.items()})
        for head in self.heads.values():
            assert isinstance(head, nn.Linear)
            # Small outputs at the start: every class about equally likely.
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1) * 255, False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1) * 255, False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(batch, height, width, 3) uint8 to {"country": (batch, countries) logits, …}."""
        pixels = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        features = self.dropout(self.trunk(pixels))
        return {name: head(features) for name, head in self.heads.items()}


def build_model(
    network: str,
    head_sizes: Mapping[str, int],
    *,
    weights: str = "none",
    dropout: float = 0.0,
    norm_momentum: float | None = None,
) -> GeoModel:
    """A model by torchvision's name of its network.

    Raises UsageError for an unknown network, and for weights that cannot be had.
    """
    trunk, features = _trunk(network, weights)
    if norm_momentum is not None:
        for module in trunk.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = norm_momentum
    model = GeoModel(trunk, features, head_sizes, dropout)
    if weights not in ("none", "auto", "imagenet"):
        _load_trunk(model, network, Path(weights))
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


def _trunk(network: str, weights: str) -> tuple[nn.Module, int]:
    from torchvision import models

    names = models.list_models(module=models)
    if network not in names:
        import difflib

        nearest = ", ".join(difflib.get_close_matches(network, names, n=3)) or ", ".join(names[:9])
        raise UsageError(f"network {network}: torchvision has none of this name; near: {nearest}")
    published = models.get_model_weights(network)
    wanted = weights == "imagenet" or (weights == "auto" and len(published) > 0)
    try:
        trunk = models.get_model(network, weights="DEFAULT" if wanted else None)
    except OSError as error:
        raise UsageError(
            f"the ImageNet weights of {network} are not cached and cannot be downloaded ({error});"
            " train without them: weights=none"
        ) from None
    return trunk, _take_classifier(trunk, network)


def _take_classifier(trunk: nn.Module, network: str) -> int:
    """Removes the ImageNet classifier; returns the number of features that it was fed."""
    found = [
        name
        for name, module in trunk.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == _IMAGENET_CLASSES
    ]
    if len(found) != 1:
        raise UsageError(f"network {network}: has no single classifier; choose another one")
    parent, _, child = found[0].rpartition(".")
    holder = trunk.get_submodule(parent)
    classifier = holder.get_submodule(child)
    assert isinstance(classifier, nn.Linear)
    setattr(holder, child, nn.Identity())
    return classifier.in_features


def _load_trunk(model: GeoModel, network: str, path: Path) -> None:
    from training.modelfile import read_model_file

    if not path.is_file():
        raise UsageError(f"weights {path}: no such file; use imagenet, none or a model file")
    description, tensors = read_model_file(path)
    if description.network != network:
        raise UsageError(f"weights {path}: a {description.network}, not a {network}")
    prefix = "model.trunk."
    model.trunk.load_state_dict(
        {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    )
