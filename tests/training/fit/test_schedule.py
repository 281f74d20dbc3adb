"""The learning rate over the steps, against formulas and torch's own scheduler."""

from itertools import pairwise

import pytest
import torch

from training.fit.schedule import rate_factor
from training.fit_config import CosineSchedule, StepSchedule


def test_warm_up_and_cosine() -> None:
    factors = [rate_factor(CosineSchedule(warmup=0.1), step, 20, 5) for step in range(100)]
    assert all(a < b for a, b in pairwise(factors[:11]))
    assert factors[:2] == [1 / 11, 2 / 11]
    assert factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert all(a > b for a, b in pairwise(factors[10:]))
    assert 0 < factors[-1] < 0.001
    assert rate_factor(CosineSchedule(warmup=0), 0, 20, 5) == 1.0


def test_steps_as_torch_has_them() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, step_size=3, gamma=0.5)
    for epoch in range(10):
        for step in range(epoch * 7, epoch * 7 + 7):
            factor = rate_factor(StepSchedule(every=3, gamma=0.5), step, 7, 10)
            assert factor == pytest.approx(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()
    assert rate_factor(StepSchedule(), 69, 7, 10) == 1.0
