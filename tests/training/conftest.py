"""Shards and a trained model that several tests of this stage share."""

from pathlib import Path

import pytest

from tests.training.shardmaker import make_shards
from training.config import Config, load_config

TINY = (
    "network=shufflenet_v2_x0_5",
    "image.width=32",
    "image.height=32",
    "batch_size=8",
    "optimiser.trunk_lr=0.003",
    "epochs=2",
    "heads=[country, coordinates]",
    "optimiser.head_lr=0.003",
    "norm_momentum=0.1",
    "ema_decay=0",
    "validate_every=1",
    "best_by=last",
    "job.workers=0",
)


def tiny_config(*overrides: str) -> Config:
    """A network that learns the drawn pictures within a few seconds on one core."""
    return load_config("demo", [*TINY, *overrides])


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four countries; 32 samples to train on, 8 to validate, 11 to test."""
    return make_shards(tmp_path_factory.mktemp("dataset") / "shards" / "small")


@pytest.fixture(scope="session")
def run(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a complete run on `shards`, with all three heads."""
    from training.job.train import run_training

    runs = tmp_path_factory.mktemp("runs")
    config = tiny_config("epochs=20", "heads.region={}")
    return Path(run_training(config, shards, runs)["run"])
