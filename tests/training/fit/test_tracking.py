import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from shards.errors import UsageError
from tests.training.conftest import tiny_config
from training.config import Config, config_hash
from training.fit.inputs import read_inputs
from training.fit.loop import train
from training.fit.rundir import RunDirectory
from training.fit.tracking import TensorBoard, numbers
from training.process import Process

STEPS = 4  # of an epoch: 32 samples in batches of 8


def run(shards: Path, folder: Path, config: Config, stop_after: int | None = None) -> RunDirectory:
    """A run that is interrupted after so many epochs, or a whole one."""
    inputs = read_inputs(config, shards)
    directory = RunDirectory(folder / config_hash(config, inputs.data_sha256))
    directory.start(config, shards, inputs.data_sha256, "test")

    def on_epoch(row: dict[str, Any]) -> None:
        if row["epoch"] + 1 == stop_after:
            raise KeyboardInterrupt

    train(config, inputs, directory, Process(), on_epoch)
    return directory


def steps(directory: RunDirectory) -> list[dict[str, Any]]:
    return [json.loads(line) for line in directory.steps.read_text().splitlines()]


def scalars(directory: RunDirectory, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(directory.tensorboard))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


@pytest.fixture(scope="module")
def whole(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return run(shards, tmp_path_factory.mktemp("runs"), tiny_config("epochs=3"))


def test_lines_of_steps_add_up_to_those_of_epochs(whole: RunDirectory) -> None:
    rows = steps(whole)
    assert [row["step"] for row in rows] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert [row["loss"] for row in rows] == [row["loss"] for row in whole.rows()]
    for row, epoch in zip(rows, whole.rows(), strict=True):
        assert row["gradient_norm"] > 0
        assert row["images_per_second"] > 0
        assert row["rate"] == epoch["rate"]


def test_tensorboard_shows_the_same(whole: RunDirectory) -> None:
    expected = [(row["step"], row["loss"]["country"]) for row in steps(whole)]
    assert dict(scalars(whole, "train/loss/country")) == pytest.approx(dict(expected))
    top1 = [(row["step"], row["validation"]["country"]["top1"]) for row in whole.rows()]
    assert dict(scalars(whole, "epoch/validation/country/top1")) == pytest.approx(dict(top1))


def test_a_run_that_goes_on_repeats_no_step(shards: Path, tmp_path: Path) -> None:
    config = tiny_config("epochs=3", "job.checkpoint_seconds=0")
    with pytest.raises(KeyboardInterrupt):
        run(shards, tmp_path, config, stop_after=2)
    directory = run(shards, tmp_path, config)
    numbered = [STEPS, 2 * STEPS, 3 * STEPS]
    assert [row["step"] for row in steps(directory)] == numbered
    assert [step for step, _ in scalars(directory, "train/rate")] == numbered


def test_a_start_within_the_same_second_replaces_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.5)
    for first in (0, 8):
        writer = TensorBoard(tmp_path, first)
        writer.log("train", {"step": first + 4, "rate": 0.1})
        writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("train/rate")] == [4, 12]


def test_what_was_logged_after_the_checkpoint_is_taken_back(shards: Path, tmp_path: Path) -> None:
    config = tiny_config("epochs=3", "job.checkpoint_seconds=1000")
    with pytest.raises(KeyboardInterrupt):
        run(shards, tmp_path, config, stop_after=2)
    directory = run(shards, tmp_path, config)
    numbered = [STEPS, 2 * STEPS, 3 * STEPS]
    assert [row["step"] for row in steps(directory)] == numbered
    assert [step for step, _ in scalars(directory, "train/rate")] == numbered


def test_a_torn_line_is_dropped(shards: Path, tmp_path: Path) -> None:
    config = tiny_config("epochs=2", "job.checkpoint_seconds=0")
    with pytest.raises(KeyboardInterrupt):
        run(shards, tmp_path, config, stop_after=1)
    directory = RunDirectory(next(tmp_path.iterdir()))
    with open(directory.steps, "a") as file:
        file.write('{"step": 5, "epo')
    assert [row["step"] for row in steps(run(shards, tmp_path, config))] == [STEPS, 2 * STEPS]


def test_where_figures_go_changes_no_weight(
    shards: Path, tmp_path: Path, whole: RunDirectory
) -> None:
    config = tiny_config("epochs=3", "track.tensorboard=false")
    other = run(shards, tmp_path, config)
    assert other.path.name == whole.path.name
    assert not other.tensorboard.exists()
    one, two = (torch.load(d.last, weights_only=True)["states"]["model"] for d in (whole, other))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_weights_and_biases_offline(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", "secret-for-tests" * 3)
    directory = run(shards, tmp_path, tiny_config("epochs=1", "track.wandb=lostfound"))
    files = list((directory.path / "wandb").rglob(f"run-{directory.path.name}.wandb"))
    assert len(files) == 1
    assert b"train/loss/country" in files[0].read_bytes()
    for path in directory.path.rglob("*"):
        assert not path.is_file() or b"secret-for-tests" not in path.read_bytes()


def test_weights_and_biases_that_is_not_installed(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match=r"^track\.wandb: wandb is not installed"):
        run(shards, tmp_path, tiny_config("epochs=1", "track.wandb=lostfound"))


def test_numbers_of_a_row() -> None:
    row = {"step": 3, "epoch": 0, "best": True, "loss": {"country": 1.5}, "rate": 1, "note": "a"}
    assert dict(numbers(row)) == {"loss/country": 1.5, "rate": 1.0}
