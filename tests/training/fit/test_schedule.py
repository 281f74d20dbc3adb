"""The learning rate over the steps, against formulas and torch's own scheduler."""

from itertools import pairwise

import pytest
import torch

from training.config import ImageConfig
from training.fit.schedule import is_over, next_stale, rate_factor, size_at, sizes
from training.fit_config import CosineSchedule, Stage, StepSchedule


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


def test_sizes_grow_with_the_share_of_epochs() -> None:
    stages = (Stage(until=0.4, width=80, height=45), Stage(until=0.6, width=160, height=90))
    image = ImageConfig(width=320, height=180)
    widths = [size_at(stages, image, epoch, 10)[0] for epoch in range(10)]
    assert widths == [80] * 4 + [160] * 2 + [320] * 4
    assert [size_at(stages, image, epoch, 3) for epoch in range(3)] == [
        (80, 45),
        (80, 45),
        (320, 180),
    ]
    assert size_at((), image, 0, 1) == (320, 180)
    assert sizes(stages, image) == [(80, 45), (160, 90), (320, 180)]


def test_patience_by_hand() -> None:
    """The third validation in a row without a new highest score ends a run; as high is not new."""
    stale, best, found = 0, None, []
    for epoch, score in enumerate([0.1, 0.3, 0.2, 0.3, 0.4, 0.4, 0.1, 0.2, 0.9]):
        if is_over(epoch, 100, stale, patience=3):
            break
        stale = next_stale(stale, best, score)
        best = score if best is None else max(best, score)
        found.append(stale)
    assert found == [0, 0, 1, 2, 0, 1, 2, 3]
    assert not is_over(99, 100, 99, patience=0)
    assert is_over(100, 100, 0, patience=0)
