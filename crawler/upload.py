"""Sends sealed segments to where a dataset shall stand, each exactly once.

A sealed segment never changes, so it is sent, compared, and removed here; its ledger stays. Beside
each tar stands `<segment>.rows.jsonl`, sent before it, which says what it holds (`crawler.sent`):
from these files another machine can go on. A kill at any instant leaves a segment here, there, or
in both places with the same bytes.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from crawler.ledger import SUFFIX as LEDGER_SUFFIX
from crawler.ledger import Ledger, Row, SegmentRow, ledger_paths
from crawler.sent import SUFFIX, damaged, describe
from crawler.statslog import FILE_NAME as STATS_FILE
from shards.atomic import write_text
from shards.errors import WorkError
from shards.layout import DatasetLayout
from shards.remote import Remote
from shards.segment import segment_name
from shards.tar import END_OF_ARCHIVE

SHARED_FILES = ("source.json", "terms.json", STATS_FILE)
"""What else readers of the dataset want; never cookies, never the frontier."""


def upload_dataset(remote: Remote, layout: DatasetLayout) -> int:
    """Sends every sealed segment that is still here, and the small files; how many there were."""
    sent = 0
    for directory in sorted(path for path in layout.raw.glob("*") if path.is_dir()):
        sent += upload_sealed(remote, directory)
        for name in SHARED_FILES:
            if (directory / name).is_file():
                remote.write((directory / name).read_bytes(), f"raw/{directory.name}/{name}")
    if layout.denylist.is_file():
        remote.write(layout.denylist.read_bytes(), layout.denylist.name)
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
                    tar = tar_of(path, segment.number)
                    if segment.sealed and tar.exists():
                        _send(remote, tar, segment, ledger.rows_of_segment(segment.number))
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


def _send(remote: Remote, tar: Path, segment: SegmentRow, rows: list[Row]) -> None:
    if tar.stat().st_size != segment.committed + len(END_OF_ARCHIVE):
        raise damaged(tar)
    place = f"raw/{tar.parent.name}"
    if not remote.exists(f"{place}/{tar.name}"):
        about = tar.with_suffix(SUFFIX)
        write_text(about, describe(tar, rows))
        remote.put(about, f"{place}/{about.name}")
        remote.put(tar, f"{place}/{tar.name}")
    elif not remote.holds(tar, f"{place}/{tar.name}"):
        raise WorkError(
            f"{remote.url}/{place}/{tar.name}: another segment has this name; {tar} was not sent:"
            " crawl this dataset from one machine, or use another address"
        )
    tar.unlink()


def writer_of(ledger: Path) -> str:
    return ledger.name.removesuffix(LEDGER_SUFFIX)


def tar_of(ledger: Path, number: int) -> Path:
    return ledger.with_name(f"{segment_name(writer_of(ledger), number)}.tar")
