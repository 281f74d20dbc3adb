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

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from rich.text import Text

from queries.choices import Format
from queries.query import sql_error
from shards.atomic import atomic_file
from shards.errors import UsageError

TABLE_ROWS = 1_000
"""A table is for reading: longer results end with a line that says so."""


def render(reader: pa.RecordBatchReader, form: Format | None, out: Path | None) -> None:
    """Writes every row to the file `out`, which appears complete or not at all, or to stdout.

    Without `form`, the extension of `out` decides, else it is a table.
    """
    if form is None:
        known = {f".{form}": form for form in Format}
        form = known.get(out.suffix.lower(), Format.TABLE) if out else Format.TABLE
    if form is Format.PARQUET and out is None:
        raise UsageError("--format parquet is not text; give --out F.parquet too")
    try:
        if out is not None:
            with atomic_file(out) as file:
                write_rows(reader, form, file)
            return
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        write_rows(reader, form, sys.stdout.buffer, width=width)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader, `head` for one, has seen enough; leave nothing for the exit to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_rows(
    reader: pa.RecordBatchReader, form: Format, out: BinaryIO, *, width: int | None = None
) -> None:
    """Writes every row to `out`; a table has `width` columns of text (None: as wide as needed).

    CSV has a header and, like JSON, times in ISO 8601 and nested values as JSON. JSON is one
    array of objects; NaN and infinities, which JSON cannot say, become null.
    """
    writers: dict[Format, Callable[[], None]] = {
        Format.TABLE: lambda: _write_table(reader, out, width),
        Format.CSV: lambda: _write_csv(reader, out),
        Format.JSON: lambda: _write_json(reader, out),
        Format.PARQUET: lambda: _write_parquet(reader, out),
    }
    writers[form]()


def _write_parquet(reader: pa.RecordBatchReader, out: BinaryIO) -> None:
    with pq.ParquetWriter(out, reader.schema, compression="zstd") as writer:
        for batch in _batches(reader):
            writer.write_batch(batch)


def _write_csv(reader: pa.RecordBatchReader, out: BinaryIO) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(reader.schema.names)
    for row in _rows(reader):
        writer.writerow([_cell(value) for value in row])
    text.detach()


def _write_json(reader: pa.RecordBatchReader, out: BinaryIO) -> None:
    names = reader.schema.names
    separator = b"[\n"
    for row in _rows(reader):
        record = {name: _plain(value) for name, value in zip(names, row, strict=True)}
        out.write(separator + json.dumps(record, ensure_ascii=False, allow_nan=False).encode())
        separator = b",\n"
    out.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _write_table(reader: pa.RecordBatchReader, out: BinaryIO, width: int | None) -> None:
    table = Table()
    for field in reader.schema:
        numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        numeric = numeric or pa.types.is_decimal(field.type)
        table.add_column(Text(field.name), justify="right" if numeric else "left")
    more = False
    for number, row in enumerate(_rows(reader)):
        if number == TABLE_ROWS:
            more = True
            break
        # Text, not markup: a value such as "[red]" is shown as it is.
        table.add_row(*(Text(_cell(value)) for value in row))
    text = io.StringIO()
    Console(file=text, width=width or 10_000).print(table)
    if more:
        text.write(f"… more than {TABLE_ROWS:,} rows; --format csv shows all\n")
    out.write(text.getvalue().encode())


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches; DuckDB streams, so a value that cannot be cast may be found only here."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            raise sql_error(error) from None
        yield batch


def _rows(reader: pa.RecordBatchReader) -> Iterator[tuple[Any, ...]]:
    for batch in _batches(reader):
        # By position: a result may have two columns of one name.
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


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
