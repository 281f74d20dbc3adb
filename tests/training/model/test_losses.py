import numpy as np
import pytest
import torch

from training.geometry import haversine_km, unit_vectors
from training.head_config import Mode
from training.model.losses import (
    cell_loss,
    cell_targets,
    coordinates_loss,
    country_loss,
    offset_loss,
)

PLACES = [(52.5, 13.4), (55.7, 13.2)]
MIDPOINTS = [(52.0, 13.0), (56.0, 13.0), (48.8, 2.3)]


def _directions(*positions: tuple[float, float]) -> torch.Tensor:
    lat, lon = np.array(positions).T
    return torch.from_numpy(unit_vectors(lat, lon).astype(np.float32))


def _distances() -> np.ndarray:
    return haversine_km(*np.array(PLACES).T[:, :, None], *np.array(MIDPOINTS).T[:, None])


def test_country_loss_skips_the_unknown() -> None:
    logits = torch.zeros(2, 4)
    losses = country_loss(logits, torch.tensor([1, -1]), label_smoothing=0.1)
    assert losses.tolist() == pytest.approx([np.log(4), 0.0])


def test_targets_are_the_formulas() -> None:
    distance = _distances()
    km, powers = torch.from_numpy(distance), np.exp(-distance / 75)
    softmax = powers / powers.sum(axis=1, keepdims=True)
    assert np.allclose(cell_targets(km, 75.0).numpy(), softmax)
    pigeon = powers / powers.max(axis=1, keepdims=True)
    assert np.allclose(cell_targets(km, 75.0, "pigeon").numpy(), pigeon)
    true = torch.tensor([0, 2])
    report = np.minimum(powers / powers[[0, 1], [0, 2], None], 1.0)
    assert report[1].tolist()[1:] == [1.0, 1.0]
    assert np.allclose(cell_targets(km, 75.0, "report", true).numpy(), report)
    unknown = cell_targets(km, 75.0, "report", torch.tensor([0, -1]))
    assert unknown[1].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="true cells"):
        cell_targets(km, 75.0, "report")


@pytest.mark.parametrize("mode", ["softmax", "pigeon", "report"])
def test_targets_cannot_overflow(mode: Mode) -> None:
    far = torch.tensor([[0.0, 20_000.0, 20_015.0]])
    found = cell_targets(far, 0.001, mode, torch.tensor([2]))
    assert found.isfinite().all()
    assert found.max().item() == 1.0


@pytest.mark.parametrize("mode", ["softmax", "pigeon", "report"])
def test_cell_loss_by_hand(mode: Mode) -> None:
    true = torch.tensor([0, 1])
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]], requires_grad=True)
    found = cell_loss(logits, _directions(*PLACES), _directions(*MIDPOINTS), 75.0, mode, true)
    targets = cell_targets(torch.from_numpy(_distances()), 75.0, mode, true)
    expected = -(targets * torch.log_softmax(logits.double(), dim=1)).sum(dim=1)
    # float32 directions are good to about a metre.
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-4)
    found.sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_smoothed_cells_as_torch_has_them() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]])
    found = cell_loss(
        logits, _directions(*PLACES), _directions(*MIDPOINTS), 75.0, label_smoothing=0.2
    )
    targets = cell_targets(torch.from_numpy(_distances()), 75.0).float()
    expected = torch.nn.functional.cross_entropy(
        logits, targets, label_smoothing=0.2, reduction="none"
    )
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_coordinates_loss() -> None:
    true = _directions((0, 0), (0, 0), (0, 0))
    guess = _directions((0, 0), (0, 90), (0, 180)) * 7
    assert coordinates_loss(guess, true).tolist() == pytest.approx([0, 1, 2], abs=1e-6)


@pytest.mark.parametrize("guess", [(0, 0, 0), (1, 0, 0), (-1, 0, 0), (1e-20, 0, 0)])
def test_coordinates_have_finite_gradients(guess: tuple[float, float, float]) -> None:
    vectors = torch.tensor([guess], dtype=torch.float32, requires_grad=True)
    coordinates_loss(vectors, _directions((0, 0))).sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.isfinite().all()


def test_offset_loss_by_hand() -> None:
    outputs = torch.tensor([[0.0, 0, 0.5, -0.5], [1.0, 1, 0, 0]], requires_grad=True)
    offsets = torch.tensor([[0.5, 0.5], [0.0, 0.0]])
    found = offset_loss(outputs, torch.tensor([1, -1]), offsets)
    assert found.tolist() == [0.5, 0.0]
    found.sum().backward()
    assert outputs.grad is not None
    assert outputs.grad.tolist() == [[0, 0, 0, -1], [0, 0, 0, 0]]


@pytest.mark.parametrize("kind", ["softmax", "pigeon", "report", "coordinates", "offset"])
def test_a_sample_without_coordinates_teaches_nothing(kind: str) -> None:
    unknown, output = torch.full((1, 3), torch.nan), torch.ones(1, 4, requires_grad=True)
    true = torch.tensor([-1])
    if kind == "coordinates":
        loss = coordinates_loss(output[:, :3], unknown)
    elif kind == "offset":
        loss = offset_loss(output, true, unknown[:, :2])
    else:
        places = _directions((0, 0), (1, 1), (2, 2), (3, 3))
        loss = cell_loss(output, unknown, places, 75.0, kind, true)  # type: ignore[arg-type]
    loss.sum().backward()
    assert loss.item() == 0
    assert output.grad is not None
    assert output.grad.abs().sum().item() == 0
