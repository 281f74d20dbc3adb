"""A dataset behind an address: crawled into a folder of this machine, sealed segments sent on.

The local folder holds everything that changes: frontier, ledgers, open segments. A sealed segment
never changes, so it is sent once, compared, and removed here; its ledger stays. Beside each tar
stands `<segment>.ledger.json` with its rows, sent before it: from these files another machine can
go on. A kill at any instant leaves a segment here, there, or in both places with the same bytes.
"""

import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from crawler.ledger import SUFFIX, Ledger, Row, ledger_paths
from crawler.remote import Remote, is_address, open_remote
from crawler.statslog import FILE_NAME as STATS_FILE
from shards.atomic import dump_json, write_json
from shards.console import print_line
from shards.errors import LostFoundError, UsageError, WorkError
from shards.keys import is_key
from shards.layout import DatasetLayout
from shards.segment import segment_name
from shards.tar import END_OF_ARCHIVE

STATE_VARIABLE = "LOSTFOUND_STATE"
ROWS_SUFFIX = ".ledger.json"
ROWS_VERSION = 1
SHARED_FILES = ("source.json", STATS_FILE)
"""What else readers of the dataset want; never cookies, never the frontier."""
INTERVAL_SECONDS = 5.0
_SEGMENT = re.compile(r"([A-Za-z0-9_-]{1,64})-(\d{6})\.tar")


def local_state(url: str) -> Path:
    """The folder of this machine for the dataset at `url`: below LOSTFOUND_STATE if that is set."""
    base = os.environ.get(STATE_VARIABLE)
    if not base:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        base = str(Path(home) / "lostfound")
    address = url.rstrip("/")
    stem = re.sub(r"[^A-Za-z0-9]+", "-", address.partition("://")[2]).strip("-")[-40:]
    return Path(base) / f"{stem}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


@contextmanager
def opened_dataset(out: str) -> Iterator[DatasetLayout]:
    """The dataset of `--out` as a local one to crawl into.

    For an address: takes up what is there, sends sealed segments while the block runs, and the
    rest at its end. What could not be sent stays here until the next time; at a good end that
    raises WorkError.
    """
    if not is_address(out):
        yield DatasetLayout(Path(out))
        return
    remote = open_remote(out)
    layout = DatasetLayout(local_state(out))
    take_up(remote, layout)
    sender = _Sender(remote, layout)
    sender.start()
    try:
        yield layout
    except LostFoundError:
        sender.stop()
        with suppress(LostFoundError, OSError):
            upload_dataset(remote, layout)
        raise
    finally:
        sender.stop()
    upload_dataset(remote, layout)


def known_dataset(out: str) -> DatasetLayout:
    """The dataset of `--status`: a directory, or this machine's folder for an address."""
    if not is_address(out):
        return DatasetLayout.existing(Path(out))
    layout = DatasetLayout(local_state(out))
    if not layout.raw.is_dir():
        take_up(open_remote(out), layout)
    return layout


def take_up(remote: Remote, layout: DatasetLayout) -> None:
    """Makes the ledgers here and the segments there agree, or says why they cannot.

    Ledgers that are missing here are made from the rows there. Raises WorkError for a segment
    that stands only there although its writer's ledger is here, and for one that stands nowhere.
    """
    write_json(layout.root / "dataset.json", {"url": remote.url})
    # Before the list is taken: what is sent and removed meanwhile must not seem to be nowhere.
    expected = {path: _not_here(path) for path in sorted(layout.raw.glob(f"*/*{SUFFIX}"))}
    there = _segments_there(remote)
    for writer, numbers in sorted(there.items()):
        source, _, name = writer.partition("/")
        path = layout.raw_source(source) / f"{name}{SUFFIX}"
        if path.exists():
            _check_known(remote, path, numbers)
        else:
            _restore(remote, path, sorted(numbers))
    for path, sealed in expected.items():
        _check_complete(remote, path, sealed - there.get(_place(path), set()))


def _segments_there(remote: Remote) -> dict[str, set[int]]:
    """Numbers of the segments by `source/writer`."""
    there: dict[str, set[int]] = {}
    for name in remote.sizes("raw"):
        source, _, file = name.partition("/")
        found = _SEGMENT.fullmatch(file)
        if found and is_key(source):
            there.setdefault(f"{source}/{found[1]}", set()).add(int(found[2]))
    return there


def _not_here(path: Path) -> set[int]:
    """Sealed segments of a ledger whose tar is not beside it: they were sent."""
    with closing(Ledger(path, read_only=True)) as ledger:
        sealed = {segment.number for segment in ledger.segments() if segment.sealed}
    return {number for number in sealed if not _tar(path, number).exists()}


def _check_known(remote: Remote, path: Path, numbers: set[int]) -> None:
    """A segment that the ledger here does not know was written by someone else."""
    with closing(Ledger(path, read_only=True)) as ledger:
        known = {segment.number for segment in ledger.segments()}
    if strange := sorted(numbers - known):
        name = f"raw/{path.parent.name}/{_tar(path, strange[0]).name}"
        raise WorkError(
            f"{remote.url}/{name}: sent by another machine or an older state, and not known to"
            f" {path}; crawl this dataset from one machine, or start with another {STATE_VARIABLE}"
        )


def _check_complete(remote: Remote, path: Path, lost: set[int]) -> None:
    if lost:
        tar = _tar(path, min(lost))
        raise WorkError(
            f"{remote.url}/raw/{path.parent.name}/{tar.name}: gone from there, and not in"
            f" {path.parent}; restore it from a backup"
        )


def _restore(remote: Remote, path: Path, numbers: list[int]) -> None:
    """Makes a writer's ledger from the rows that stand beside its segments.

    Under a temporary name first: a ledger that is there is whole.
    """
    partial = path.with_name(f"{path.name}.new")
    for leftover in partial.parent.glob(f"{partial.name}*"):
        leftover.unlink()
    partial.parent.mkdir(parents=True, exist_ok=True)
    with closing(Ledger(partial)) as ledger:
        for number in numbers:
            name = f"raw/{path.parent.name}/{segment_name(_writer(path), number)}"
            record = _parse_rows(remote, f"{name}{ROWS_SUFFIX}")
            rows = [Row(key, task, number, *where) for key, task, *where in record["rows"]]
            ledger.commit(rows, record["bytes"] - len(END_OF_ARCHIVE))
            ledger.mark_sealed(number)
    os.replace(partial, path)


def _parse_rows(remote: Remote, name: str) -> dict[str, Any]:
    if not remote.exists(name):
        raise WorkError(
            f"{remote.url}/{name}: a segment without its rows; crawl from the machine that wrote"
            " it, or use another address"
        )
    try:
        record: dict[str, Any] = json.loads(remote.read(name))
        version = record["version"]
        if version == ROWS_VERSION:
            types = [[type(value) for value in row] for row in record["rows"]]
            if isinstance(record["bytes"], int) and types and all(t == _ROW for t in types):
                return record
    except (ValueError, KeyError, TypeError):
        version = 0
    if isinstance(version, int) and version > ROWS_VERSION:
        raise UsageError(
            f"{remote.url}/{name}: version {version}, but this release knows {ROWS_VERSION};"
            " update lostfound"
        )
    raise WorkError(f"{remote.url}/{name}: not the rows of a segment; restore it from a backup")


_ROW = [str, str, int, int, str]
"""Key, task, offset and size of the image in the tar, SHA-256 of the image."""


def upload_dataset(remote: Remote, layout: DatasetLayout) -> int:
    """Sends every sealed segment that is still here, and the small files; how many there were."""
    sent = 0
    for directory in sorted(path for path in layout.raw.glob("*") if path.is_dir()):
        sent += upload_sealed(remote, directory)
        for name in SHARED_FILES:
            if (directory / name).is_file():
                remote.write((directory / name).read_bytes(), f"raw/{directory.name}/{name}")
    return sent


def upload_sealed(remote: Remote, directory: Path) -> int:
    """Sends the sealed segments in `directory` (`raw/<source>`), then removes them here.

    Safe to be killed and to be called again, also by two at once; returns how many were sent.
    Raises WorkError when another segment stands under the same name there: none is overwritten.
    """
    sent = 0
    with _alone(directory):
        for path in ledger_paths(directory):
            with closing(Ledger(path, read_only=True)) as ledger:
                for segment in ledger.segments():
                    tar = _tar(path, segment.number)
                    if segment.sealed and tar.exists():
                        _send(remote, tar, ledger.rows_of_segment(segment.number))
                        sent += 1
    return sent


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Waits for other processes that send from `directory`."""
    descriptor = os.open(directory / "upload.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _send(remote: Remote, tar: Path, rows: list[Row]) -> None:
    name = f"raw/{tar.parent.name}/{tar.name}"
    if not remote.exists(name):
        _send_rows(remote, tar, rows)
        remote.put(tar, name)
    elif not remote.holds(tar, name):
        raise WorkError(
            f"{remote.url}/{name}: another segment has this name; {tar} was not sent:"
            " crawl this dataset from one machine, or use another address"
        )
    tar.unlink()


def _send_rows(remote: Remote, tar: Path, rows: list[Row]) -> None:
    with open(tar, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    record = {
        "version": ROWS_VERSION,
        "bytes": tar.stat().st_size,
        "sha256": digest,
        "rows": [[row.key, row.task_id, *row[3:]] for row in rows],
    }
    remote.write(dump_json(record).encode(), f"raw/{tar.parent.name}/{tar.stem}{ROWS_SUFFIX}")


def _writer(ledger: Path) -> str:
    return ledger.name.removesuffix(SUFFIX)


def _place(ledger: Path) -> str:
    return f"{ledger.parent.name}/{_writer(ledger)}"


def _tar(ledger: Path, number: int) -> Path:
    return ledger.with_name(f"{segment_name(_writer(ledger), number)}.tar")


class _Sender(threading.Thread):
    """Sends what is sealed while the crawl goes on; what fails is tried again at the end."""

    def __init__(self, remote: Remote, layout: DatasetLayout) -> None:
        super().__init__(name="upload", daemon=True)
        self._remote = remote
        self._layout = layout
        self._ended = threading.Event()
        self._complained = False

    def run(self) -> None:
        while not self._ended.wait(INTERVAL_SECONDS):
            for directory in self._layout.raw.glob("*"):
                try:
                    upload_sealed(self._remote, directory)
                except (LostFoundError, OSError) as error:
                    self._complain(error)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            print_line(f"upload: {error}; segments stay in {self._layout.root} until it works")

    def stop(self) -> None:
        """Waits for the segment that is on its way."""
        self._ended.set()
        self.join()
