"""The rows' file of one part: written last, so it marks a whole part; it knows its thresholds."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from enrich.options import EnrichOptions
from enrich.rows import Row
from shards.atomic import atomic_path
from shards.errors import WorkError
from shards.layout import DatasetLayout
from shards.schema import METADATA_SCHEMA, Status

BATCH_CAPTURES = 1000
"""So many at a time are Python objects: several KB each, and a segment may hold 100,000."""
_THRESHOLDS = b"lostfound:thresholds"

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PartSummary:
    """What became of a segment's captures: `rows` = `kept` + the sum of `rejected`."""

    segment: str
    captures: int
    rows: int
    """One for each capture, and one more for each further view of a panorama."""
    kept: int
    rejected: dict[str, int]


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`; the last one may be shorter."""
    waiting = iter(items)
    while batch := list(islice(waiting, size)):
        yield batch


def row_table(rows: Iterable[Row]) -> pa.Table:
    """The rows as a table, a tenth of their size as Python objects."""
    tables = [
        pa.Table.from_pylist(batch, schema=METADATA_SCHEMA)
        for batch in batches(rows, BATCH_CAPTURES)
    ]
    return pa.concat_tables([METADATA_SCHEMA.empty_table(), *tables])


def write_rows(path: Path, rows: pa.Table, options: EnrichOptions) -> None:
    """Writes the rows of a part, and the thresholds by which they were decided."""
    stamped = rows.replace_schema_metadata({_THRESHOLDS: _thresholds(options)})
    with atomic_path(path) as temporary:
        pq.write_table(stamped, temporary, compression="zstd")


def is_current(path: Path, options: EnrichOptions) -> bool:
    """Whether there is a part that was decided by the thresholds of `options`."""
    if not path.exists():
        return False
    return (pq.read_metadata(path).metadata or {}).get(_THRESHOLDS) == _thresholds(options)


def summarise_part(layout: DatasetLayout, segment: Path) -> PartSummary:
    """Counts the rows of a finished part. Raises WorkError when they do not add up."""
    table = pq.read_table(layout.part_rows(segment), columns=["status", "reason", "view"])
    kept = Counter(table["status"].to_pylist())[Status.KEPT]
    reasons = Counter(reason for reason in table["reason"].to_pylist() if reason is not None)
    if table.num_rows != kept + reasons.total():
        raise WorkError(f"{layout.part_rows(segment)}: rows do not add up; delete it, enrich again")
    rejected = dict(sorted(reasons.items()))
    # A capture's first row, or its only one, has view 0.
    captures = Counter(table["view"].to_pylist())[0]
    return PartSummary(layout.relative(segment), captures, table.num_rows, kept, rejected)


def _thresholds(options: EnrichOptions) -> bytes:
    numbers = {name: float(number) for name, number in options.thresholds().items()}
    return json.dumps(numbers, sort_keys=True).encode()
