import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from shards.errors import UsageError, WorkError
from tests.training.conftest import tiny_config
from tests.training.shardmaker import PLACES, make_shards
from training.compare.entries import flat
from training.config import Config, dump_config
from training.data.labels import read_labels
from training.data.loader import Loader
from training.data.samples import read_samples
from training.evaluation.facts import read_facts
from training.evaluation.figures import all_figures
from training.evaluation.inference import Evaluator
from training.evaluation.outcomes import Outcomes
from training.fit import loop, state
from training.fit.checkpoint import Progress, save_checkpoint
from training.fit.rundir import RunDirectory
from training.job.train import run_training
from training.model.heads import Heads
from training.model.modelfile import TrainedModel, load_model, read_model_file
from training.process import Process


def _weights(summary: dict[str, Any]) -> dict[str, torch.Tensor]:
    return read_model_file(Path(summary["model"]))[1]


def test_it_learns(shards: Path, run: Path) -> None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(20))
    assert rows[-1]["loss"]["country"] < rows[0]["loss"]["country"] / 1.5
    assert rows[-1]["validation"]["country"]["top1"] == 1.0
    record = json.loads((run / "config.json").read_text())
    assert Config.model_validate(record["config"]).epochs == 20
    assert record["shards"] == str(shards)


def test_a_complete_run_is_left_alone(
    shards: Path, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (run / "model.safetensors").stat().st_mtime_ns
    config = tiny_config("epochs=20", "heads.region={}")
    assert run_training(config, shards, run.parent)["run"] == str(run)
    assert "complete" in capfd.readouterr().err
    assert (run / "model.safetensors").stat().st_mtime_ns == before


def test_the_same_run_gives_the_same_weights(shards: Path, tmp_path: Path) -> None:
    config = tiny_config("epochs=2")
    one = _weights(run_training(config, shards, tmp_path / "one"))
    other = _weights(run_training(config, shards, tmp_path / "other"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_killed_and_continued(shards: Path, tmp_path: Path) -> None:
    """kill -9 in the middle; the run that goes on ends with the weights of an undisturbed one."""
    config = tiny_config("epochs=12", "job.checkpoint_seconds=0", "best_by=loss")
    path, runs = tmp_path / "c.yaml", tmp_path / "runs"
    path.write_text(dump_config(config))
    command = [sys.executable, "-c", "import lostfound; lostfound.main()", "train", str(path)]
    process = subprocess.Popen(
        [*command, "--shards", str(shards), "--out", str(runs)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 200
        while not list(runs.glob("*/checkpoints/last.pt")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (run,) = (RunDirectory(directory) for directory in runs.iterdir())
    assert 1 <= len(run.rows()) < 12
    assert not run.model.exists()
    continued = run_training(config, shards, runs)
    undisturbed = run_training(config, shards, tmp_path / "undisturbed")
    _assert_same(continued, undisturbed)


class _PowerCutError(Exception):
    pass


def test_continued_in_the_middle_of_an_epoch(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config("epochs=3", "job.checkpoint_seconds=0", "best_by=loss")
    monkeypatch.setattr(loop, "CHECK_STEPS", 1)
    undisturbed = run_training(config, shards, tmp_path / "undisturbed")

    def save_and_fail(
        path: Path, progress: Progress, states: dict[str, Any], previous: Path
    ) -> None:
        save_checkpoint(path, progress, states, previous)
        if (progress.epoch, progress.step) == (1, 2):
            raise _PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(state, "save_checkpoint", save_and_fail)
        with pytest.raises(_PowerCutError):
            run_training(config, shards, tmp_path / "runs")
    _assert_same(run_training(config, shards, tmp_path / "runs"), undisturbed)


def _assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    weights, others = _weights(one), _weights(other)
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    rows, other_rows = (
        [{**row, "seconds": 0} for row in RunDirectory(Path(found["run"])).rows()]
        for found in (one, other)
    )
    assert rows == other_rows


def test_a_damaged_checkpoint_is_one_line(shards: Path, tmp_path: Path) -> None:
    config = tiny_config("epochs=1")
    run = Path(run_training(config, shards, tmp_path)["run"])
    (run / "model.safetensors").unlink()
    (run / "checkpoints" / "last.pt").write_bytes(b"PK broken")
    with pytest.raises(WorkError, match=r"last\.pt: not a checkpoint; delete it"):
        run_training(config, shards, tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run(shards: Path, tmp_path: Path) -> None:
    config = tiny_config("optimiser.trunk_lr=1e30", "optimiser.head_lr=1e30", "epochs=3")
    with pytest.raises(WorkError, match=r"is -?(nan|inf).*, in epoch 1, step \d; lower optimiser"):
        run_training(config, shards, tmp_path)


def test_too_little_to_train_on(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="32 training samples do not fill one batch of 64"):
        run_training(tiny_config("batch_size=64"), shards, tmp_path)
    with pytest.raises(UsageError, match="each needs two samples"):
        run_training(tiny_config("batch_size=1"), shards, tmp_path)
    only_train = make_shards(tmp_path / "s", {"train": 8})
    with pytest.raises(UsageError, match=r"validation split is empty.*best_by=last"):
        run_training(tiny_config("best_by=top1"), only_train, tmp_path)


def test_no_validation_is_needed_for_the_last_weights(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", {"train": 8})
    found = run_training(tiny_config("epochs=1"), shards, tmp_path / "runs")
    assert found["validation"] is None


@pytest.mark.parametrize("countries", [1, 3])
def test_fewer_countries_than_are_looked_at(countries: int, tmp_path: Path) -> None:
    """The figure of the first five is then of all; a single country is always right."""
    shards = make_shards(tmp_path / "s", places=PLACES[:countries])
    heads = "heads=[country, region, offset, coordinates]"
    found = run_training(tiny_config("epochs=1", heads), shards, tmp_path / "runs")
    figures = found["validation"]["country"]
    assert figures["top5"] == 1.0
    assert (figures["top3"], figures["balanced_accuracy"] > 0) == (1.0, True)
    assert countries > 1 or figures["top1"] == 1.0


def test_a_batch_that_leaves_a_pass_one_sample(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 workers and 5 passes each; each needs two samples"):
        run_training(tiny_config("accumulate=5"), shards, tmp_path)


def test_a_corrupt_image_ends_training_by_name(tmp_path: Path) -> None:
    shards = make_shards(tmp_path / "s", images={"test-0003": b"\xff\xd8broken"})
    with pytest.raises(WorkError, match="image test-0003 cannot be read"):
        run_training(tiny_config("epochs=1"), shards, tmp_path / "runs")


def test_samples_without_labels_are_trained_on_what_they_have(tmp_path: Path) -> None:
    changes = {
        "test-0001": {"lat": None, "lon": None},
        "test-0002": {"region_index": -1},
        "test-0033": {"country_index": -1},
        "test-0034": {"lat": None, "lon": None},
    }
    shards = make_shards(tmp_path / "s", changes=changes)
    found = run_training(
        tiny_config("epochs=1", "heads.region={}", "batch_size=32"), shards, tmp_path / "runs"
    )
    assert found["validation"]["country"]["unknown"] == 1
    assert found["validation"]["distance_km"]["samples"] == 7


def _evaluator(run: Path, loader: Loader) -> Evaluator:
    trained = load_model(run)
    return Evaluator(loader, trained.decoder, _heads(trained), (32, 32), batch_size=3)


def _heads(trained: TrainedModel) -> Heads:
    config = Config.model_validate(trained.description.config)
    return Heads(config.heads, trained.decoder.labels, trained.decoder.cells)


def _evaluate(rank: int, world: int, run: Path, shards: Path, store: Path) -> Outcomes:
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", f"file://{store}", rank=rank, world_size=world)
    try:
        samples = read_samples(shards, "test", read_labels(shards))
        trained = load_model(run)
        network = trained.network
        with Loader(samples, (32, 32), targets=_heads(trained).targets(samples)) as loader:
            evaluator = _evaluator(run, loader)
            return evaluator.outcomes(network, Process(rank, world))
    finally:
        if world > 1:
            dist.destroy_process_group()


def _other_rank(_: int, run: Path, sets: list[Path], out: Path) -> None:
    for number, shards in enumerate(sets):
        _evaluate(1, 2, run, shards, out / f"{number}.store")


def test_two_uneven_ranks_equal_one_process(run: Path, shards: Path, tmp_path: Path) -> None:
    """11 samples: 5 and 6, in 2 batches each; and a single one, which the first does not get."""
    sets = [shards, make_shards(tmp_path / "single", {"test": 1})]
    other = mp.spawn(_other_rank, (run, sets, tmp_path), nprocs=1, join=False)
    both = [_evaluate(0, 2, run, own, tmp_path / f"{n}.store") for n, own in enumerate(sets)]
    other.join()
    for own, found in zip(sets, both, strict=True):
        alone = _evaluate(0, 1, run, own, tmp_path)
        assert np.array_equal(alone.country.true, found.country.true)
        assert np.array_equal(alone.country.rank, found.country.rank)
        one, two = (_all_figures(run, own, outcomes) for outcomes in (alone, found))
        assert len(one) > 100
        assert one == pytest.approx(two, rel=1e-9, abs=1e-12)
    assert [len(outcomes) for outcomes in both] == [11, 1]


def _all_figures(run: Path, shards: Path, outcomes: Outcomes) -> dict[str, Any]:
    """All numbers of an evaluation by their place, `country.top1`."""
    facts, decoder = read_facts(shards, "test"), load_model(run).decoder
    found = flat(all_figures(outcomes, facts, decoder, frozenset({"BR", "SE"})))
    return {name: value for name, value in found.items() if not isinstance(value, str)}
