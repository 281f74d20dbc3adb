"""Sends sealed segments to where a dataset shall stand, each exactly once.

A sealed segment never changes, so it is sent, compared, and removed here; its ledger stays. Beside
each tar stands `<segment>.ledger.json` with its rows, sent before it: from these files another
machine can go on. A kill at any instant leaves a segment here, there, or in both places with the
same bytes.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from crawler.ledger import SUFFIX, Ledger, Row, SegmentRow, ledger_paths
from crawler.remote import Remote
from crawler.statslog import FILE_NAME as STATS_FILE
from shards.atomic import dump_json
from shards.errors import UsageError, WorkError
from shards.layout import DatasetLayout
from shards.segment import segment_name
from shards.tar import END_OF_ARCHIVE

ROWS_SUFFIX = ".ledger.json"
ROWS_VERSION = 1
_ROW = [str, str, int, int, str]
"""Key, task, offset and size of the image in the tar, SHA-256 of the image."""
SHARED_FILES = ("source.json", STATS_FILE)
"""What else readers of the dataset want; never cookies, never the frontier."""


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
                    tar = tar_of(path, segment.number)
                    if segment.sealed and tar.exists():
                        rows = ledger.rows_of_segment(segment.number)
                        _check_whole(tar, segment, rows)
                        _send(remote, tar, rows)
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


def _check_whole(tar: Path, segment: SegmentRow, rows: list[Row]) -> None:
    """The last look at a segment here: what is damaged is not sent, and stays."""
    whole = tar.stat().st_size == segment.committed + len(END_OF_ARCHIVE)
    with open(tar, "rb") as file:
        for row in rows if whole else ():
            file.seek(row.image_offset)
            image = file.read(row.image_size)
            whole = whole and hashlib.sha256(image).hexdigest() == row.sha256
    if not whole:
        raise WorkError(f"{tar}: not what its ledger says, and not sent; restore it from a backup")


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
    remote.write(dump_json(record).encode(), _rows_name(tar))


def _rows_name(tar: Path) -> str:
    return f"raw/{tar.parent.name}/{tar.stem}{ROWS_SUFFIX}"


def read_rows(remote: Remote, tar: Path) -> dict[str, Any]:
    """What stands there beside a segment: its `bytes`, `sha256` and `rows`.

    Raises WorkError when that is missing or damaged, UsageError when a newer release wrote it.
    """
    name = _rows_name(tar)
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


def writer_of(ledger: Path) -> str:
    return ledger.name.removesuffix(SUFFIX)


def tar_of(ledger: Path, number: int) -> Path:
    return ledger.with_name(f"{segment_name(writer_of(ledger), number)}.tar")
