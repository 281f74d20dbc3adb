"""Other thresholds for a part that exists: its rows are decided again, from their scores.

Stored images are copied as they are. Only captures with a picture that was rejected and is kept
now are decoded again. The result has the bytes that enriching from the start would give.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

from enrich.filters import Filter, decide, default_filters
from enrich.options import EnrichOptions
from enrich.part import PartSummary, row_table, summarise_part, write_rows
from enrich.pipeline import Part, enrich_capture, locate_segment, open_part
from enrich.rows import NOT_STORED, Row, rejected_columns
from shards.layout import DatasetLayout
from shards.members import Kept, kept
from shards.schema import Status
from shards.tar import BLOCK, padded


def refilter_segment(layout: DatasetLayout, segment: Path, options: EnrichOptions) -> PartSummary:
    """Brings the part of one segment to the thresholds of `options`.

    Raises WorkError when the raw segment is needed and is not a whole tar.
    """
    rows_path = layout.part_rows(segment)
    before = pq.read_table(rows_path).to_pylist()
    filters = default_filters(options)
    after = [_decided(row, filters) for row in before]
    if [row["status"] for row in after] != [row["status"] for row in before]:
        after = _write_images(layout, segment, options, zip(before, after, strict=True))
    write_rows(rows_path, row_table(after), options)
    return summarise_part(layout, segment)


def _decided(row: Row, filters: list[Filter]) -> Row:
    rejection = decide(row, filters)
    if rejection is not None:
        return row | NOT_STORED | rejected_columns(rejection)
    return row | {"status": Status.KEPT, "reason": None, "detail": None}


def _write_images(
    layout: DatasetLayout,
    segment: Path,
    options: EnrichOptions,
    rows: Iterable[tuple[Row, Row]],
) -> list[Row]:
    """The images that are kept, in a new tar; the rows as they are then."""
    located = {one.sample.image_offset: one for one in locate_segment(segment, options)}
    written: list[Row] = []
    with (
        open(layout.part_tar(segment), "rb") as stored,
        open_part(layout, segment, options) as part,
    ):
        for offset, group in groupby(rows, key=lambda pair: pair[0]["raw_offset"]):
            pairs = list(group)
            if any(was["tar"] is None and row["status"] == Status.KEPT for was, row in pairs):
                written += enrich_capture(part, located[offset])
            else:
                written += _copied(part, stored, [row for _, row in pairs])
        # Until the new rows are there the part counts as missing, and would be made from the start.
        layout.part_rows(segment).unlink()
    return written


def _copied(part: Part, stored: BinaryIO, rows: list[Row]) -> list[Row]:
    """One capture's rows with their members in the new tar, copied with their headers.

    Views of one panorama share one original, which stands after the first image.
    """
    copied = []
    original = None
    for row in rows:
        if row["tar"] is None:
            copied.append(row)
            continue
        places = {"tar_offset": _copy(part, stored, row["tar_offset"], row["tar_size"])}
        if kept(row) is Kept.INSTEAD:
            places["original_offset"] = places["tar_offset"]
        elif kept(row) is Kept.BESIDE:
            original = original or _copy(part, stored, row["original_offset"], row["original_size"])
            places["original_offset"] = original
        copied.append(row | places)
    return copied


def _copy(part: Part, stored: BinaryIO, offset: int, size: int) -> int:
    start = part.images.tell()
    stored.seek(offset - BLOCK)
    part.images.write(stored.read(BLOCK + padded(size)))
    return start + BLOCK
