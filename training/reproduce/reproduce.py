"""Trains the recipes on one shard directory, tests them, and tells how they compare.

Every network is a run like any other, `runs/<config hash>`: one that is complete is found again,
and one that was interrupted goes on.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from shards.atomic import write_json, write_text
from shards.console import print_line, progress, say_nothing
from training.data.labels import read_labels
from training.data.remote import local_shards
from training.data.samples import data_sha256, read_samples
from training.evaluation.folder import RECORD_NAME, folder_name
from training.reproduce.outcomes import FIGURES, Outcomes, measure, read_outcomes
from training.reproduce.recipes import RECIPES, Task, Trial, trials
from training.reproduce.table import markdown

TABLE_NAME = "reproduce.md"
RESULT_NAME = "reproduce.json"


def reproduce(
    shards: str | Path,
    out: Path,
    *,
    seeds: int = 3,
    epochs: int | None = None,
    overrides: Sequence[str] = (),
    workers: int = 1,
    say: Callable[[str], None] = print_line,
) -> dict[str, Any]:
    """Writes `reproduce.json` and `reproduce.md` into `out`, the runs into `out/runs`.

    `epochs` and `overrides` change all recipes alike. `workers`: networks that are trained at a
    time, each in a process with one thread; 1 trains in this process. Returns what the JSON holds:
    by task and figure what `training.reproduce.outcomes.measure` gives, and every run. Raises
    UsageError before any training when one of the three splits is empty.
    """
    place, runs = local_shards(shards), out.resolve() / "runs"
    wanted = trials(seeds, epochs, overrides)
    # A split without samples is said now, not after hours of training.
    for split in ("train", "validation", "test"):
        read_samples(place, split, read_labels(place))
    say(f"{len(wanted)} networks to train, into {runs}")
    with progress("networks", len(wanted)) as advance:
        found: list[Path] = [Path()] * len(wanted)
        for number, run in _trained(wanted, place, runs, workers):
            found[number] = run
            trial = wanted[number]
            say(f"{trial.recipe}, {' and '.join(trial.tasks)}, seed {trial.seed}: {run.name}")
            advance(1)
    result = compare(wanted, found, data_sha256(place))
    write_json(out / RESULT_NAME, result)
    write_text(out / TABLE_NAME, markdown(result))
    return result


def compare(wanted: Sequence[Trial], runs: Sequence[Path], digest: str) -> dict[str, Any]:
    """The figures of trials whose runs are evaluated. `digest`: identity of the shards."""
    outcomes = [read_outcomes(run / folder_name([])) for run in runs]

    def of(recipe: str, task: Task) -> list[Outcomes]:
        pairs = zip(wanted, outcomes, strict=True)
        return [own for trial, own in pairs if trial.recipe == recipe and task in trial.tasks]

    figures: dict[str, dict[str, Any]] = {}
    for figure in FIGURES:
        own = measure(figure, {recipe: of(recipe, figure.task) for recipe in RECIPES})
        figures.setdefault(figure.task, {})[figure.name] = own
    config = wanted[0].config
    return {
        "data_sha256": digest,
        "samples": len(outcomes[0].country),
        "network": config.network,
        "width": config.image.width,
        "height": config.image.height,
        "epochs": config.epochs,
        "seeds": len({trial.seed for trial in wanted}),
        "figures": figures,
        "runs": [
            {"recipe": t.recipe, "tasks": list(t.tasks), "seed": t.seed, "run": run.name}
            for t, run in zip(wanted, runs, strict=True)
        ],
    }


def _trained(
    wanted: Sequence[Trial], shards: Path, runs: Path, workers: int
) -> Iterator[tuple[int, Path]]:
    """Numbers of trials and their runs, as they are done. The first error stops the rest."""
    if workers == 1:
        for number, trial in enumerate(wanted):
            yield number, train_and_test(trial, shards, runs)
        return
    # Threads of several processes would wait for each other's cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
        jobs = {
            pool.submit(train_and_test, trial, shards, runs): number
            for number, trial in enumerate(wanted)
        }
        try:
            yield from ((jobs[job], job.result()) for job in as_completed(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def train_and_test(trial: Trial, shards: Path, runs: Path) -> Path:
    """The directory of the trial's complete run, with its evaluation on the test split."""
    from training.evaluation.evaluate import evaluate_model
    from training.job.train import run_training

    run = Path(run_training(trial.config, shards, runs, say=say_nothing)["run"])
    if not (run / folder_name([]) / RECORD_NAME).is_file():
        evaluate_model(run, shards, "test")
    return run
