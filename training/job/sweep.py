"""A sweep as Ray Tune trials: each is one process that trains one run, under `RUNS/<hash>`.

One process whatever `job.workers` says: many trials fill a cluster better than few that wait for
each other, and a trial that held its CPU while its own Ray Train job waited for more could block
all the others.

All state is in the runs, and none in Tune: a sweep that was killed goes on when it is started
again, runs that are complete are not trained again, and one that was stopped early can be
continued by `train`.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from shards.atomic import write_json, write_text
from shards.console import print_line, progress
from shards.errors import LostFoundError, WorkError
from shards.fanout import ensure_ray
from shards.nodes import NodeFacts, check_this_node, facts_of_driver
from shards.version import code_version
from training.config import Config, config_from, config_hash, dump_config
from training.data.remote import where_shards_are
from training.fit.inputs import build_network, read_inputs
from training.fit.loop import train
from training.fit.rundir import RunDirectory
from training.job.grid import Trial, as_csv, outcome, ranked, scored_rows
from training.job.room import machines, place_workers
from training.job.runs import Runs
from training.job_config import JobConfig
from training.process import Process, local_device

Scheduler = Literal["grid", "asha"]
REDUCTION = 3
"""ASHA lets the best of so many trials go on, at each of its milestones."""
QUIET = {
    # Tune's own handler would turn an interruption into a result.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # A trial that failed reports its error and no score.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
}


def run_sweep(
    trials: list[Trial],
    shards: str | Path,
    runs: Path | Runs,
    *,
    scheduler: Scheduler = "grid",
    say: Callable[[str], None] = print_line,
) -> dict[str, Any]:
    """Trains all trials, as many at a time as the cluster has room for, and ranks them.

    Writes `sweeps/<hash>/` of `runs` with sweep.json, sweep.csv and, once a trial is complete,
    best.yaml. Raises UsageError before any work for what cannot be trained, WorkError when every
    trial failed.
    """
    where, runs = where_shards_are(shards), runs if isinstance(runs, Runs) else Runs(runs)
    inputs = read_inputs(trials[0].config, where)
    build_network(trials[0].config, inputs.decoder)
    by_run = {config_hash(t.config, inputs.data_sha256): t for t in trials}
    directories = {name: runs.open(name) for name in by_run}
    folder = runs.here / "sweeps" / _name(by_run)
    done = [name for name in by_run if directories[name].model.is_file()]
    say(f"sweep {runs.where(folder)}: {len(by_run)} trials, {len(done)} of them complete")
    waiting = {n: t for n, t in by_run.items() if n not in done}
    # ASHA compares with what complete runs had reached, which their rows tell it again.
    raced = by_run if scheduler == "asha" and waiting else waiting
    errors = _race(raced, where, runs.here, folder, scheduler) if raced else {}
    rows = ranked([outcome(t, directories[n], errors.get(n)) for n, t in by_run.items()])
    summary = _summary(runs.where(folder), scheduler, rows, len(done))
    runs.send()
    for path in _write(folder, summary, rows, by_run):
        runs.put(path)
    if all(row["status"] == "failed" for row in rows):
        raise WorkError(f"{runs.where(folder)}: all {len(rows)} trials failed: {rows[0]['error']}")
    return summary


def _name(runs: dict[str, Trial]) -> str:
    return hashlib.sha256(" ".join(sorted(runs)).encode()).hexdigest()[:16]


def _summary(where: str, scheduler: str, rows: list[dict[str, Any]], reused: int) -> dict[str, Any]:
    count = {
        status: sum(row["status"] == status for row in rows)
        for status in ("complete", "stopped", "failed")
    }
    best = rows[0] if rows[0]["status"] == "complete" else None
    return {
        "sweep": where,
        "scheduler": scheduler,
        "trials": len(rows),
        **count,
        "reused": reused,
        "best": best,
        "config": f"{where}/best.yaml" if best else None,
        "failures": [f"{row['run']}: {row['error']}" for row in rows if row["status"] == "failed"],
    }


def _write(
    folder: Path, summary: dict[str, Any], rows: list[dict[str, Any]], by_run: dict[str, Trial]
) -> list[Path]:
    """Returns the files, in the order in which they were written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "sweep.csv"]
    write_text(files[0], as_csv(rows))
    if best := summary["best"]:
        files.append(folder / "best.yaml")
        write_text(files[-1], dump_config(by_run[best["run"]].config))
    files.append(folder / "sweep.json")
    write_json(files[-1], {**summary, "ranking": rows})
    return files


def _race(
    trials: dict[str, Trial], shards: str, runs: Path, folder: Path, scheduler: Scheduler
) -> dict[str, str]:
    """Runs the trials; returns the error of each that failed, by the run's name."""
    os.environ.update(QUIET)
    from ray import tune

    ensure_ray()
    first, needs = next(iter(trials.values())).config, _resources(trials)
    values = [
        {
            "config": t.config.model_dump(mode="json"),
            "shards": shards,
            "directory": str(runs / name),
        }
        for name, t in trials.items()
    ]
    with progress("trials", len(trials)) as advance:

        class Counter(tune.Callback):
            """Moves the bar. Tune keeps a copy on disk, for which a bar is nothing."""

            def __init__(self, advance: Callable[[], None]) -> None:
                self.advance = advance

            def __getstate__(self) -> dict[str, Any]:
                return {}

            def on_trial_complete(self, *_: Any, **__: Any) -> None:
                self.advance()

            def on_trial_error(self, *_: Any, **__: Any) -> None:
                self.advance()

        results = tune.Tuner(
            tune.with_resources(partial(_run_trial, facts_of_driver()), needs),
            param_space={"trial": tune.grid_search(values)},
            tune_config=tune.TuneConfig(
                scheduler=_asha(first) if scheduler == "asha" else None, reuse_actors=False
            ),
            run_config=tune.RunConfig(
                name="ray",
                storage_path=str(folder),
                verbose=0,
                callbacks=[Counter(lambda: advance(1))],
                failure_config=tune.FailureConfig(max_failures=first.job.max_failures),
            ),
        ).fit()
    errors = {}
    for result in (results[place] for place in range(len(results))):
        name = Path((result.config or {})["trial"]["directory"]).name
        if result.error is not None:
            errors[name] = (str(result.error).strip().splitlines() or ["a worker died"])[-1]
        elif error := (result.metrics or {}).get("error"):
            errors[name] = error
    shutil.rmtree(folder / "ray", ignore_errors=True)
    return errors


def _resources(trials: dict[str, Trial]) -> dict[str, float]:
    """Of one trial. Raises UsageError when the cluster has no room for any."""
    cpus = max(trial.config.job.cpus_per_worker for trial in trials.values())
    return place_workers(JobConfig(workers=1, cpus_per_worker=cpus), machines()).needs


def _asha(config: Config) -> Any:
    from ray.tune.schedulers import ASHAScheduler

    return ASHAScheduler(
        time_attr="epochs",
        metric="score",
        mode="max",
        max_t=config.epochs + 1,
        grace_period=max(config.validate_every, config.epochs // REDUCTION**2),
        reduction_factor=REDUCTION,
    )


def _run_trial(driver: NodeFacts | None, values: dict[str, Any]) -> None:
    """What each Tune trial runs, in its own process. Goes on from the run's checkpoint."""
    import torch
    from ray import tune

    trial = values["trial"]
    config, directory = config_from(trial["config"]), RunDirectory(Path(trial["directory"]))
    torch.set_num_threads(config.job.cpus_per_worker)

    def report(row: dict[str, Any]) -> None:
        for epochs, score in scored_rows(config, [row]):
            tune.report({"epochs": epochs, "score": score})

    for row in directory.rows():
        report(row)
    if directory.model.is_file():
        return
    try:
        check_this_node(driver)
        inputs = read_inputs(config, trial["shards"])
        directory.start(config, trial["shards"], inputs.data_sha256, code_version())
        train(config, inputs, directory, Process(device=local_device()), report)
    except LostFoundError as error:
        tune.report({"error": str(error)})
