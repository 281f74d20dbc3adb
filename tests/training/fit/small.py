"""A network of a few hundred weights, and cuts of power, for tests of the loop itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.conftest import tiny_config
from training.config import Config
from training.fit import loop, state
from training.fit.rundir import RunDirectory
from training.model import geomodel
from training.model.modelfile import read_model_file
from training.model.networks import Trunk

EVERYTHING = (
    "epochs=6",
    "ema_decay=0.9",
    "mixup=0.4",
    "accumulate=2",
    "progressive=[{until: 0.4, width: 24, height: 16}]",
    "best_by=loss",
    "patience=3",
    "dropout=0.2",
    "channels_last=true",
    "balance=class",
    "heads=[country, region, offset, coordinates]",
    "optimiser.head_lr=0.02",
    "job.checkpoint_seconds=0",
)
"""Every switch that changes what a step does."""


def build_small(_network: str, _weights: str, norm: bool = True) -> Trunk:
    # A bias before a norm has no effect: its gradient is rounding, which AdamW would make large.
    convolution = nn.Conv2d(3, 8, 5, stride=4, bias=not norm)
    layers = [convolution, nn.BatchNorm2d(8) if norm else nn.Identity()]
    rest = [nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
    return Trunk(nn.Sequential(*layers, *rest), 32)


def build_without_norm(network: str, weights: str) -> Trunk:
    """Whose gradient does not depend on how a batch is cut."""
    return build_small(network, weights, norm=False)


@contextmanager
def small_networks(
    build: Callable[..., Trunk] = build_small, check_steps: int = 2
) -> Iterator[None]:
    """Every network is a small one; losses are looked at, and files saved, more often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geomodel, "build_trunk", build)
        patch.setattr(loop, "CHECK_STEPS", check_steps)
        yield


def everything(*overrides: str) -> Config:
    return tiny_config(*EVERYTHING, *overrides)


class PowerCutError(Exception):
    """Ends a run wherever it stands."""


@contextmanager
def cut_after(moments: int) -> Iterator[None]:
    """Raises at one of the moments at which a run's state or files change, counted from 0.

    Each such moment is two: just before the change, and just after it.
    """
    left = moments

    def tick() -> None:
        nonlocal left
        if left == 0:
            raise PowerCutError
        left -= 1

    def cuttable(work: Callable[..., Any]) -> Callable[..., Any]:
        def cut(*arguments: Any) -> Any:
            tick()
            found = work(*arguments)
            tick()
            return found

        return cut

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (loop._Run, "_step"),
            (state, "save_checkpoint"),
            (state, "write_model"),
            (RunDirectory, "add_row"),
            (RunDirectory, "complete"),
        ):
            patch.setattr(owner, name, cuttable(getattr(owner, name)))
        yield


def assert_same_run(one: Path, other: Path) -> None:
    """Bitwise the same weights, and the same rows but for the seconds."""
    (_, weights), (_, others) = (read_model_file(p / "model.safetensors") for p in (one, other))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    rows, other_rows = (
        [{**row, "seconds": 0} for row in RunDirectory(path).rows()] for path in (one, other)
    )
    assert rows == other_rows
