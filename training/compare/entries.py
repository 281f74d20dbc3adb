"""The evaluations that are compared: figures, rows, and how their models were trained."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shards.errors import UsageError
from shards.folder import open_folder
from shards.remote import is_address
from training.evaluation.folder import PREDICTIONS_NAME, RECORD_NAME
from training.evaluation.outcomes import Ints
from training.evaluation.page.predictions import Predictions, read_predictions, read_record
from training.fit.rundir import RunDirectory

MOST = 8
"""Beyond that nobody reads the table; every pair takes a bootstrap of its own."""
_OF_EVALUATION = (RECORD_NAME, PREDICTIONS_NAME)
_CONFIG_NAME = "config.json"
_OF_RUN = (_CONFIG_NAME, "metrics.jsonl")


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    """As short as tells it from the others."""
    record: dict[str, Any]
    predictions: Predictions
    order: Ints
    """Rows of `predictions` in the order of their keys."""
    epochs: list[dict[str, Any]]
    """Rows of the run's `metrics.jsonl`; empty for an evaluation outside of a run."""
    config: dict[str, Any]
    """Of the run, flat: `optimiser.head_lr`."""


def read_entries(places: Sequence[str | Path], evaluation: str = "evaluation") -> list[Entry]:
    """`places`: runs, or folders that `evaluate` wrote, here or at addresses; `evaluation`: which
    one of a run's folders.

    Raises UsageError for fewer than two, more than `MOST`, or the same one twice.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(_opened(str(place), evaluation)) for place in places]
        shown = [where for _, where in opened]
        if len({*shown}) < len(shown):
            raise UsageError("the same evaluation twice; name different ones")
        if not 2 <= len(shown) <= MOST:
            raise UsageError(f"{len(shown)} evaluations; compare takes 2 to {MOST}")
        folders = [folder for folder, _ in opened]
        return [_entry(name, one) for name, one in zip(_names(shown), folders, strict=True)]


@contextmanager
def _opened(place: str, evaluation: str) -> Iterator[tuple[Path, str]]:
    """The evaluation's folder at hand, in its run's, and where it is."""
    if not is_address(place):
        folder = _folder(Path(place), evaluation)
        yield folder, str(folder.resolve())
        return
    above, _, name = place.rstrip("/").rpartition("/")
    of_one = (*_OF_EVALUATION, *_OF_RUN, *(f"{evaluation}/{one}" for one in _OF_EVALUATION))
    # It may be the run, or a folder in it.
    with open_folder(above, [*(f"{name}/{one}" for one in of_one), *_OF_RUN]) as parent:
        folder = _folder(parent.here / name, evaluation)
        yield folder, parent.where(folder)


def _folder(path: Path, evaluation: str) -> Path:
    if (path / RECORD_NAME).is_file() and not (path / evaluation / RECORD_NAME).is_file():
        return path
    if not (path / evaluation / RECORD_NAME).is_file():
        raise UsageError(f"{path}: holds no {evaluation}/; run `lostfound evaluate {path}` first")
    return path / evaluation


def _names(shown: Sequence[str]) -> list[str]:
    """The run's name, or as many folders above it as make the names different."""
    parts = [[part for part in where.split("/") if part != "evaluation"] for where in shown]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [*shown]


def _entry(name: str, folder: Path) -> Entry:
    predictions, run = read_predictions(folder), RunDirectory(folder.parent)
    return Entry(
        name=name,
        record=read_record(folder),
        predictions=predictions,
        order=np.argsort(np.array(predictions.keys, dtype=np.str_), kind="stable"),
        epochs=run.rows(),
        config=flat(_config(run.path / _CONFIG_NAME)),
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
