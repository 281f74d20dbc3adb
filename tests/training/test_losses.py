import numpy as np
import pytest
import torch

from training.geometry import haversine_km, unit_vectors
from training.losses import coordinates_loss, country_loss, region_loss, region_targets


def _directions(*positions: tuple[float, float]) -> torch.Tensor:
    lat, lon = np.array(positions).T
    return torch.from_numpy(unit_vectors(lat, lon).astype(np.float32))


def test_country_loss_skips_the_unknown() -> None:
    logits = torch.zeros(2, 4)
    losses = country_loss(logits, torch.tensor([1, -1]), label_smoothing=0.1)
    assert losses.tolist() == pytest.approx([np.log(4), 0.0])


def test_region_targets_are_the_formula() -> None:
    places, midpoints = [(52.5, 13.4), (55.7, 13.2)], [(52.0, 13.0), (56.0, 13.0), (48.8, 2.3)]
    found = region_targets(_directions(*places), _directions(*midpoints), tau_km=75.0)
    distance = haversine_km(*np.array(places).T[:, :, None], *np.array(midpoints).T[:, None])
    powers = np.exp(-distance / 75)
    # float32 directions are good to about a metre.
    assert np.allclose(found.numpy(), powers / powers.sum(axis=1, keepdims=True), atol=1e-4)


def test_region_targets_cannot_overflow() -> None:
    far = region_targets(_directions((0, 0)), _directions((0, 179), (1, 179)), tau_km=1.0)
    assert far.isfinite().all()
    assert far.sum().item() == pytest.approx(1.0)


def test_region_loss_is_smallest_at_its_target() -> None:
    here, midpoints = _directions((50, 10)), _directions((50, 10), (51, 11), (0, 0))
    target = region_targets(here, midpoints, 75.0)
    at_target = region_loss(target.log().clamp(min=-50), here, midpoints, 75.0)
    assert at_target < region_loss(torch.zeros(1, 3), here, midpoints, 75.0)


def test_coordinates_loss() -> None:
    true = _directions((0, 0), (0, 0), (0, 0))
    guess = _directions((0, 0), (0, 90), (0, 180)) * 7
    assert coordinates_loss(guess, true).tolist() == pytest.approx([0, 1, 2], abs=1e-6)


@pytest.mark.parametrize("kind", ["region", "coordinates"])
def test_a_sample_without_coordinates_teaches_nothing(kind: str) -> None:
    unknown, output = torch.full((1, 3), torch.nan), torch.ones(1, 3, requires_grad=True)
    if kind == "region":
        loss = region_loss(output, unknown, _directions((0, 0), (1, 1), (2, 2)), 75.0)
    else:
        loss = coordinates_loss(output, unknown)
    loss.sum().backward()
    assert loss.item() == 0
    assert output.grad is not None
    assert output.grad.abs().sum().item() == 0
