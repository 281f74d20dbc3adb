"""What is cut off and run again ends with the weights of an undisturbed run, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.training.conftest import TINY
from training.fit.rundir import RunDirectory
from training.model.modelfile import load_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TWO_WORKERS = [*TINY, "job.workers=2", "epochs=10", "job.checkpoint_seconds=0"]
# Each of these processes is the driver of a cluster of its own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}


def _command(shards: Path, runs: Path) -> list[str]:
    lostfound = Path(sys.executable).parent / "lostfound"
    words = ["train", "demo", *TWO_WORKERS, "--shards", str(shards), "--out", str(runs)]
    return [str(lostfound), *words]


@pytest.fixture(scope="module")
def undisturbed(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a run that nothing happened to."""
    runs = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(_command(shards, runs), env=ENVIRONMENT, check=True, capture_output=True)
    (model,) = runs.glob("*/model.safetensors")
    return model


@pytest.mark.parametrize("rows", [1, 4, 8])
def test_the_driver_is_killed(undisturbed: Path, shards: Path, tmp_path: Path, rows: int) -> None:
    """With all that it started, after so many epochs at least."""
    run = RunDirectory(tmp_path / undisturbed.parent.name)
    with subprocess.Popen(
        _command(shards, tmp_path),
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as driver:
        while len(run.rows()) < rows:
            assert driver.poll() is None
            time.sleep(0.02)
        os.killpg(driver.pid, signal.SIGKILL)
    assert not run.model.exists()
    subprocess.run(_command(shards, tmp_path), env=ENVIRONMENT, check=True, capture_output=True)
    assert [row["epoch"] for row in run.rows()] == list(range(10))
    assert_same_weights(run.model, undisturbed)


def test_a_node_is_lost(undisturbed: Path, shards: Path, tmp_path: Path) -> None:
    """The worker that was on it is placed on another node."""
    _lose_a_node(1, shards, tmp_path)
    (model,) = tmp_path.glob("*/model.safetensors")
    assert_same_weights(model, undisturbed)


def test_elastic_goes_on_with_one_worker(undisturbed: Path, shards: Path, tmp_path: Path) -> None:
    """No other node has room: the run ends with every batch done, in another number of parts."""
    _lose_a_node(0, shards, tmp_path, "job.workers=[1, 2]")
    (run,) = (RunDirectory(path.parent) for path in tmp_path.glob("*/model.safetensors"))
    assert run.path.name == undisturbed.parent.name
    rows, expected = run.rows(), RunDirectory(undisturbed.parent).rows()
    assert [row["step"] for row in rows] == [row["step"] for row in expected]
    # Other sums of floats and other parts under batch norm: it learnt as much, not the same bits.
    assert rows[-1]["loss"]["country"] < rows[0]["loss"]["country"]


def test_elastic_goes_on_with_a_worker_more(shards: Path, tmp_path: Path) -> None:
    """A node comes: no epoch is lost or done twice, whatever it was at."""
    overrides = ["job.workers=[1, 2]", "epochs=300", "validate_every=300"]
    done = _on_nodes("growing", str(shards), str(tmp_path), *overrides)
    assert "1 then 2 nodes busy" in done.stdout
    (run,) = (RunDirectory(path.parent) for path in tmp_path.glob("*/model.safetensors"))
    rows = run.rows()
    assert [row["epoch"] for row in rows] == list(range(300))
    assert [row["step"] for row in rows] == [4 * (epoch + 1) for epoch in range(300)]
    assert rows[-1]["loss"]["country"] < rows[0]["loss"]["country"]


def _lose_a_node(spares: int, shards: Path, runs: Path, *overrides: str) -> None:
    done = _on_nodes("nodes", str(spares), str(shards), str(runs), *overrides)
    assert f"{2 + spares} nodes alive" in done.stdout
    assert "going on from the checkpoint" in done.stderr


def _on_nodes(module: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """A module beside this one, with these words and the settings of the undisturbed run first."""
    places = [word for word in words if "=" not in word]
    settings = [word for word in TWO_WORKERS if word not in TINY]
    done = subprocess.run(
        [sys.executable, "-m", f"tests.training.job.{module}", *places, *settings]
        + [word for word in words if "=" in word],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def assert_same_weights(model: Path, expected: Path) -> None:
    """Bit for bit."""
    theirs = load_model(expected).network.state_dict()
    for name, weights in load_model(model).network.state_dict().items():
        assert torch.equal(weights, theirs[name]), name
