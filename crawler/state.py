"""Crawling into a dataset behind an address: its folder on this machine, and how both agree.

The local folder holds everything that changes: frontier, ledgers, open segments. What is sealed
is sent (`crawler.upload`); from what stands there, another machine can go on.
"""

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from crawler.ledger import SUFFIX, Ledger
from crawler.sent import SUFFIX as ROWS_SUFFIX
from crawler.sent import SentSegment, parse
from crawler.upload import tar_of, upload_dataset, upload_sealed, writer_of
from shards.atomic import write_bytes, write_json
from shards.console import print_line
from shards.denyfile import add_rules, load_denylist
from shards.errors import LostFoundError, WorkError
from shards.keys import is_key
from shards.layout import DatasetLayout
from shards.local_state import STATE_VARIABLE, local_state
from shards.remote import Remote, is_address, open_remote
from shards.tar import END_OF_ARCHIVE

INTERVAL_SECONDS = 5.0
_SEGMENT = re.compile(r"([A-Za-z0-9_-]{1,64})-(\d{6})\.tar")


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
    remote.check_bucket()
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
    except BaseException:  # Ctrl-C: what is sealed goes with the next run
        remote.give_up()
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
    _take_up_denylist(remote, layout)
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
    return {number for number in sealed if not tar_of(path, number).exists()}


def _check_known(remote: Remote, path: Path, numbers: set[int]) -> None:
    """A segment that the ledger here does not know was written by someone else."""
    with closing(Ledger(path, read_only=True)) as ledger:
        known = {segment.number for segment in ledger.segments()}
    if strange := sorted(numbers - known):
        name = f"raw/{path.parent.name}/{tar_of(path, strange[0]).name}"
        raise WorkError(
            f"{remote.url}/{name}: sent by another machine or an older state, and not known to"
            f" {path}; crawl this dataset from one machine, or start with another {STATE_VARIABLE}"
        )


def _check_complete(remote: Remote, path: Path, lost: set[int]) -> None:
    if lost:
        tar = tar_of(path, min(lost))
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
            sent = _fetch_rows(remote, tar_of(path, number), number)
            ledger.commit(sent.rows, sent.bytes - len(END_OF_ARCHIVE))
            ledger.mark_sealed(number)
    os.replace(partial, path)


def _fetch_rows(remote: Remote, tar: Path, number: int) -> SentSegment:
    """What stands there beside a segment, which stays here as it does where it was sent from."""
    local = tar.with_suffix(ROWS_SUFFIX)
    name = f"raw/{tar.parent.name}/{local.name}"
    if not remote.exists(name):
        raise WorkError(
            f"{remote.url}/{name}: a segment without its rows; crawl from the machine that wrote"
            " it, or use another address"
        )
    text = remote.read(name)
    sent = parse(text, number, f"{remote.url}/{name}")
    write_bytes(local, text)
    return sent


def _take_up_denylist(remote: Remote, layout: DatasetLayout) -> None:
    """Adds the rules that stand there to those that stand here."""
    name = layout.denylist.name
    if remote.exists(name):
        with tempfile.TemporaryDirectory() as folder:
            theirs = DatasetLayout(Path(folder))
            write_bytes(theirs.denylist, remote.read(name))
            add_rules(layout, load_denylist(theirs).rules)


def _place(ledger: Path) -> str:
    return f"{ledger.parent.name}/{writer_of(ledger)}"


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
