"""A list as ranges of rows: cutting it once, and reading one range without the rest.

A text list (CSV, JSON lines) is cut at byte offsets, a Parquet list at row numbers. What cuts a
CSV is what reads it later, so a line break inside quotes is never taken for the end of a row.
"""

import csv
import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from io import BytesIO
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from shards.errors import UsageError, WorkError

DELIMITERS = ",;\t|"
BOM = b"\xef\xbb\xbf"
MAX_LINE = 16 << 20
"""Bytes; a longer line is no row of a list."""
BLOCK = 1 << 20
SAMPLE_ROWS = 1000
"""How many objects of a JSON lines list are read to learn its names."""
BATCH_ROWS = 4096
"""Rows of a Parquet list in memory at a time."""
Values = Mapping[str, Any]


class Format(StrEnum):
    CSV = "csv"
    JSON_LINES = "json_lines"
    PARQUET = "parquet"


class Range(NamedTuple):
    """Some rows that stand one after the other."""

    first: int
    """Number of the first row; the list's first one is 0."""
    rows: int
    start: int
    """Where they stand: bytes of a text list, rows of a Parquet list. `end` is behind them."""
    end: int


class BadRow(NamedTuple):
    """A row that cannot be read; `detail` says why."""

    detail: str


class Reader(Protocol):
    """One list's format."""

    format: Format

    def header(self) -> list[str]:
        """The names of the columns. Raises UsageError when there are none."""

    def begin(self) -> int:
        """Where the first row stands."""

    def cut(self, rows: int, first: int, start: int, stop: int | None = None) -> Iterator[Range]:
        """Ranges of `rows` rows (the last has fewer) from row `first`, which stands at `start`.

        `stop` is where an earlier cut ended. Raises UsageError for a list that is malformed.
        """

    def prefix_digest(self, end: int, url_column: str) -> str:
        """What stands before `end`, as a SHA-256: equal for a list that only grew behind it."""

    def read(self, part: Range) -> Iterator[Values | BadRow]:
        """The rows of one range, in order, as many as `part.rows`."""


def open_reader(path: Path, name: str) -> Reader:
    """The reader that the file's own bytes ask for; `name` is what messages call the list.

    Raises UsageError for what is no list.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise UsageError(f"{name}: cannot be read ({error.strerror})") from None
    if head[:4] == b"PAR1":
        return ParquetReader(path, name)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head:
        raise UsageError(f"{name}: neither Parquet nor UTF-8 text; save it as one of them")
    text = head.removeprefix(BOM).lstrip()
    if not text:
        raise UsageError(f"{name}: is empty")
    if text[:1] == b"[":
        raise UsageError(f"{name}: a JSON array; write one object per line instead")
    return JsonLinesReader(path, name) if text[:1] == b"{" else CsvReader(path, name)


class _Lines:
    """The lines of a binary file, decoded, and where the next one begins."""

    def __init__(self, file: BinaryIO, name: str, start: int = 0) -> None:
        self._file = file
        self._name = name
        self.position = start
        file.seek(start)

    def next_bytes(self) -> bytes:
        """The next line; empty at the end."""
        line = self._file.readline(MAX_LINE)
        if len(line) == MAX_LINE:
            raise UsageError(f"{self._name}: a line longer than {MAX_LINE >> 20} MiB; correct it")
        self.position += len(line)
        return line

    def __iter__(self) -> Iterator[str]:
        while line := self.next_bytes():
            yield line.decode("utf-8", "replace")


@dataclass(frozen=True)
class _TextReader:
    """What CSV and JSON lines share."""

    path: Path
    name: str

    def begin(self) -> int:
        with open(self.path, "rb") as file:
            return len(BOM) if file.read(len(BOM)) == BOM else 0

    def _ends(self, lines: _Lines) -> Iterator[int]:
        """Where each row ends."""
        while line := lines.next_bytes():
            if not line.isspace():
                yield lines.position

    def cut(self, rows: int, first: int, start: int, stop: int | None = None) -> Iterator[Range]:
        with open(self.path, "rb") as file:
            count, end = 0, start
            for end in self._ends(_Lines(file, self.name, start)):
                count += 1
                if count == rows or end == stop:
                    yield Range(first, count, start, end)
                    first, count, start = first + count, 0, end
                if end == stop:
                    return
            if count:
                yield Range(first, count, start, end)

    def prefix_digest(self, end: int, url_column: str) -> str:  # noqa: ARG002 - of all columns
        digest = hashlib.sha256()
        with open(self.path, "rb") as file:
            block = b""
            while end and (block := file.read(min(end, BLOCK))):
                digest.update(block)
                end -= len(block)
            behind = file.read(1)
        if not block.endswith(b"\n") and behind not in (b"", b"\r", b"\n"):
            digest.update(b"the last row goes on")
        return digest.hexdigest()


class JsonLinesReader(_TextReader):
    """One JSON object per line."""

    format = Format.JSON_LINES

    def header(self) -> list[str]:
        names: dict[str, None] = {}
        part = next(self.cut(SAMPLE_ROWS, 0, self.begin()), None)
        for row in self.read(part) if part else ():
            if not isinstance(row, BadRow):
                names |= dict.fromkeys(row)
        if not names:
            raise UsageError(f"{self.name}: no line is a JSON object; correct the list")
        return list(names)

    def read(self, part: Range) -> Iterator[Values | BadRow]:
        with open(self.path, "rb") as file:
            file.seek(part.start)
            lines = file.read(part.end - part.start).split(b"\n")
        for line in lines:
            if line and not line.isspace():
                yield _json_row(line)


def _json_row(line: bytes) -> Values | BadRow:
    try:
        row = json.loads(line, parse_float=Decimal)  # coordinates keep every digit
    except (ValueError, RecursionError) as error:
        return BadRow(f"not JSON: {error}"[:200])
    return row if isinstance(row, dict) else BadRow("not a JSON object")


class CsvReader(_TextReader):
    """RFC 4180, with any of the usual delimiters; the first row names the columns."""

    format = Format.CSV

    def header(self) -> list[str]:
        names = self._header()[0]
        if not any(names):
            raise UsageError(f"{self.name}: its first line names no columns; correct the list")
        return names

    def begin(self) -> int:
        return self._header()[2]

    def _header(self) -> tuple[list[str], str, int]:
        """The column names, the delimiter, and where the rows begin."""
        with open(self.path, "rb") as file:
            lines = _Lines(file, self.name, super().begin())
            first = lines.next_bytes()
            while first.isspace():
                first = lines.next_bytes()
            delimiter = max(DELIMITERS, key=lambda one: first.count(one.encode()))
            names = self._record(first, lines, delimiter)
            return [name.strip() for name in names], delimiter, lines.position

    def _ends(self, lines: _Lines) -> Iterator[int]:
        delimiter = self._header()[1]
        while line := lines.next_bytes():
            if _is_whole(line):
                yield lines.position
            elif not line.isspace():
                self._record(line, lines, delimiter)
                yield lines.position

    def _record(self, line: bytes, more: _Lines, delimiter: str) -> list[str]:
        """The fields of the row that begins with `line`; takes further lines when it needs them."""
        first = line.decode("utf-8", "replace")
        try:
            return next(csv.reader(chain((first,), more), delimiter=delimiter, strict=True))
        except csv.Error as error:
            start = " ".join(first.split())[:60]
            raise UsageError(
                f"{self.name}: the row that begins {start!r}: {error}; correct its quotes"
            ) from None

    def read(self, part: Range) -> Iterator[Values | BadRow]:
        names, delimiter, _ = self._header()
        with open(self.path, "rb") as file:
            file.seek(part.start)
            lines = _Lines(BytesIO(file.read(part.end - part.start)), self.name)
        while line := lines.next_bytes():
            if not line.isspace():
                yield _csv_row(names, self._record(line, lines, delimiter))


def _is_whole(line: bytes) -> bool:
    """Whether a line is a row for sure: not blank, without quotes, without a lone return."""
    return b'"' not in line and b"\r" not in line.rstrip(b"\r\n") and not line.isspace()


def _csv_row(names: list[str], values: list[str]) -> Values | BadRow:
    if len(values) > len(names):
        return BadRow(f"{len(values)} fields in a list of {len(names)} columns")
    return dict(zip(names, values, strict=False))


class ParquetReader:
    """Rows are read forwards: the next range of the same list costs only its own rows."""

    format = Format.PARQUET

    def __init__(self, path: Path, name: str) -> None:
        """Raises UsageError for a file that is damaged or incomplete."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        self.name = name
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{name}: not a whole Parquet file ({_line(error)})") from None
        groups = range(self._file.metadata.num_row_groups)
        sizes = (self._file.metadata.row_group(group).num_rows for group in groups)
        self._starts = list(accumulate(sizes, initial=0))
        self._batches: Iterator[Any] = iter(())
        self._batch: Any = None
        self._group, self._begin, self._end = -1, 0, 0

    def header(self) -> list[str]:
        return list(self._file.schema_arrow.names)

    def begin(self) -> int:
        return 0

    def cut(self, rows: int, first: int, start: int, stop: int | None = None) -> Iterator[Range]:
        stop = self._starts[-1] if stop is None else stop
        for begin in range(start, stop, rows):
            end = min(begin + rows, stop)
            yield Range(first + begin - start, end - begin, begin, end)

    def prefix_digest(self, end: int, url_column: str) -> str:
        digest = hashlib.sha256()
        for batch in self._file.iter_batches(columns=[url_column], use_threads=False):
            urls = batch.column(0).to_pylist()[:end]
            digest.update("".join(f"{url}\n" for url in urls).encode())
            end -= len(urls)
        return digest.hexdigest()

    def read(self, part: Range) -> Iterator[Values | BadRow]:
        import pyarrow as pa

        row = part.start
        while row < part.end:
            try:
                self._seek(row)
                piece = self._batch.slice(row - self._begin, part.end - row).to_pylist()
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise WorkError(
                    f"{self.name}: row {row} cannot be read ({_line(error)}); restore the list"
                ) from None
            yield from piece
            row += len(piece)

    def _seek(self, row: int) -> None:
        """Makes the batch that holds `row` the current one."""
        group = bisect_right(self._starts, row) - 1
        if group != self._group or row < self._begin:
            self._group, self._end = group, self._starts[group]
            self._batches = self._file.iter_batches(
                batch_size=BATCH_ROWS, row_groups=[group], use_threads=False
            )
        while row >= self._end:
            self._batch = next(self._batches)
            self._begin, self._end = self._end, self._end + self._batch.num_rows


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
