"""Everything that a run needs to go on exactly where it stood.

There is no state of random generators in it: every step seeds its own from (seed, step, rank).
"""

import os
import pickle
import zipfile
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from shards.atomic import atomic_path
from shards.console import print_line
from shards.errors import WorkError

_DAMAGES = (pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@dataclass(slots=True)
class Progress:
    """Where a run stands."""

    epoch: int = 0
    step: int = 0
    """Global batches done in this epoch."""
    best: float | None = None
    """The score of the best weights so far; higher is better."""
    stale: int = 0
    """Validations since the score was last higher than ever before."""
    sums: dict[str, float] = field(default_factory=dict)
    """Of this epoch's losses over all samples, by head."""


def save_checkpoint(
    path: Path, progress: Progress, states: dict[str, Any], previous: Path | None = None
) -> None:
    """Writes atomically. `states`: state dictionaries by name. What stood at `path` goes to
    `previous`, so that a file which the disk damages later does not end the run."""
    with atomic_path(path) as temporary:
        torch.save({"progress": asdict(progress), "states": states}, temporary)
        if previous is not None and path.is_file():
            os.replace(path, previous)


def load_checkpoint(path: Path) -> tuple[Progress, dict[str, Any]] | None:
    """What `save_checkpoint` wrote, or None when there is none. Runs no code from the file."""
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            # torch writes checksums of its tensors, but does not look at them.
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
        content = torch.load(path, map_location="cpu", weights_only=True)
        return Progress(**content["progress"]), content["states"]
    except (RuntimeError, OSError, KeyError, TypeError, EOFError, *_DAMAGES):
        raise WorkError(f"{path}: not a checkpoint; delete it to start this run again") from None


def load_latest(last: Path, previous: Path) -> tuple[Progress, dict[str, Any]] | None:
    """`last`, or `previous` where `last` is missing or damaged.

    Raises WorkError when all that are there are damaged.
    """
    try:
        found = load_checkpoint(last)
    except WorkError:
        if (older := load_checkpoint(previous)) is None:
            raise
        print_line(f"{last}: not a checkpoint; going on from the one before it")
        return older
    return found or load_checkpoint(previous)
