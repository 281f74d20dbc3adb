"""Writes a stream of Arrow batches as a table, CSV, JSON or Parquet."""

import base64
import csv
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from queries.choices import Format
from queries.question.table import as_plan, as_table, is_plan
from shards.atomic import atomic_file
from shards.errors import UsageError

TABLE_ROWS = 1_000
"""A table is for reading: longer results end with a line that says so."""


def render(reader: pa.RecordBatchReader, form: Format | None, out: Path | None) -> int:
    """Writes every row to the file `out`, which appears complete or not at all, or to stdout.

    Without `form`, the extension of `out` decides, else it is a table. Returns the number of rows.
    """
    if form is None:
        known = {f".{form}": form for form in Format}
        form = known.get(out.suffix.lower(), Format.TABLE) if out else Format.TABLE
    if out is not None:
        with atomic_file(out) as file:
            return write_rows(reader, form, file)
    if form is Format.PARQUET:
        raise UsageError("--format parquet is not text; give --out F.parquet too")
    try:
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        count = write_rows(reader, form, sys.stdout.buffer, width=width)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader, `head` for one, has seen enough; leave nothing for the exit to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return count


def write_rows(
    reader: pa.RecordBatchReader, form: Format, out: BinaryIO, *, width: int | None = None
) -> int:
    """Writes every row to `out`, and returns their number.

    A table has at most `width` columns of text (None: as wide as needed). CSV has a header and,
    like JSON, times in ISO 8601 and nested values as JSON. JSON is one array of objects; NaN and
    infinities, which JSON cannot say, become null.
    """
    writers: dict[Format, Callable[[], int]] = {
        Format.TABLE: lambda: _write_table(reader, out, width),
        Format.CSV: lambda: _write_csv(reader, out),
        Format.JSON: lambda: _write_json(reader, out),
        Format.PARQUET: lambda: _write_parquet(reader, out),
    }
    return writers[form]()


def _write_parquet(reader: pa.RecordBatchReader, out: BinaryIO) -> int:
    count = 0
    with pq.ParquetWriter(out, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _write_csv(reader: pa.RecordBatchReader, out: BinaryIO) -> int:
    count = 0
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(reader.schema.names)
    for row in _rows(reader):
        writer.writerow([_cell(value) for value in row])
        count += 1
    text.detach()
    return count


def _write_json(reader: pa.RecordBatchReader, out: BinaryIO) -> int:
    names = reader.schema.names
    count = 0
    separator = b"[\n"
    for row in _rows(reader):
        record = {name: _plain(value) for name, value in zip(names, row, strict=True)}
        out.write(separator + json.dumps(record, ensure_ascii=False, allow_nan=False).encode())
        separator = b",\n"
        count += 1
    out.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_table(reader: pa.RecordBatchReader, out: BinaryIO, width: int | None) -> int:
    rows: list[tuple[str, ...]] = []
    count = 0
    for batch in reader:
        count += batch.num_rows
        shown = batch.slice(0, max(0, TABLE_ROWS - len(rows)))
        rows += (tuple(map(_cell, row)) for row in _values(shown))
    if is_plan(reader.schema):
        out.write(as_plan(rows).encode())
    else:
        out.write(as_table(reader.schema, rows, count - len(rows), width).encode())
    return count


def _rows(reader: pa.RecordBatchReader) -> Iterator[tuple[Any, ...]]:
    for batch in reader:
        yield from _values(batch)


def _values(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    # By position: a result may have two columns of one name.
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _cell(value: Any) -> str:
    value = _plain(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """The value as JSON can say it."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)
