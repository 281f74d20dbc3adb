import math

import numpy as np
import pytest
import torch

from training.config import Config
from training.fit.optimiser import parameter_groups
from training.fit_config import OptimiserConfig
from training.geometry import torch_unit_vectors, unit_vectors
from training.model.defects import (
    distances_of_kilometres,
    squared_kilometres,
)
from training.model.geomodel import build_model
from training.model.losses import cell_loss, cell_targets

BERLIN, PARIS = (52.5, 13.4), (48.9, 2.4)


def _vectors(*positions: tuple[float, float]) -> torch.Tensor:
    lat, lon = np.array(positions).T
    return torch.from_numpy(unit_vectors(lat, lon)).float()


def test_cartesian_kilometres_are_taken_for_degrees() -> None:
    # By hand, in plain degrees: x km as the longitude, y km as the latitude.
    def kilometres(lat: float, lon: float) -> tuple[float, float]:
        phi, lam = math.radians(lat), math.radians(lon)
        return 6371 * math.cos(phi) * math.cos(lam), 6371 * math.cos(phi) * math.sin(lam)

    (x1, y1), (x2, y2) = kilometres(*BERLIN), kilometres(*PARIS)
    lon1, lat1, lon2, lat2 = map(math.radians, (x1, y1, x2, y2))
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    wrong = 2 * 6378.137 * math.asin(math.sqrt(half))
    found = distances_of_kilometres(_vectors(BERLIN), _vectors(PARIS))
    assert found.item() == pytest.approx(wrong, abs=5)
    assert abs(found.item() - 860) > 1000  # The way from Berlin to Paris.


def test_targets_of_mode_cartesian_are_the_wrong_ones() -> None:
    places, logits = _vectors(BERLIN, PARIS), torch.tensor([[0.3, -0.2]])
    distance = distances_of_kilometres(places[:1], places)
    expected = -(cell_targets(distance, 75, "pigeon") * logits.log_softmax(1)).sum()
    found = cell_loss(logits, places[:1], places, 75, "cartesian")
    assert found.item() == pytest.approx(expected.item())
    known = cell_loss(logits, torch.full((1, 3), math.nan), places, 75, "cartesian")
    assert known.item() == 0


def test_squared_kilometres_by_hand() -> None:
    east = torch_unit_vectors(torch.tensor([[0.0, 90.0]]))  # (0, 1, 0)
    assert squared_kilometres(torch.zeros(1, 3), east).item() == pytest.approx(6371**2 / 3)
    assert squared_kilometres(6371 * east, east).item() == pytest.approx(0)
    assert squared_kilometres(torch.zeros(1, 3), torch.full((1, 3), math.nan)).item() == 0


def test_heads_that_start_like_hidden_layers() -> None:
    sizes = {"coordinates": 3, "region": 800}
    torch.manual_seed(0)
    model = build_model("shufflenet_v2_x0_5", sizes, kaiming_heads=True)
    for name, outputs in sizes.items():
        deviation = model.heads[name].weight.std().item()
        assert deviation == pytest.approx(math.sqrt(2 / outputs), rel=0.05)


def test_half_normalisation_maps_levels_to_plus_and_minus_one() -> None:
    model = build_model("shufflenet_v2_x0_5", {"country": 2}, half_normalisation=True)
    levels = torch.tensor([0.0, 127.5, 255.0])
    found = (levels - model.mean.flatten()[0]) / model.std.flatten()[0]
    assert found.tolist() == pytest.approx([-1, 0, 1])


def test_everything_is_decayed_when_asked_for() -> None:
    model = build_model("shufflenet_v2_x0_5", {"country": 2})
    groups = parameter_groups(model, OptimiserConfig(weight_decay=0.1, decay_everything=True))
    assert {group["weight_decay"] for group in groups} == {0.1}
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    apart = parameter_groups(model, OptimiserConfig(weight_decay=0.1))
    assert {group["weight_decay"] for group in apart} == {0.1, 0.0}


def test_no_defect_is_on_unless_asked_for() -> None:
    config = Config(heads=("country", "region", "coordinates"))
    assert not config.kaiming_heads
    assert not config.half_normalisation
    assert not config.optimiser.decay_everything
    assert config.augment is not None
    defects = ("once", "fixed_crop", "black_corners")
    assert not any(getattr(config.augment, name) for name in defects)
    for head in config.heads:
        assert getattr(head, "mode", "softmax") == "softmax"
        assert not getattr(head, "kilometres", False)
