import math

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


def test_the_weights_before_training_fade_as_the_docstring_says() -> None:
    layer = torch.nn.Linear(1, 1, bias=False, dtype=torch.float64)
    torch.nn.init.constant_(layer.weight, 1.0)
    average = Average(layer, 0.999)
    torch.nn.init.constant_(layer.weight, 0.0)
    for updates in range(1, 11):
        average.update(layer)
        share = math.factorial(updates) * math.factorial(9) / math.factorial(updates + 9)
        assert average.model.weight.item() == pytest.approx(share)
    assert share < 1.1e-5


def test_statistics_are_averaged_and_counters_copied() -> None:
    norm = torch.nn.BatchNorm1d(1)
    average = Average(norm, 0.5, updates=100)
    norm(torch.tensor([[4.0], [8.0]]))  # moves the mean by a tenth of 6
    average.update(norm)
    assert average.model.running_mean.item() == pytest.approx(0.3)
    assert average.model.num_batches_tracked.item() == 1
