"""Everything that a run needs to go on exactly where it stood.

There is no state of random generators in it: every step seeds its own from (seed, step, rank).
"""

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from shards.atomic import atomic_path
from shards.errors import WorkError


@dataclass(slots=True)
class Progress:
    """Where a run stands."""

    epoch: int = 0
    step: int = 0
    """Global batches done in this epoch."""
    best: float | None = None
    """The score of the best weights so far; higher is better."""
    sums: dict[str, float] = field(default_factory=dict)
    """Of this epoch's losses over all samples, by head."""


def save_checkpoint(path: Path, progress: Progress, states: dict[str, Any]) -> None:
    """Writes atomically. `states`: state dictionaries by name."""
    with atomic_path(path) as temporary:
        torch.save({"progress": asdict(progress), "states": states}, temporary)


def load_checkpoint(path: Path) -> tuple[Progress, dict[str, Any]] | None:
    """What `save_checkpoint` wrote, or None when there is none. Runs no code from the file."""
    if not path.is_file():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return Progress(**content["progress"]), content["states"]
    except (RuntimeError, OSError, KeyError, TypeError, EOFError, pickle.UnpicklingError):
        raise WorkError(f"{path}: not a checkpoint; delete it to start this run again") from None
