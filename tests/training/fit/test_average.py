import pytest
import torch

from training.fit.average import Average


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
