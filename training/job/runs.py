"""Where runs are kept: a folder of this machine, or one of shared state that an address follows.

Workers write checkpoints to a file system. Of runs for an address, that is the folder which
`local_state` names, on a cluster below LOSTFOUND_STATE; the driver sends what is new from there
while it follows the run. What stands at the address at any instant is a run that can go on.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shards.atomic import TEMPORARY_PREFIX
from shards.console import print_line
from shards.errors import StorageError
from shards.local_state import local_state
from shards.manifest import CARD_NAME
from shards.remote import Remote, is_address, open_remote
from training.fit.rundir import RunDirectory
from training.model.modelfile import MODEL_NAME

INTERVAL_SECONDS = 5.0
METRICS, BEST, LAST = "metrics.jsonl", "checkpoints/best.safetensors", "checkpoints/last.pt"
IN_ORDER = ("config.json", "steps.jsonl", METRICS, BEST, LAST, CARD_NAME, MODEL_NAME)
"""What is sent of a run, and in which order. Rows of epochs that the checkpoint has not reached are
dropped when it goes on; a best model that is ahead of it comes about again; a run with a model file
is complete."""

Stamp = tuple[int, int, int]


class Runs:
    """A folder of runs; where `remote` is given, those that are opened are taken from it and sent.

    `str` shows where they are.
    """

    def __init__(self, here: Path, remote: Remote | None = None) -> None:
        self.here = here.resolve()
        self.remote = remote
        self._open: dict[str, dict[str, Stamp]] = {}
        """By run, the files that the address has as they were here."""
        self._sending = threading.Lock()

    def __str__(self) -> str:
        return self.remote.url if self.remote else str(self.here)

    def open(self, name: str) -> RunDirectory:
        """A run's directory; first what the address has of it, if it went further there."""
        directory = RunDirectory(self.here / name)
        if self.remote is not None and name not in self._open:
            if _is_further(self.remote, directory):
                _take_up(self.remote, directory)
            self._open[name] = {}
        return directory

    def where(self, path: Path) -> str:
        """What stands under `path` here, as the user knows it."""
        return f"{self}/{path.relative_to(self.here).as_posix()}"

    def send(self) -> None:
        """What has changed of the opened runs. Raises StorageError; what was sent stays."""
        if self.remote is None:
            return
        with self._sending:
            for name, known in [*self._open.items()]:
                _send(self.remote, RunDirectory(self.here / name), known)

    def put(self, path: Path) -> None:
        """A file of the folder that is no run's. Raises StorageError."""
        if self.remote is not None:
            self.remote.put(path, path.relative_to(self.here).as_posix())


@contextmanager
def open_runs(out: str | Path) -> Iterator[Runs]:
    """The runs at a directory or an address; those at an address are sent until the end.

    Raises UsageError for an address that cannot be used, and at the end StorageError for what
    could not be sent: it stays here, and the same command sends it.
    """
    if not is_address(str(out)):
        yield Runs(Path(out))
        return
    remote = open_remote(str(out))
    remote.check_bucket()
    runs = Runs(local_state(str(out)), remote)
    over = threading.Event()
    sender = threading.Thread(target=_keep_sending, args=(runs, over), daemon=True)
    sender.start()
    try:
        try:
            yield runs
        finally:
            over.set()
            sender.join()
    except BaseException:
        with _told():
            runs.send()
        raise
    runs.send()


def _keep_sending(runs: Runs, over: threading.Event) -> None:
    """Without an end while the storage is away: the run itself does not need it."""
    while not over.wait(INTERVAL_SECONDS):
        with _told():
            runs.send()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (StorageError, OSError) as error:
        print_line(str(error))


def _is_further(remote: Remote, here: RunDirectory) -> bool:
    """Whether the run at the address is complete, or has more epochs, and the one here not."""
    name = here.path.name
    if here.model.is_file() or not remote.sizes(name):
        return False
    if remote.exists(f"{name}/{MODEL_NAME}") or not here.last.is_file():
        return True
    return _epochs(remote, name) > len(here.rows())


def _epochs(remote: Remote, name: str) -> int:
    if not remote.exists(f"{name}/{METRICS}"):
        return 0
    return remote.read(f"{name}/{METRICS}").count(b"\n")


def _take_up(remote: Remote, directory: RunDirectory) -> None:
    """The rows last: until they are here, what is there counts as further."""
    print_line(f"{directory.path}: taking up the run at {remote.url}")
    directory.previous.unlink(missing_ok=True)
    for name in sorted(IN_ORDER, key=(METRICS, MODEL_NAME).count):
        remote.fetched(f"{directory.path.name}/{name}", directory.path / name)


def _send(remote: Remote, directory: RunDirectory, known: dict[str, Stamp]) -> None:
    with _snapshot(directory, known) as (folder, stamps):
        for name, stamp in stamps.items():
            there = f"{directory.path.name}/{name}"
            if name in known or not remote.holds(folder / name, there):
                remote.put(folder / name, there)
            known[name] = stamp


@contextmanager
def _snapshot(
    directory: RunDirectory, known: dict[str, Stamp]
) -> Iterator[tuple[Path, dict[str, Stamp]]]:
    """Files that have changed as they are now, and stay while workers write on.

    Taken in the opposite order, so that each is at least as new as those that come after it.
    """
    if not any(_has_changed(directory.path / name, known.get(name)) for name in IN_ORDER):
        yield directory.path, {}
        return
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=directory.path) as scratch:
        folder, found = Path(scratch), {}
        for name in reversed(IN_ORDER):
            path = directory.path / name
            try:
                stamp = _stamp(path)
                if known.get(name) != stamp:
                    _keep(path, folder / name)
                    found[name] = stamp
            except FileNotFoundError:
                continue
        yield folder, {name: found[name] for name in IN_ORDER if name in found}


def _keep(path: Path, to: Path) -> None:
    """Rows are added to a file in place; the others are replaced, so a link keeps them."""
    to.parent.mkdir(exist_ok=True)
    if path.suffix != ".jsonl":
        try:
            os.link(path, to)
            return
        except FileNotFoundError:
            raise
        except OSError:  # the file system has no links
            pass
    shutil.copyfile(path, to)


def _has_changed(path: Path, known: Stamp | None) -> bool:
    try:
        return _stamp(path) != known
    except FileNotFoundError:
        return False


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
