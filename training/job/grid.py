"""What a sweep tries: the trials of a grid, and how they came out. Knows nothing of Ray."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import yaml

from shards.errors import UsageError
from training.config import Config, load_config
from training.fit.rundir import RunDirectory
from training.fit.state import score_of
from training.job_config import Grid
from training.model.modelfile import read_model_file


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination of the grid: a run of its own."""

    values: dict[str, Any]
    """What it sets, by dotted key."""
    config: Config


def make_trials(name: str, overrides: Sequence[str], grid: Sequence[str]) -> list[Trial]:
    """Every combination of `grid` (`key=v1,v2`), or of the configuration's own `sweep`.

    Raises UsageError, one line, for a key or a value that does not fit.
    """
    base = load_config(name, overrides)
    if base.best_by == "last":
        raise UsageError(f"{name}: best_by=last cannot rank trials; choose loss, top1 or geoscore")
    wanted = parse_grid(grid) or base.sweep
    if not wanted:
        raise UsageError(f"{name}: nothing to sweep; give --grid key=v1,v2")
    trials = []
    for chosen in product(*wanted.values()):
        values = dict(zip(wanted, chosen, strict=True))
        settings = [f"{key}={json.dumps(value)}" for key, value in values.items()]
        trials.append(Trial(values, load_config(name, [*overrides, *settings])))
    return trials


def parse_grid(texts: Sequence[str]) -> Grid:
    """`key=v1,v2` as values by key."""
    grid: Grid = {}
    for text in texts:
        key, separator, values = text.partition("=")
        try:
            found = yaml.safe_load(f"[{values}]")
        except yaml.YAMLError:
            found = None
        if not separator or not key or not found:
            raise UsageError(f"--grid {text!r}: write key=v1,v2")
        grid[key] = tuple(found)
    return grid


def scored_rows(config: Config, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, float]]:
    """Epochs done and the score, of each validation but that of the last epoch.

    At the last there is nothing left to stop: a scheduler that did would keep the run from writing
    its model.
    """
    for row in rows:
        if "validation" in row and row["epoch"] + 1 < config.epochs:
            yield row["epoch"] + 1, score_of(config.best_by, row["validation"])


def outcome(trial: Trial, directory: RunDirectory, error: str | None) -> dict[str, Any]:
    """How a trial came out, from its run's files: `complete`, `stopped` early, or `failed`."""
    config, found = trial.config, {"run": directory.path.name, **trial.values}
    if directory.model.is_file():
        training = read_model_file(directory.model)[0].training
        score = score_of(config.best_by, training["validation"])
        return {**found, "status": "complete", "epochs": config.epochs, "score": score}
    rows = directory.rows()
    scores = [score for _, score in scored_rows(config, rows)]
    return {
        **found,
        "status": "failed" if error else "stopped",
        "epochs": len(rows),
        "score": max(scores, default=None),
        **({"error": error} if error else {}),
    }


def ranked(outcomes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Complete trials first, then those that were stopped, then failures; best scores first."""
    order = ("complete", "stopped", "failed")

    def place(row: dict[str, Any]) -> tuple[int, float, str]:
        score = row["score"]
        return order.index(row["status"]), 0.0 if score is None else -score, row["run"]

    return sorted(outcomes, key=place)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line per trial."""
    columns = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
