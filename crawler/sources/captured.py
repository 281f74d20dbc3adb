"""What was captured of a source so far: read from the ledgers and the segments, told the frontier.

Only needed at the start of a run that may not agree with its frontier, and for deletions.
"""

import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from crawler.frontier import Item, SqliteFrontier
from crawler.ledger import SUFFIX, Ledger, Row, ledger_paths
from crawler.sent import SUFFIX as ROWS_SUFFIX
from crawler.sent import parse
from crawler.sources.area import square_km
from shards.capture import Capture
from shards.errors import WorkError
from shards.segment import OPEN_SUFFIX, segment_name
from shards.tar import padded

HEADER_BYTES = tarfile.BLOCKSIZE


def captures_of(directory: Path) -> Iterator[Capture]:
    """Every committed capture in `raw/<source>`, in sealed segments and in open ones.

    Raises WorkError for a segment that is missing or damaged.
    """
    for ledger_path in ledger_paths(directory):
        writer = ledger_path.name.removesuffix(SUFFIX)
        by_segment: dict[int, list[Row]] = {}
        for row in _rows(ledger_path):
            by_segment.setdefault(row.segment, []).append(row)
        for number, rows in by_segment.items():
            yield from _read(directory / segment_name(writer, number), rows)


def reconcile(directory: Path, frontier: SqliteFrontier) -> None:
    """Makes the frontier's items those that were captured, while no worker lives.

    What a killed worker was given but did not commit is given out anew. A frontier that is new is
    told which task each capture belongs to, and which square of 1 km².
    """
    captured = {row.key: row.task_id for path in ledger_paths(directory) for row in _rows(path)}
    given = frontier.items()
    open_ones = _without_failures(directory, given.keys() - captured)
    for task_id, keys in _by_task({key: given[key] for key in open_ones}).items():
        frontier.disown(keys, task_id)
    unknown = {key: captured[key] for key in captured.keys() - given.keys()}
    if not unknown:
        return
    squares = {one.key: _square(one) for one in captures_of(directory) if one.key in unknown}
    for task_id, keys in _by_task(unknown).items():
        frontier.admit([Item(key, squares[key]) for key in keys], task_id)


def _without_failures(directory: Path, keys: set[str]) -> set[str]:
    """Those that nobody recorded as failed: failures stay with their task, for `--retry`."""
    for path in ledger_paths(directory) if keys else ():
        with closing(Ledger(path, read_only=True)) as ledger:
            keys = {key for key in keys if ledger.failure(key) is None}
    return keys


def _by_task(tasks: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, task_id in sorted(tasks.items()):
        found.setdefault(task_id, []).append(key)
    return found


def _square(capture: Capture) -> str:
    return square_km(float(capture.lat), float(capture.lon))


def _rows(ledger_path: Path) -> list[Row]:
    with closing(Ledger(ledger_path, read_only=True)) as ledger:
        return ledger.rows()


def _read(stem: Path, rows: list[Row]) -> Iterator[Capture]:
    """The records of one segment; each stands behind its image, or in what tells of a sent one."""
    sealed = stem.with_name(f"{stem.name}.tar")
    about = stem.with_name(f"{stem.name}{ROWS_SUFFIX}")
    if about.exists() and not sealed.exists():
        yield from parse(about.read_bytes(), rows[0].segment, str(about)).captures
        return
    path = sealed if sealed.exists() else stem.with_name(f"{stem.name}{OPEN_SUFFIX}")
    try:
        with open(path, "rb") as file:
            for row in rows:
                file.seek(row.image_offset + padded(row.image_size))
                header = tarfile.TarInfo.frombuf(file.read(HEADER_BYTES), "utf-8", "strict")
                yield Capture.from_json(file.read(header.size))
    except (OSError, ValueError, tarfile.TarError) as error:
        raise WorkError(f"{path}: not what its ledger says ({error}); restore it") from error
