"""Training as a Ray Train job: places the workers, restarts them, follows their progress.

All state is in the run's directory, so that a run goes on from there whoever starts it again, with
however many workers: batches are planned globally and then cut among those that there are. Ray
needs a directory that every worker reaches under the same path.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shards import metrics
from shards.console import Advance, print_line, progress
from shards.errors import LostFoundError, StorageError, WorkError
from shards.fanout import ensure_ray
from shards.nodes import check_this_node, facts_of_driver
from shards.version import code_version
from training.config import Config, config_from, config_hash, dump_config
from training.data.remote import where_shards_are
from training.fit.inputs import build_network, check_batch, read_inputs
from training.fit.loop import train
from training.fit.rundir import RunDirectory
from training.job.room import Placement, machines, place_workers
from training.job.runs import Runs
from training.model.modelfile import read_model_file
from training.process import Process, local_device

WAIT_SECONDS = 300.0
"""For a lost machine to come back, where those that are left have too little room."""


def run_training(
    config: Config,
    shards: str | Path,
    runs: Path | Runs,
    *,
    say: Callable[[str], None] = print_line,
) -> dict[str, Any]:
    """Trains one configuration on the shards of a directory or an address.

    Writes into `<config hash>` of `runs`.

    A run that was interrupted goes on; one that is complete is left as it is. Returns a summary
    with `run`, `model`, `epochs`, `samples`, `loss` and `validation`; `say` is told the whole
    configuration. Raises UsageError before any work for what cannot be trained, WorkError when
    training fails.
    """
    shards, runs = where_shards_are(shards), runs if isinstance(runs, Runs) else Runs(runs)
    inputs = read_inputs(config, shards)
    directory = runs.open(config_hash(config, inputs.data_sha256))
    say(f"run {runs.where(directory.path)}\n{dump_config(config)}".rstrip())
    if directory.model.is_file():
        say("this run is complete: nothing to train")
        return summary(directory)
    build_network(config, inputs.decoder)
    check_batch(config, max(1, config.job.most_workers))
    directory.start(config, shards, inputs.data_sha256, code_version())
    with progress("epochs", config.epochs) as advance, _following(directory, advance):
        if config.job.workers == 0:
            train(config, inputs, directory, Process(device=local_device()))
        else:
            _with_restarts(config, shards, directory)
    return summary(directory)


def summary(directory: RunDirectory) -> dict[str, Any]:
    """What a complete run achieved, from its model file."""
    description, _ = read_model_file(directory.model)
    return {
        "run": str(directory.path),
        "model": str(directory.model),
        "network": description.network,
        "countries": len(description.labels.countries),
        **description.training,
    }


def _with_restarts(config: Config, shards: str, directory: RunDirectory) -> None:
    """A dead worker is worth a restart; an error that it reported would only come again.

    Ray's own `max_failures` cannot tell the two apart. A machine that a cloud announces it takes
    back, and workers that did not start in time, are no failures to Ray: it tries again itself.
    """
    _prepare_ray_train(elastic=config.job.is_elastic)
    ensure_ray()
    # Chosen once: a restart takes no other kind of machine instead.
    placement = place_workers(config.job, machines())
    for attempt in range(config.job.max_failures + 1):
        try:
            _fit(config, shards, directory, placement)
        except LostFoundError:
            raise
        except Exception as error:
            if attempt == config.job.max_failures:
                raise WorkError(
                    f"{directory.path}: training failed {attempt + 1} times: {_gist(error)};"
                    " run the same command again to continue"
                ) from error
            metrics.count("lostfound_errors_total", kind="training_worker_died")
            print_line(f"a worker failed ({_gist(error)}); going on from the checkpoint")
            _await_room(placement, directory)
        else:
            return


def _prepare_ray_train(*, elastic: bool) -> None:
    """Its settings; those that the user made stay."""
    os.environ.setdefault("RAY_TRAIN_ENABLE_PRINT_PATCH", "0")
    # Ray's 2 s are most of a short run, and of what a dead worker costs.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    # A busy machine takes longer than Ray's minute to start workers, and would never get there. But
    # Ray asks for as many as before until it has noticed that a machine is gone: what may go on
    # with fewer must not wait for them.
    seconds = "60" if elastic else "600"
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", seconds)


def _await_room(placement: Placement, directory: RunDirectory) -> None:
    """Waits for a machine that was lost: Ray itself would wait without end and without a word."""
    deadline, told = time.monotonic() + WAIT_SECONDS, False
    while not placement.fits(cluster := machines()):
        if time.monotonic() > deadline:
            raise WorkError(
                f"{directory.path}: {placement.shortage(cluster)}; run the same command again to"
                " continue once the machines are back"
            )
        if not told:
            print_line(f"waiting up to {WAIT_SECONDS:.0f} s: {placement.shortage(cluster)}")
            told = True
        time.sleep(1)


def _fit(config: Config, shards: str, directory: RunDirectory, placement: Placement) -> None:
    """One Ray Train run. Raises a worker's own LostFoundError as itself.

    But not of a storage: to a machine that is cut off, the storage is gone, too.
    """
    from ray.train import RunConfig, ScalingConfig, WorkerGroupError
    from ray.train.torch import TorchTrainer

    from training.job.network import ClusterTorchConfig

    trainer = TorchTrainer(
        _train_worker,
        train_loop_config={
            "config": config.model_dump(mode="json"),
            "shards": shards,
            "directory": str(directory.path),
            "driver": facts_of_driver(),
        },
        scaling_config=ScalingConfig(
            num_workers=placement.workers,
            use_gpu=placement.use_gpu,
            resources_per_worker=placement.needs,
        ),
        torch_config=ClusterTorchConfig(),
        run_config=RunConfig(name=directory.path.name, storage_path=str(directory.path.parent)),
    )
    try:
        trainer.fit()
    except WorkerGroupError as error:
        for failure in error.worker_failures.values():
            if isinstance(failure, LostFoundError) and not isinstance(failure, StorageError):
                raise failure from None
        raise


def _train_worker(values: dict[str, Any]) -> None:
    """What each Ray Train worker runs, in its own process."""
    import ray.train
    import ray.train.torch
    import torch

    check_this_node(values["driver"])
    config = config_from(values["config"])
    context = ray.train.get_context()
    torch.set_num_threads(config.job.cpus_per_worker)
    device = ray.train.torch.get_device()
    process = Process(context.get_world_rank(), context.get_world_size(), device)
    inputs = read_inputs(config, values["shards"])
    directory = RunDirectory(Path(values["directory"]))

    def report(row: dict[str, Any]) -> None:
        # Each report is a barrier over all workers that costs Ray most of a second.
        if "validation" in row:
            ray.train.report(row)

    train(config, inputs, directory, process, report)


@contextmanager
def _following(directory: RunDirectory, advance: Advance) -> Iterator[None]:
    """Moves a progress bar as rows appear in the run's metrics."""
    over = threading.Event()

    def follow() -> None:
        shown = 0
        while True:
            is_over = over.wait(0.5)
            rows = len(directory.rows())
            advance(max(0, rows - shown))
            shown = max(shown, rows)
            if is_over:
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _gist(error: Exception) -> str:
    """One line of what Ray reports over many."""
    failures = getattr(error, "worker_failures", {})
    cause = next(iter(failures.values()), error)
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    return f"worker {next(iter(failures), 0)}: {lines[0]}" if failures else lines[0]
