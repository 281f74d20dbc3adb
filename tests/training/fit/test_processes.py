"""Two processes that train one network: the same after a cut, and the same samples as one."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from tests.training.fit.small import (
    PowerCutError,
    assert_same_run,
    everything,
    small_networks,
)
from training.config import Config
from training.fit import loop, state
from training.fit.inputs import read_inputs
from training.fit.rundir import RunDirectory
from training.model.networks import Trunk
from training.process import Process

CONFIG = everything("batch_size=9", "epochs=4", "patience=0")
"""Nine samples: four of them for the first process, five for the second."""


def _train(
    shards: Path,
    out: Path,
    name: str,
    process: Process,
    cut: int | None = None,
    config: Config = CONFIG,
) -> None:
    """One attempt at a run `name`; writes the samples of its steps beside it."""
    world, rank = process.world_size, process.rank
    seen: dict[int, list[int]] = {}
    step = loop._Run._step

    def record(run: loop._Run, batch: loop.Batch) -> None:
        number = run.state.progress.epoch * run.steps + run.state.progress.step
        if number == cut:
            raise PowerCutError
        seen[number] = batch.indices.tolist()
        step(run, batch)

    inputs, directory = read_inputs(config, shards), RunDirectory(out / name)
    if process.is_first:
        directory.start(config, shards, inputs.data_sha256, "test")
    if world > 1:
        store = out / f"{name}-{cut}.store"
        dist.init_process_group("gloo", f"file://{store}", rank=rank, world_size=world)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop._Run, "_step", record)
            loop.train(config, inputs, directory, process)
    except PowerCutError:
        pass
    finally:
        if world > 1:
            dist.destroy_process_group()
        (out / f"{name}-{cut}-{world}-{rank}.json").write_text(json.dumps(seen))


def _both(rank: int, shards: Path, out: Path) -> None:
    """What each of two processes does: a run, the same one cut off, and another that is cut off."""
    torch.set_num_threads(1)
    process = Process(rank, 2)
    with small_networks():
        _train(shards, out, "undisturbed", process)
        _train(shards, out, "cut", process, cut=7)
        _train(shards, out, "cut", process)
        _train(shards, out, "moved", process, cut=7)


def _wide(_network: str, _weights: str) -> Trunk:
    """So many weights that they would not go into one message of DDP."""
    layers: list[nn.Module] = [nn.Conv2d(3, 8, 5, stride=4), nn.AdaptiveAvgPool2d(4), nn.Flatten()]
    for before, after in pairwise((128, 700, 700, 700, 64)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return Trunk(nn.Sequential(*layers), 64)


def _three(rank: int, shards: Path, out: Path) -> None:
    torch.set_num_threads(1)
    config = everything("batch_size=14", "epochs=4", "patience=0")
    with small_networks(_wide):
        for name, cut in (("undisturbed", None), ("cut", 5), ("cut", None)):
            _train(shards, out, name, Process(rank, 3), cut, config)


@pytest.mark.slow
def test_the_order_of_sums_is_the_same_after_a_cut(shards: Path, tmp_path: Path) -> None:
    """Of three numbers the order matters, which it does not of two."""
    mp.spawn(_three, (shards, tmp_path), nprocs=3)
    assert_same_run(tmp_path / "cut", tmp_path / "undisturbed")


def _disagree(rank: int, shards: Path, out: Path) -> None:
    """The second process sees the files of a moment ago."""
    torch.set_num_threads(1)
    with small_networks():
        _train(shards, out, "run", Process(rank, 2), cut=7)
        with pytest.MonkeyPatch.context() as patch:
            if rank == 1:
                patch.setattr(state, "load_latest", lambda *_: None)
            with pytest.raises(RuntimeError, match="workers read different checkpoints"):
                _train(shards, out, "run", Process(rank, 2))


@pytest.mark.slow
def test_processes_that_read_different_checkpoints_stop(shards: Path, tmp_path: Path) -> None:
    mp.spawn(_disagree, (shards, tmp_path), nprocs=2)


def _second(_: int, shards: Path, out: Path) -> None:
    _both(1, shards, out)


def _samples(out: Path, name: str, cut: int | None, world: int) -> dict[int, list[int]]:
    """The global batches of an attempt by the number of their step."""
    parts = [
        json.loads((out / f"{name}-{cut}-{world}-{rank}.json").read_text()) for rank in range(world)
    ]
    return {int(step): [i for part in parts for i in part[step]] for step in parts[0]}


@pytest.fixture(scope="module")
def runs(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("processes")
    other = mp.spawn(_second, (shards, out), nprocs=1, join=False)
    _both(0, shards, out)
    other.join()
    with small_networks():
        _train(shards, out, "moved", Process())
        _train(shards, out, "alone", Process())
    return out


def test_cut_off_and_continued_by_as_many(runs: Path) -> None:
    assert_same_run(runs / "cut", runs / "undisturbed")
    again = _samples(runs, "cut", None, 2)
    assert min(again) in (5, 6)  # from a checkpoint, not from the start
    assert max(again) == 11


def test_another_number_of_processes_sees_the_same_samples(runs: Path) -> None:
    alone = _samples(runs, "alone", None, 1)
    assert len(alone) == 12
    assert _samples(runs, "undisturbed", None, 2) == alone
    first, rest = _samples(runs, "moved", 7, 2), _samples(runs, "moved", None, 1)
    assert {**first, **rest} == alone
    rows = [RunDirectory(runs / name).rows() for name in ("alone", "undisturbed")]
    for one, other in zip(*rows, strict=True):
        assert one["rate"] == other["rate"]
