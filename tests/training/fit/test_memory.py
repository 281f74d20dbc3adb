"""A step that does not fit into memory says what would."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from shards.errors import WorkError
from tests.training.conftest import tiny_config
from tests.training.fit.small import build_small, small_networks
from training.fit.memory import is_out_of_memory, largest_that_fits, memory_advice
from training.job.train import run_training
from training.model.networks import Trunk


class Limited(nn.Module):
    """As if the memory were full beyond so many samples."""

    def __init__(self, inner: nn.Module, most: int) -> None:
        super().__init__()
        self.inner, self.most = inner, most

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        found: Tensor = self.inner(images)
        return found


def _build(most: int) -> Trunk:
    trunk = build_small("", "")
    return Trunk(Limited(trunk.module, most), trunk.features)


@pytest.mark.parametrize(
    ("most", "overrides", "message"),
    [
        (5, [], "8 samples at once .*, 4 do .*; set batch_size=4, or .* set accumulate=2$"),
        (3, ["accumulate=2"], "4 samples at once do not fit, 2 do .* accumulate=4$"),
        (1, [], "8 samples at once do not fit, nor do 2; choose smaller images or a smaller"),
    ],
)
def test_a_run_out_of_memory(
    most: int, overrides: list[str], message: str, shards: Path, tmp_path: Path
) -> None:
    with (
        small_networks(lambda *_: _build(most)),
        pytest.raises(WorkError, match=f"out of memory in epoch 1, step 1: {message}"),
    ):
        run_training(tiny_config(*overrides), shards, tmp_path, say=lambda _: None)


class LimitedAtRest(Limited):
    """As if validation needed more than training."""

    def forward(self, images: Tensor) -> Tensor:
        self.training = not self.training
        try:
            return super().forward(images)
        finally:
            self.training = not self.training


def test_validation_out_of_memory(shards: Path, tmp_path: Path) -> None:
    def build(*_: object) -> Trunk:
        trunk = build_small("", "")
        return Trunk(LimitedAtRest(trunk.module, 5), trunk.features)

    advice = "8 samples at once do not fit, 4 do .*; set batch_size=4, or .* set accumulate=2$"
    with (
        small_networks(build),
        pytest.raises(WorkError, match=f"out of memory in validation after epoch 1: {advice}"),
    ):
        run_training(tiny_config(), shards, tmp_path, say=lambda _: None)


def test_what_it_advises_fits(shards: Path, tmp_path: Path) -> None:
    with small_networks(lambda *_: _build(5)):
        run_training(tiny_config("accumulate=2", "epochs=1"), shards, tmp_path, say=lambda _: None)


def test_the_cpu_allocator_is_recognised() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 60)
    assert is_out_of_memory(raised.value)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def test_another_error_is_not_hidden() -> None:
    def fail(_: int) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        largest_that_fits(fail, 8)


def _up_to(most: int) -> Callable[[int], None]:
    def attempt(samples: int) -> None:
        if samples > most:
            raise torch.OutOfMemoryError

    return attempt


def test_advice_for_several_processes() -> None:
    found = memory_advice(_up_to(15), samples=33, passes=2, processes=2)
    assert found.startswith("17 samples at once do not fit, 8 do (tried); set batch_size=16, or")
    assert found.endswith("set accumulate=5")
    # Three passes would leave one of them a single sample.
    assert memory_advice(_up_to(2), 5, 1, 1).endswith("2 do (tried); set batch_size=2")
