"""A run that is cut off at any moment and started again ends as if nothing had happened."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shards.errors import WorkError
from tests.training.fit.small import (
    PowerCutError,
    assert_same_run,
    build_without_norm,
    cut_after,
    everything,
    small_networks,
)
from training.config import Config
from training.fit import loop
from training.fit.rundir import RunDirectory
from training.job.train import run_training

STOPS_EARLY = everything("epochs=30", "best_by=top1", "patience=2", "optimiser.head_lr=0.1")


@pytest.fixture(scope="module", autouse=True)
def _small_networks() -> Iterator[None]:
    with small_networks():
        yield


def _run(config: Config, shards: Path, runs: Path) -> Path:
    return Path(run_training(config, shards, runs, say=lambda _: None)["run"])


def _until_complete(config: Config, shards: Path, runs: Path, chance: random.Random) -> Path:
    """Power fails at random moments, again and again, until the run is complete."""
    for _ in range(40):
        try:
            with cut_after(chance.randrange(50)):
                return _run(config, shards, runs)
        except PowerCutError:
            pass
    return _run(config, shards, runs)


@pytest.mark.parametrize("config", [everything(), STOPS_EARLY], ids=["all epochs", "stops early"])
def test_cut_off_at_random_moments(config: Config, shards: Path, tmp_path: Path) -> None:
    undisturbed = _run(config, shards, tmp_path / "undisturbed")
    epochs = len(RunDirectory(undisturbed).rows())
    assert (epochs < config.epochs) == (config is STOPS_EARLY)
    for seed in range(3):
        disturbed = _until_complete(config, shards, tmp_path / str(seed), random.Random(seed))
        assert_same_run(disturbed, undisturbed)


def test_a_run_that_stopped_early_is_complete(
    shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = _run(STOPS_EARLY, shards, tmp_path)
    assert "2 validations without a better top1: complete after" in capfd.readouterr().err
    scores = [row["validation"]["country"]["top1"] for row in RunDirectory(run).rows()]
    highest = scores.index(max(scores))
    assert len(scores) == highest + 1 + STOPS_EARLY.patience
    with cut_after(0):
        assert _run(STOPS_EARLY, shards, tmp_path) == run


def test_the_same_samples_in_the_same_order_after_cuts(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, list[int]] = {}
    step = loop._Run._step

    def record(run: loop._Run, batch: loop.Batch) -> None:
        number = run.state.progress.epoch * run.steps + run.state.progress.step
        seen[number] = batch.indices.tolist()
        step(run, batch)

    monkeypatch.setattr(loop._Run, "_step", record)
    _run(everything(), shards, tmp_path / "undisturbed")
    undisturbed = dict(seen)
    seen.clear()
    _until_complete(everything(), shards, tmp_path / "cut", random.Random(9))
    assert seen == undisturbed
    assert len(np.unique([i for step in range(4) for i in seen[step]])) == 32


@pytest.mark.parametrize("damage", ["torn", "a spoilt block"])
def test_a_damaged_checkpoint_costs_only_the_time_since_the_one_before(
    damage: str, shards: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    undisturbed = _run(everything(), shards, tmp_path / "undisturbed")
    with pytest.raises(PowerCutError), cut_after(40):
        _run(everything(), shards, tmp_path / "runs")
    (run,) = (RunDirectory(path) for path in (tmp_path / "runs").iterdir())
    content = bytearray(run.last.read_bytes())
    if damage == "torn":
        del content[-100:]
    else:
        half = len(content) // 2
        content[half : half + 512] = bytes(512)
    run.last.write_bytes(content)
    assert_same_run(_run(everything(), shards, tmp_path / "runs"), undisturbed)
    assert "last.pt: not a checkpoint; going on from the one before it" in capfd.readouterr().err


def test_a_checkpoint_of_another_network_is_one_line(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(PowerCutError), cut_after(40):
        _run(everything(), shards, tmp_path)
    with small_networks(build_without_norm), pytest.raises(WorkError, match="another version of"):
        _run(everything(), shards, tmp_path)


def test_both_checkpoints_damaged_is_one_line(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(PowerCutError), cut_after(40):
        _run(everything(), shards, tmp_path)
    (run,) = (RunDirectory(path) for path in tmp_path.iterdir())
    for path in (run.last, run.previous):
        path.write_bytes(b"PK broken")
    with pytest.raises(WorkError, match=r"previous\.pt: not a checkpoint; delete it"):
        _run(everything(), shards, tmp_path)
