import pytest
import torch

from shards.errors import UsageError
from training.model.geomodel import GeoModel, build_model, check_size

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


def test_a_size_that_the_network_refuses() -> None:
    transformer = build_model("vit_b_32", SIZES)
    with pytest.raises(UsageError, match="takes no 160x90 images"):
        check_size(transformer, 160, 90)


def test_features_are_what_all_heads_see(model: GeoModel) -> None:
    images = torch.randint(0, 256, (2, 36, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        features = model.eval().features(images)
        assert torch.equal(model.heads["country"](features), model(images)["country"])
