"""Optimiser groups of every network that the project promises, without memory for its weights."""

import pytest
import torch
from torch import nn

from training.fit.optimiser import build_optimiser, parameter_groups, set_rate
from training.fit_config import OptimiserConfig
from training.model.geomodel import GeoModel, build_model

SIZES = {"country": 5, "region": 7, "coordinates": 3, "offset": 14}
NETWORKS = (
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    *(f"efficientnet_b{number}" for number in (1, 3, 4, 7)),
    "timm:vit_tiny_patch16_224",
    "timm:convnext_atto",
)


@pytest.fixture(scope="module")
def model() -> GeoModel:
    return build_model("mobilenet_v3_small", SIZES)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_parameter_is_in_one_group(network: str) -> None:
    if network.startswith("timm:"):
        pytest.importorskip("timm")
    with torch.device("meta"):
        model = build_model(network, SIZES)
    groups = parameter_groups(model, OptimiserConfig(head_lr=2, weight_decay=3))
    found = [id(p) for group in groups for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters())
    settings = {
        id(p): (group["peak_lr"], group["weight_decay"])
        for group in groups
        for p in group["params"]
    }
    heads = {id(p) for p in model.heads.parameters()}
    for name, module in model.named_modules():
        norm = "norm" in type(module).__name__.lower()
        for short, parameter in module.named_parameters(recurse=False):
            rate, decay = settings[id(parameter)]
            assert rate == (2 if id(parameter) in heads else 0.2), name
            if norm or short == "bias":
                assert decay == 0, name
            elif isinstance(module, nn.Conv2d | nn.Linear):
                assert decay == 3, name


def test_what_a_network_spares_is_not_decayed() -> None:
    pytest.importorskip("timm")
    with torch.device("meta"):
        model = build_model("timm:vit_tiny_patch16_224", SIZES)
    groups = parameter_groups(model, OptimiserConfig(weight_decay=3))
    decayed = {id(p) for g in groups for p in g["params"] if g["weight_decay"]}
    assert id(model.trunk.get_parameter("pos_embed")) not in decayed


def test_the_schedule_scales_each_group(model: GeoModel) -> None:
    optimiser = build_optimiser(model, OptimiserConfig(trunk_lr=1, head_lr=2))
    set_rate(optimiser, 0.5)
    assert {group["lr"] for group in optimiser.param_groups} == {0.5, 1.0}
