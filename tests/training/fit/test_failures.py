"""A run that fails stops, says where, and leaves nothing behind that is not good."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from shards.errors import WorkError
from tests.training.fit.small import assert_same_run, everything, small_networks
from training.evaluation.inference import Evaluator
from training.fit import loop
from training.fit.checkpoint import load_checkpoint
from training.fit.rundir import RunDirectory
from training.fit.watch import all_finite
from training.job.train import run_training
from training.model.modelfile import read_model_file

CONFIG = everything("mixup=0", "accumulate=1")


@pytest.fixture(autouse=True)
def _small_networks() -> Iterator[None]:
    with small_networks():
        yield


def _fails(runs: Path, shards: Path, message: str) -> RunDirectory:
    with pytest.raises(WorkError, match=message):
        run_training(CONFIG, shards, runs, say=lambda _: None)
    (run,) = (RunDirectory(path) for path in runs.iterdir())
    assert not run.model.exists()
    return run


def _spoil_losses(
    patch: pytest.MonkeyPatch, sample: int, epoch: int, value: float
) -> list[tuple[int, int]]:
    """One sample's country loss from one epoch on; the epochs and steps at which it came."""
    losses = loop._Run._losses
    spoilt: list[tuple[int, int]] = []

    def spoil(run: loop._Run, network: Any, batch: loop.Batch, mixed: Any) -> Any:
        found, progress = losses(run, network, batch, mixed), run.state.progress
        bad = torch.from_numpy(batch.indices == sample)
        if progress.epoch >= epoch and bad.any():
            spoilt.append((progress.epoch, progress.step))
            found["country"] = found["country"] * torch.where(bad, value, 1.0)
        return found

    patch.setattr(loop._Run, "_losses", spoil)
    return spoilt


def test_one_bad_sample_is_named_and_the_good_state_kept(shards: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        spoilt = _spoil_losses(patch, sample=13, epoch=2, value=torch.nan)
        run = _fails(tmp_path / "runs", shards, "the country loss is nan for test-0013, in epoch")
        epoch, step = spoilt[0]
        message = f"nan for test-0013, in epoch {epoch + 1}, step {step + 1}; lower optimiser"
        run = _fails(tmp_path / "runs", shards, message)
    progress, states = load_checkpoint(run.last) or pytest.fail("no checkpoint")
    assert (progress.epoch, progress.step) == (epoch, step // 2 * 2)
    assert all_finite([*states["model"].values(), *states["average"].values()])
    assert all_finite(list(read_model_file(run.best)[1].values()))
    assert len(run.rows()) == epoch
    # The cause gone, the same run goes on, and ends as if nothing had happened.
    continued = run_training(CONFIG, shards, tmp_path / "runs", say=lambda _: None)
    undisturbed = run_training(CONFIG, shards, tmp_path / "undisturbed", say=lambda _: None)
    assert_same_run(Path(continued["run"]), Path(undisturbed["run"]))


def test_weights_that_are_not_finite_are_never_saved(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last update before a look spoils them, so no loss has shown it yet."""
    step = loop._Run._step

    def spoil(run: loop._Run, batch: loop.Batch) -> None:
        step(run, batch)
        if run.state.progress.step == 1:
            next(run.state.model.parameters()).data[0] = torch.inf

    monkeypatch.setattr(loop._Run, "_step", spoil)
    run = _fails(tmp_path, shards, "weights are not finite after epoch 1, step 2; lower")
    assert not run.last.exists()
    assert not run.best.exists()


def test_a_gradient_that_overflows_is_found_at_its_step(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoil_losses(monkeypatch, sample=13, epoch=0, value=1e38)
    _fails(tmp_path, shards, r"is (inf|nan).*test-0013.*, in epoch 1, step \d; lower")


def test_a_validation_loss_that_is_not_finite(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = Evaluator.evaluate
    monkeypatch.setattr(
        Evaluator, "evaluate", lambda *given: {**evaluate(*given), "loss": torch.nan}
    )
    run = _fails(tmp_path, shards, "the validation loss is nan after epoch 1; lower optimiser")
    assert not run.best.exists()
