from itertools import pairwise
from pathlib import Path

import pytest
import torch

from shards.errors import UsageError
from training.average import Average
from training.config import OptimiserConfig
from training.models import GeoModel, build_model, check_size
from training.optimiser import build_optimiser, parameter_groups, rate_factor, set_rate

SIZES = {"country": 5, "coordinates": 3}


@pytest.fixture(scope="module")
def model() -> GeoModel:
    return build_model("mobilenet_v3_small", SIZES)


@pytest.mark.parametrize("network", ["mobilenet_v3_small", "resnet18", "efficientnet_b0"])
def test_heads_on_any_network(network: str) -> None:
    images = torch.randint(0, 256, (2, 36, 64, 3), dtype=torch.uint8)
    outputs = build_model(network, SIZES).eval()(images)
    assert {name: tuple(o.shape) for name, o in outputs.items()} == {
        "country": (2, 5), "coordinates": (2, 3)
    }  # fmt: skip
    assert outputs["country"].abs().max() < 5


def test_mean_colour_becomes_zero(model: GeoModel) -> None:
    pixels = (torch.tensor([0.485, 0.456, 0.406]) * 255).round().to(torch.uint8)
    seen: list[torch.Tensor] = []
    handle = model.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.eval()(pixels.expand(1, 36, 64, 3))
    handle.remove()
    assert seen[0].shape == (1, 3, 36, 64)
    assert seen[0].abs().max() < 0.01


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("mobilenet_v3_smal", "near: mobilenet_v3_small"),
        ("squeezenet1_0", "no single classifier"),
        ("../evil", "torchvision has none"),
    ],
)
def test_unknown_networks(network: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_model(network, SIZES)


def test_a_size_that_the_network_refuses() -> None:
    transformer = build_model("vit_b_32", SIZES)
    with pytest.raises(UsageError, match="takes no 160x90 images"):
        check_size(transformer, 160, 90)


def test_imagenet_weights_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(UsageError, match=r"cannot be downloaded .*weights=none"):
        build_model("resnet18", SIZES, weights="imagenet")


def test_weights_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        build_model("resnet18", SIZES, weights=str(tmp_path / "absent.safetensors"))


def test_every_parameter_is_in_one_group(model: GeoModel) -> None:
    groups = parameter_groups(model, OptimiserConfig(trunk_lr=1, head_lr=2, weight_decay=3))
    found = [id(p) for group in groups for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters())
    for group in groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (3 if parameter.ndim > 1 else 0)
    heads = {id(p) for p in model.heads.parameters()}
    for group in groups:
        assert {id(p) in heads for p in group["params"]} == {group["peak_lr"] == 2}


def test_warm_up_and_cosine() -> None:
    factors = [rate_factor(step, 100, 0.1) for step in range(100)]
    assert all(a < b for a, b in pairwise(factors[:11]))
    assert factors[10] == 1.0
    assert all(a > b for a, b in pairwise(factors[10:]))
    assert 0 < factors[-1] < 0.001
    assert rate_factor(0, 100, 0) == 1.0


def test_the_schedule_scales_each_group(model: GeoModel) -> None:
    optimiser = build_optimiser(model, OptimiserConfig(trunk_lr=1, head_lr=2))
    set_rate(optimiser, 0.5)
    assert {group["lr"] for group in optimiser.param_groups} == {0.5, 1.0}


def test_average_by_hand() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 0.0)
    average = Average(layer, 0.15)
    torch.nn.init.constant_(layer.weight, 1.0)
    average.update(layer)  # decay 1/10
    assert average.model.weight.item() == pytest.approx(0.9)
    average.update(layer)  # decay 0.15, below 2/11
    assert average.model.weight.item() == pytest.approx(0.985)
    assert layer.weight.item() == 1.0
