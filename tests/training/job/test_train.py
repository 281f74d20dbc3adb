"""Training as a Ray Train job, on a real cluster of this machine."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch

from shards.errors import UsageError, WorkError
from tests.training.conftest import tiny_config
from tests.training.shardmaker import make_shards
from training.config import config_hash
from training.data.samples import data_sha256
from training.fit.rundir import RunDirectory
from training.job.train import run_training
from training.model.modelfile import load_model

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.mark.timeout(600)  # about 40 s on two idle cores
def test_two_workers_survive_the_death_of_one(shards: Path, tmp_path: Path) -> None:
    """kill -9 on a worker: training goes on, and ends with the model of an undisturbed run."""
    config = tiny_config("job.workers=2", "epochs=6", "job.checkpoint_seconds=0")
    calm = run_training(config, shards, tmp_path / "calm")
    directory = RunDirectory(tmp_path / config_hash(config, data_sha256(shards)))
    before, killed = set(_workers()), []

    def kill_one() -> None:
        while not directory.rows():
            time.sleep(0.05)
        (victim, *_) = sorted(set(_workers()) - before)
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    found = run_training(config, shards, tmp_path)
    killer.join(timeout=1)
    assert killed
    assert found["run"] == str(directory.path)
    rows = directory.rows()
    assert [row["epoch"] for row in rows] == list(range(6))
    assert rows[-1]["loss"]["country"] < rows[0]["loss"]["country"]
    assert found["validation"]["samples"] == 8
    expected = load_model(Path(calm["model"])).network.state_dict()
    for name, weights in load_model(directory.model).network.state_dict().items():
        assert torch.equal(weights, expected[name]), name


def test_a_workers_own_error_is_the_error(tmp_path: Path) -> None:
    """And is not tried again."""
    shards = make_shards(tmp_path / "s", images={"test-0003": b"\xff\xd8broken"})
    with pytest.raises(WorkError, match=r"^\S*train-000000\.tar: image test-0003 cannot be read"):
        run_training(tiny_config("job.workers=1", "epochs=1"), shards, tmp_path / "runs")


def test_more_workers_than_the_cluster_has(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"2 workers need 1000 CPUs, .* the cluster has"):
        run_training(tiny_config("job.workers=2", "job.cpus_per_worker=500"), shards, tmp_path)


def _workers() -> list[int]:
    """Processes of this session's Ray that run a training worker."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # ended meanwhile, and all its memory with it
            if "RayTrainWorker" in " ".join(process.cmdline()):
                found.append(process.pid)
    return found
