"""Trunks: classification networks without their classifier, from torchvision or timm.

Weights come from the libraries' own caches, else from the network (`imagenet`), or from a file: a
model of ours, or a state dictionary as the libraries publish it (.pth, .safetensors).
"""

import difflib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shards.errors import UsageError

TIMM = "timm:"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_IMAGENET_CLASSES = 1000
_OWN_TRUNK = "model.trunk."
_DAMAGED = (RuntimeError, EOFError, HTTPException, pickle.UnpicklingError)
"""A download that breaks off or has another hash, and is not kept; a damaged file in the cache."""


@dataclass(frozen=True, slots=True)
class Trunk:
    module: nn.Module
    """Normalised (batch, 3, height, width) in, (batch, features) out."""
    features: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    """Of the pixels, as shares of 255, that its published weights were trained with."""


def build_trunk(network: str, weights: str) -> Trunk:
    """`network`: torchvision's name, or `timm:` and timm's. `weights`: see `Config.weights`.

    Raises UsageError for a network that does not exist and for weights that cannot be had.
    """
    from_library = weights if weights in ("imagenet", "auto") else "none"
    if network.startswith(TIMM):
        trunk = _from_timm(network.removeprefix(TIMM), from_library)
    else:
        trunk = _from_torchvision(network, from_library)
    if weights not in ("none", "auto", "imagenet"):
        _load_file(trunk.module, network, Path(weights))
    return trunk


def _from_torchvision(network: str, weights: str) -> Trunk:
    from torchvision import models

    names = models.list_models(module=models)
    if network not in names:
        nearest = ", ".join(difflib.get_close_matches(network, names, n=3)) or ", ".join(names[:9])
        raise UsageError(f"network {network}: torchvision has none of this name; near: {nearest}")
    published = models.get_model_weights(network)
    wanted = weights == "imagenet" or (weights == "auto" and len(published) > 0)
    try:
        module = models.get_model(network, weights="DEFAULT" if wanted else None)
    except OSError as error:
        raise _unavailable(network, error) from None
    except _DAMAGED as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        raise UsageError(
            f"the ImageNet weights of {network} are damaged ({_first_line(error)}); run it again,"
            f" after deleting them in {cache} if they are there, or train without: weights=none"
        ) from None
    return Trunk(module, _take_classifier(module, network))


def _from_timm(name: str, weights: str) -> Trunk:
    try:
        import timm
    except ImportError:
        raise UsageError(
            f"network {TIMM}{name}: timm is not installed; `pip install timm`, or choose one of"
            " torchvision's networks"
        ) from None
    if not timm.is_model(name.partition(".")[0]):
        nearest = ", ".join(difflib.get_close_matches(name, timm.list_models(), n=3))
        raise UsageError(
            f"network {TIMM}{name}: timm has none of this name"
            + (f"; near: {nearest}" if nearest else "")
        )
    wanted = weights == "imagenet" or (weights == "auto" and timm.is_model_pretrained(name))
    try:
        module: Any = timm.create_model(name, pretrained=wanted, num_classes=0)
    except (OSError, RuntimeError) as error:
        raise _unavailable(f"{TIMM}{name}", error) from None
    source = module.pretrained_cfg
    return Trunk(
        module,
        int(getattr(module, "head_hidden_size", None) or module.num_features),
        tuple(source.get("mean") or IMAGENET_MEAN),
        tuple(source.get("std") or IMAGENET_STD),
    )


def _unavailable(network: str, error: Exception) -> UsageError:
    return UsageError(
        f"the ImageNet weights of {network} are not cached and cannot be downloaded"
        f" ({_first_line(error)}); give their file as weights=PATH, or train without them:"
        " weights=none"
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _take_classifier(module: nn.Module, network: str) -> int:
    """Removes the ImageNet classifier; returns the number of features that it was fed."""
    found = [
        name
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and part.out_features == _IMAGENET_CLASSES
    ]
    if len(found) != 1:
        raise UsageError(f"network {network}: has no single classifier; choose another one")
    parent, _, child = found[0].rpartition(".")
    holder = module.get_submodule(parent)
    classifier = holder.get_submodule(child)
    assert isinstance(classifier, nn.Linear)
    setattr(holder, child, nn.Identity())
    return classifier.in_features


def _load_file(module: nn.Module, network: str, path: Path) -> None:
    if not path.is_file():
        raise UsageError(
            f"weights {path}: no such file; use imagenet, none, or a file of this network's weights"
        )
    tensors = _read_tensors(path, network)
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in tensors]
    unlike = [n for n in wanted if n in tensors and tensors[n].shape != wanted[n].shape]
    if missing or unlike:
        name = (missing or unlike)[0]
        how = "lacks" if missing else "has another shape of"
        raise UsageError(f"weights {path}: not of a {network}: it {how} {name}")
    module.load_state_dict({name: tensors[name] for name in wanted})


def _read_tensors(path: Path, network: str) -> Mapping[str, Tensor]:
    """The tensors of any of the accepted files. Runs no code from it."""
    from safetensors import SafetensorError, safe_open

    from training.model.modelfile import is_model_file, read_model_file

    if is_model_file(path):
        description, own = read_model_file(path)
        if description.network != network:
            raise UsageError(f"weights {path}: a {description.network}, not a {network}")
        return {n.removeprefix(_OWN_TRUNK): t for n, t in own.items() if n.startswith(_OWN_TRUNK)}
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"weights {path}: not a file of weights ({_first_line(error)})") from None
    if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
        raise UsageError(f"weights {path}: not a state dictionary of tensors")
    return found
