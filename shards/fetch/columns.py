"""Columns of a Parquet file that stands elsewhere: its footer, then the bytes of those columns.

`shards.writer` gives a file one row group, and a column of it few pages; so a column is what is
read, whole.
"""

import asyncio
import io
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shards.errors import WorkError
from shards.fetch.source import Source
from shards.fetch.spans import Range, Span, spans

FOOTER_GUESS = 12 << 10
"""Bytes that a first look at the end of a file takes."""
_MAGIC = b"PAR1"
_END = 8
"""The footer's length, four bytes, and the magic."""


class RemoteTable:
    """One Parquet file, opened by `open_table`."""

    def __init__(self, source: Source, path: str, size: int, footer: bytes) -> None:
        self._source, self._path, self._size = source, path, size
        self.footer_bytes = len(footer)
        try:
            self._metadata = pq.read_metadata(io.BytesIO(footer))
            self.schema: pa.Schema = self._metadata.schema.to_arrow_schema()
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from None
        names = self._metadata.schema.names
        self._number = {name: number for number, name in enumerate(names)}

    @property
    def rows(self) -> int:
        return int(self._metadata.num_rows)

    def bounds(self, column: str) -> tuple[Any, Any] | None:
        """The least and the greatest value where the footer says them; nulls may be besides."""
        least, greatest = [], []
        for chunk in self._chunks(column):
            found = chunk.statistics
            if found is None or not found.has_min_max:
                return None
            least.append(found.min)
            greatest.append(found.max)
        return (min(least), max(greatest)) if least else None

    async def columns(self, names: Sequence[str]) -> pa.Table:
        """All rows of these columns."""
        wanted = spans(_extent(chunk) for name in names for chunk in self._chunks(name))
        parts = list(wanted)
        bytes_of = await asyncio.gather(
            *(self._source.read(self._path, part.start, part.end - part.start) for part in parts)
        )
        try:
            file = pq.ParquetFile(
                _Patchwork(self._size, parts, bytes_of), metadata=self._metadata, pre_buffer=False
            )
            return file.read(columns=list(names), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from None

    def _chunks(self, column: str) -> list[Any]:
        number = self._number[column]
        groups = range(self._metadata.num_row_groups)
        return [self._metadata.row_group(group).column(number) for group in groups]

    def _damaged(self, error: Exception) -> WorkError:
        text = str(error).partition("\n")[0]
        return WorkError(
            f"{self._source.name}/{self._path}: not readable as Parquet ({text}); run"
            " `lostfound verify` where it stands"
        )


async def open_table(
    source: Source, path: str, size: int, guess: int = FOOTER_GUESS
) -> RemoteTable:
    """Reads the footer of a Parquet file of `size` bytes: one request when it is within `guess`."""
    tail = await source.read(path, max(0, size - guess), min(size, guess))
    length = int.from_bytes(tail[-_END:-4], "little") + _END
    if tail[-4:] != _MAGIC or length > size:
        raise WorkError(
            f"{source.name}/{path}: not a Parquet file; run `lostfound verify` where it stands"
        )
    if length > len(tail):
        tail = await source.read(path, size - length, length - len(tail)) + tail
    return RemoteTable(source, path, size, tail[-length:])


def _extent(chunk: Any) -> Range:
    start = chunk.data_page_offset
    if chunk.dictionary_page_offset is not None:
        start = min(start, chunk.dictionary_page_offset)
    return Range(start, start + chunk.total_compressed_size)


class _Patchwork(io.RawIOBase):
    """A file of which only some spans are known; reading others is an error."""

    def __init__(self, size: int, parts: Sequence[Span[Range]], bytes_of: Iterable[bytes]) -> None:
        self._size = size
        self._parts = list(zip(parts, bytes_of, strict=True))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        start = self._position
        end = min(self._size, start + size) if size >= 0 else self._size
        for part, data in self._parts:
            if part.start <= start and end <= part.end:
                self._position = end
                return data[start - part.start : end - part.start]
        if start >= end:
            return b""
        raise OSError(f"bytes {start} to {end} were not fetched")
