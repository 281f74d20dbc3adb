"""Losses that are not finite are found with their step, their head and their samples."""

import math

import pytest
import torch

from training.fit.watch import Look, LossWatch, all_finite
from training.process import Process

KEYS = ["a", "b", "c", "d", "e"]


def _look(*steps: list[float], norms: list[float] | None = None) -> Look:
    watch = LossWatch(["country"], 5, Process())
    for number, losses in enumerate(steps):
        norm = torch.tensor(norms[number] if norms else 1.0)
        watch.add({"country": torch.tensor(losses)}, norm)
    return watch.look()


def test_sums_by_head_since_the_last_look() -> None:
    watch = LossWatch(["country", "coordinates"], 2, Process())
    for number in (1.0, 2.0):
        losses = torch.full((2,), number)
        watch.add({"coordinates": losses, "country": losses * 10}, torch.tensor(1.0))
    look = watch.look()
    assert look.steps == 2
    assert look.sums() == {"country": 60.0, "coordinates": 6.0}
    watch.add({"coordinates": losses, "country": losses}, torch.tensor(1.0))
    assert watch.look().sums() == {"country": 4.0, "coordinates": 4.0}


@pytest.mark.parametrize(
    ("losses", "norm", "message"),
    [
        ([1, 1, 1, 1, 1], 1, None),
        ([1, math.nan, 1, 1, 1], math.nan, "the country loss is nan for b"),
        ([math.inf, 1, 1, 1, math.inf], math.nan, "the country loss is inf for a, e"),
        ([math.nan] * 4 + [1], math.nan, "the country loss is nan for a, b, c and 1 more"),
        ([math.nan] * 5, math.nan, "the country loss is nan for all samples"),
        ([1, 3, 2, 5, 4], math.inf, "the gradient is inf (largest loss: d, e, b)"),
    ],
)
def test_what_failed_is_named(losses: list[float], norm: float, message: str | None) -> None:
    look = _look([1.0] * 5, losses, norms=[1.0, norm])
    assert look.failure(lambda step: KEYS) == (None if message is None else (1, message))


def test_all_finite() -> None:
    assert all_finite([])
    assert all_finite([torch.ones(2), torch.tensor(3), torch.empty(0)])
    assert not all_finite([torch.ones(2), torch.tensor([1.0, math.nan])])
    assert not all_finite([torch.tensor([-math.inf]), torch.ones(1)])
