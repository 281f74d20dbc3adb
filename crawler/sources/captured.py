"""What was captured of a source so far: read from the ledgers and the segments, told the frontier.

Only needed at the start of a run that may not agree with its frontier, and for deletions.
"""

import tarfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
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
PAGE = 1000
"""Items of a ledger at a time."""
_LAST = chr(0x10FFFF)
"""Behind every key."""
_END: tuple[str, Iterator[tuple[str, bool]]] = (_LAST, iter(()))


def captures_of(directory: Path) -> Iterator[Capture]:
    """Every committed capture in `raw/<source>`, in sealed segments and in open ones.

    Raises WorkError for a segment that is missing or damaged.
    """
    for _, captures in _segments(directory):
        yield from captures


def reconcile(directory: Path, frontier: SqliteFrontier) -> None:
    """Makes the frontier's items those that were captured, while no worker lives.

    What a killed worker was given but did not commit is given out anew. A frontier that is new is
    told which task each capture belongs to, and which square of 1 km². Memory does not grow with
    the number of captures.
    """
    found = compare(frontier.items(), _settled(directory))
    for task_id, keys in found.open.items():
        frontier.disown(keys, task_id)
    if not found.unknown:
        return
    for rows, captures in _segments(directory):
        tasks = {row.key: row.task_id for row in rows}
        by_task: dict[str, list[Item]] = {}
        for one in captures:
            by_task.setdefault(tasks[one.key], []).append(Item(one.key, _square(one)))
        for task_id, items in by_task.items():
            frontier.admit(items, task_id)


@dataclass(frozen=True, slots=True)
class Differences:
    open: dict[str, list[str]]
    """By task, what it was given that neither came nor failed: few, those of interrupted tasks."""
    unknown: bool
    """Something came that nobody was given."""


def compare(given: Iterable[tuple[str, str]], settled: Iterable[tuple[str, bool]]) -> Differences:
    """Of items with their tasks, and items with whether they came; both in the order of keys.

    An item may be settled more than once.
    """
    open_ones: dict[str, list[str]] = {}
    unknown = False
    rest = groupby(settled, key=itemgetter(0))
    key, ends = next(rest, _END)
    for item, task_id in given:
        while key < item:
            unknown = unknown or any(came for _, came in ends)
            key, ends = next(rest, _END)
        if key == item:
            key, ends = next(rest, _END)
        else:
            open_ones.setdefault(task_id, []).append(item)
    while key != _LAST and not unknown:
        unknown = any(came for _, came in ends)
        key, ends = next(rest, _END)
    return Differences(open_ones, unknown)


def _settled(directory: Path) -> Iterator[tuple[str, bool]]:
    """Every item that came or failed, of all ledgers, in the order of keys."""
    return merge(*map(_settled_of, ledger_paths(directory)))


def _settled_of(path: Path) -> Iterator[tuple[str, bool]]:
    """Page by page: as many ledgers as there were workers cannot be open at a time."""
    after = ""
    while True:
        with closing(Ledger(path, read_only=True)) as ledger:
            page = ledger.settled(after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1][0]


def _square(capture: Capture) -> str:
    return square_km(float(capture.lat), float(capture.lon))


def _segments(directory: Path) -> Iterator[tuple[list[Row], Iterator[Capture]]]:
    """Rows and captures of each."""
    for ledger_path in ledger_paths(directory):
        writer = ledger_path.name.removesuffix(SUFFIX)
        for number, group in groupby(_rows(ledger_path), key=attrgetter("segment")):
            rows = list(group)
            yield rows, _read(directory / segment_name(writer, number), rows)


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
