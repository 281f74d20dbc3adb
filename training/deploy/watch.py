"""Predicts for every image that appears in a folder, once, when it is complete.

A scan a second, which works on network drives too. A file counts as complete when its size and
time have not changed from one scan to the next and it can be decoded; one that cannot be decoded
may still be written, so it is tried again when it changes, and given up after `PATIENCE` scans.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shards.errors import UsageError
from training.deploy.predict import predictions
from training.deploy.sources import is_image
from training.model.modelfile import TrainedModel

SECONDS = 1.0
PATIENCE = 5
"""Scans for which an unchanged file that cannot be decoded is taken for one being written."""

State = tuple[int, int, int]
"""A file's identity: inode, size, time of the last change in nanoseconds."""


@dataclass(slots=True)
class Folder:
    """What is known about a folder's images. `scan` says which of them are new and at rest."""

    path: Path
    _seen: dict[str, State] = field(default_factory=dict)
    """What the last scan saw."""
    _done: set[State] = field(default_factory=set)
    """Answered or given up. By identity, so that a renamed file is not answered again."""
    _tries: dict[State, int] = field(default_factory=dict)

    def skip_present(self) -> None:
        """Takes what is there now for answered."""
        self._done.update(self._states().values())

    def scan(self) -> list[Path]:
        """Images that did not change since the last scan and are not done, sorted by time.

        Raises UsageError when the folder is gone.
        """
        found = self._states()
        # Who moves or deletes files makes no list of those done grow for ever.
        alive = set(found.values())
        self._done &= alive
        self._tries = {state: tries for state, tries in self._tries.items() if state in alive}
        resting = [
            (state[2], name)
            for name, state in found.items()
            if self._seen.get(name) == state and state not in self._done
        ]
        self._seen = found
        return [self.path / name for _, name in sorted(resting)]

    def settle(self, path: Path, *, good: bool) -> bool:
        """Notes what came of a file of the last scan; False when it is to be tried again."""
        state = self._seen[path.name]
        self._tries[state] = self._tries.get(state, 0) + 1
        if not good and self._tries[state] < PATIENCE:
            return False
        self._done.add(state)
        return True

    def _states(self) -> dict[str, State]:
        """Images by name; hidden files are somebody's temporary ones."""
        states = {}
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or not is_image(Path(entry.name)):
                        continue
                    try:
                        found = entry.stat()
                    except FileNotFoundError:
                        continue  # gone between the list and the question
                    if entry.is_file():
                        states[entry.name] = (found.st_ino, found.st_size, found.st_mtime_ns)
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot be watched ({error.strerror}); name a folder"
            ) from None
        return states


def watch(
    trained: TrainedModel,
    folder: Path,
    k: int = 5,
    *,
    existing: bool = False,
    seconds: float = SECONDS,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[dict[str, Any]]:
    """Predictions as `predict_images` gives them, for ever. `existing`: also of what is there.

    What comes after this call is answered, however late the first answer is asked for. Raises
    UsageError when the folder does not exist or goes away.
    """
    watched = Folder(folder)
    watched.scan()
    if not existing:
        watched.skip_present()
    return _answers(trained, watched, k, seconds, sleep)


def _answers(
    trained: TrainedModel,
    watched: Folder,
    k: int,
    seconds: float,
    sleep: Callable[[float], object],
) -> Iterator[dict[str, Any]]:
    while True:
        sleep(seconds)
        names = [str(path) for path in watched.scan()]
        for answer in predictions(trained, names, k):
            if watched.settle(Path(answer["image"]), good="error" not in answer):
                yield answer
