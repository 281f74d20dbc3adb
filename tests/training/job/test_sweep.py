"""Sweeps on a real cluster of this machine."""

import csv
import json
import shutil
import time
from pathlib import Path

import pytest

from shards.local_state import STATE_VARIABLE
from tests.stores import hashes, memory
from tests.training.conftest import TINY
from training.config import config_hash, load_config
from training.data.samples import data_sha256
from training.fit.rundir import RunDirectory
from training.job.grid import make_trials
from training.job.runs import open_runs
from training.job.sweep import run_sweep
from training.job.train import run_training

pytestmark = pytest.mark.usefixtures("ray_cluster")
SETTINGS = [*TINY, "best_by=loss", "job.loader_threads=0", "job.checkpoint_seconds=0"]


def _free() -> float:
    import ray

    return ray.available_resources().get("CPU", 0.0)


@pytest.mark.timeout(300)
def test_grid(shards: Path, tmp_path: Path) -> None:
    """One trial is complete already, one fails, one is trained; then nothing is left to do."""
    before = _free()
    done = load_config("demo", [*SETTINGS, "optimiser.head_lr=0.01"])
    run_training(done, shards, tmp_path)
    stamp = next(tmp_path.glob("*/model.safetensors")).stat().st_mtime_ns
    trials = make_trials("demo", SETTINGS, ["optimiser.head_lr=0.01,0.002,1e30"])
    found = run_sweep(trials, shards, tmp_path)
    assert (found["trials"], found["complete"], found["failed"], found["reused"]) == (3, 2, 1, 1)
    assert (
        "not finite" in found["failures"][0]
        or "inf" in found["failures"][0]
        or "nan" in (found["failures"][0])
    )
    assert stamp in {path.stat().st_mtime_ns for path in tmp_path.glob("*/model.safetensors")}

    folder = Path(found["sweep"])
    ranking = json.loads((folder / "sweep.json").read_text())["ranking"]
    rows = list(csv.DictReader((folder / "sweep.csv").open()))
    assert [row["run"] for row in rows] == [row["run"] for row in ranking]
    assert ranking[0]["score"] >= ranking[1]["score"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.yaml",
        "sweep.csv",
        "sweep.json",
    ]
    # The best configuration is ready for `train`: it names the run that is there.
    best = load_config(str(folder / "best.yaml"))
    assert best.optimiser.head_lr == ranking[0]["optimiser.head_lr"]
    assert Path(run_training(best, shards, tmp_path)["run"]).name == ranking[0]["run"]

    deadline = time.monotonic() + 60
    while _free() < before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _free() >= before

    again = run_sweep(trials[:2], shards, tmp_path)
    assert (again["complete"], again["reused"]) == (2, 2)


@pytest.mark.timeout(300)
def test_asha_stops_the_worse_ones(shards: Path, tmp_path: Path) -> None:
    settings = [*SETTINGS, "epochs=9"]
    trials = make_trials("demo", settings, ["optimiser.head_lr=0.003,0.0,1e-9,1e-8"])
    found = run_sweep(trials, shards, tmp_path, scheduler="asha")
    assert found["complete"] >= 1
    assert found["stopped"] >= 1
    assert found["complete"] + found["stopped"] == 4
    ranking = json.loads((Path(found["sweep"]) / "sweep.json").read_text())["ranking"]
    stopped = next(row for row in ranking if row["status"] == "stopped")
    assert 0 < stopped["epochs"] < 9
    # It can be continued.
    trial = next(t for t in trials if t.values["optimiser.head_lr"] == stopped["optimiser.head_lr"])
    run_training(trial.config, shards, tmp_path)
    assert len(RunDirectory(tmp_path / stopped["run"]).rows()) == 9


@pytest.mark.timeout(300)
def test_at_an_address(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and ranking arrive; where the folder is gone, nothing is trained again."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    address, trials = memory(), make_trials("demo", SETTINGS, ["optimiser.head_lr=0.01,0.002"])
    with open_runs(address) as runs:
        found = run_sweep(trials, shards, runs)
    assert found["sweep"].startswith(f"{address}/sweeps/")
    assert found["config"] == f"{found['sweep']}/best.yaml"
    sent = hashes(address)
    names = {name.partition("/")[0] for name in sent}
    assert names == {"sweeps", *(config_hash(t.config, data_sha256(shards)) for t in trials)}
    assert {name.rpartition("/")[2] for name in sent if name.startswith("sweeps/")} == {
        "best.yaml",
        "sweep.csv",
        "sweep.json",
    }
    assert load_config(found["config"]) in [trial.config for trial in trials]
    shutil.rmtree(tmp_path / "state")
    with open_runs(address) as runs:
        again = run_sweep(trials, shards, runs)
    assert (again["complete"], again["reused"], again["best"]) == (2, 2, found["best"])
    assert {name: sha for name, sha in hashes(address).items() if "sweep.json" not in name} == {
        name: sha for name, sha in sent.items() if "sweep.json" not in name
    }
