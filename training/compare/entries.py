"""The evaluations that are compared: figures, rows, and how their models were trained."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shards.errors import UsageError
from training.evaluation.folder import RECORD_NAME
from training.evaluation.outcomes import Ints
from training.evaluation.page.predictions import Predictions, read_predictions, read_record
from training.fit.rundir import RunDirectory

MOST = 8
"""Beyond that nobody reads the table; every pair takes a bootstrap of its own."""


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    """As short as tells it from the others."""
    folder: Path
    record: dict[str, Any]
    predictions: Predictions
    order: Ints
    """Rows of `predictions` in the order of their keys."""
    epochs: list[dict[str, Any]]
    """Rows of the run's `metrics.jsonl`; empty for an evaluation outside of a run."""
    config: dict[str, Any]
    """Of the run, flat: `optimiser.head_lr`."""


def read_entries(paths: Sequence[Path], evaluation: str = "evaluation") -> list[Entry]:
    """`paths`: runs, or folders that `evaluate` wrote; `evaluation`: which one of a run's folders.

    Raises UsageError for fewer than two, more than `MOST`, or the same one twice.
    """
    folders = [_folder(path, evaluation) for path in paths]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError("the same evaluation twice; name different ones")
    if not 2 <= len(folders) <= MOST:
        raise UsageError(f"{len(folders)} evaluations; compare takes 2 to {MOST}")
    names = _names(folders)
    return [_entry(name, folder) for name, folder in zip(names, folders, strict=True)]


def _folder(path: Path, evaluation: str) -> Path:
    if (path / RECORD_NAME).is_file() and not (path / evaluation / RECORD_NAME).is_file():
        return path
    if not (path / evaluation / RECORD_NAME).is_file():
        raise UsageError(f"{path}: holds no {evaluation}/; run `lostfound evaluate {path}` first")
    return path / evaluation


def _names(folders: Sequence[Path]) -> list[str]:
    """The run's name, or as many folders above it as make the names different."""
    parts = [[p for p in folder.resolve().parts if p != "evaluation"] for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def _entry(name: str, folder: Path) -> Entry:
    predictions, run = read_predictions(folder), RunDirectory(folder.parent)
    return Entry(
        name=name,
        folder=folder,
        record=read_record(folder),
        predictions=predictions,
        order=np.argsort(np.array(predictions.keys, dtype=np.str_), kind="stable"),
        epochs=run.rows(),
        config=flat(_config(run.path / "config.json")),
    )


def _config(path: Path) -> Any:
    """The run's configuration; nothing for an evaluation outside of a run."""
    try:
        return json.loads(path.read_bytes()).get("config", {})
    except (OSError, ValueError, AttributeError):
        return {}


def flat(values: Any, above: str = "") -> dict[str, Any]:
    """Nested mappings and lists as one level: `heads.0.kind`."""
    if isinstance(values, dict):
        items = values.items()
    elif isinstance(values, list):
        items = dict(enumerate(values)).items()
    else:
        return {above: values}
    found: dict[str, Any] = {}
    for name, value in items:
        found |= flat(value, f"{above}.{name}" if above else str(name))
    return found


def why_not_paired(entries: Sequence[Entry]) -> str | None:
    """Why these evaluations are not of the same samples, on one line; None when they are."""
    first = entries[0]
    for other in entries[1:]:
        for name in ("data_sha256", "split"):
            one, two = first.record.get(name), other.record.get(name)
            if one != two:
                what = "data" if name == "data_sha256" else f"splits ({one}, {two})"
                return f"{first.name} and {other.name} are of different {what}"
        if _keys(first) != _keys(other):
            return f"{first.name} and {other.name} are of different samples"
    return None


def _keys(entry: Entry) -> list[str]:
    return sorted(entry.predictions.keys)
