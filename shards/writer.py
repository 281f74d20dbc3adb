"""Writes one shard: its tar and its metadata. One call is one task, on any machine.

Where every member will stand follows from the rows alone. So a window of the tar is filled by
reading each image straight to its place, in the order in which images lie in their enriched tars;
while a thread hashes and writes that window, the next one is filled. The same knowledge tells
whether a finished shard is right.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from shards.arrange import Arrangement, Place, Window, arrange
from shards.errors import WorkError
from shards.manifest import FileEntry, file_entry, file_sha256, metadata_path
from shards.members import JSON
from shards.plan import ShardPlan
from shards.schema import SHARD_SCHEMA
from shards.sources import Sources
from shards.store import Store
from shards.tar import BLOCK, END_OF_ARCHIVE, headers

WINDOW_BYTES = 16 << 20
_TAR_HASH = b"lostfound.tar_sha256"
_ENCODINGS = {"tar_offset": "DELTA_BINARY_PACKED", "tar_size": "DELTA_BINARY_PACKED"}
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ShardTask:
    store: Store
    source: str
    """The folder in which the rows' `tar` stands: a dataset, or a shard directory."""
    directory: str
    """The shard directory."""
    staging: str
    """Where its files are made."""
    plan: ShardPlan
    rows: pa.Table
    """In order, with SHARD_SCHEMA; `tar` points into the source."""


@dataclass(frozen=True, slots=True)
class ShardResult:
    tar: FileEntry
    metadata: FileEntry
    written: bool
    """False when the shard stood there already and was right."""


def write_shard(task: ShardTask) -> ShardResult:
    """Writes the shard into the staging directory, unless it is there or in its place, and right.

    Raises WorkError naming the tar when it does not hold the images that rows promise.
    """
    relative = f"data/{task.plan.name}.tar"
    metadata = metadata_path(relative)
    arrangement = arrange(task.rows)
    table = _shard_rows(task.rows, arrangement, relative)
    for folder in (task.staging, task.directory):
        finished = _finished(task.store, folder, relative, table)
        if finished is not None:
            if folder == task.directory:
                for name in (relative, metadata):
                    task.store.link(f"{folder}/{name}", f"{task.staging}/{name}")
            return finished
    tar = _write_tar(task, relative, arrangement)
    return ShardResult(tar, _write_metadata(task, metadata, table, tar), True)


def _shard_rows(rows: pa.Table, arrangement: Arrangement, relative: str) -> pa.Table:
    """The rows with the images' places in this shard."""
    original = arrangement.original
    places = {
        "tar": pa.repeat(relative, rows.num_rows),
        "tar_offset": pa.array(arrangement.image.start + BLOCK),
        "original_offset": pa.nulls(rows.num_rows, pa.int64())
        if original is None
        else pa.array(original.start + BLOCK),
    }
    for name, values in places.items():
        rows = rows.set_column(SHARD_SCHEMA.get_field_index(name), SHARD_SCHEMA.field(name), values)
    return rows


def _finished(store: Store, folder: str, relative: str, table: pa.Table) -> ShardResult | None:
    """A shard that stands in `folder`, holds these rows and is whole."""
    name = f"{folder}/{metadata_path(relative)}"
    try:
        with store.at_hand([name]) as root:
            found = pq.read_table(root / name)
            if not found.equals(table):
                return None
            metadata = file_entry(root / folder, metadata_path(relative), table.num_rows)
        size = store.size(f"{folder}/{relative}")
        if size is None:
            return None
        sha256 = store.sha256(f"{folder}/{relative}")
    except (pa.ArrowException, OSError):
        return None
    if (found.schema.metadata or {}).get(_TAR_HASH, b"").decode() != sha256:
        return None
    tar = FileEntry(path=relative, bytes=size, sha256=sha256, samples=table.num_rows)
    return ShardResult(tar, metadata, False)


def _write_tar(task: ShardTask, relative: str, arrangement: Arrangement) -> FileEntry:
    digest = hashlib.sha256()
    with (
        task.store.writing(f"{task.staging}/{relative}") as temporary,
        open(temporary, "wb", buffering=0) as file,
        task.store.sources(task.source) as sources,
        ThreadPoolExecutor(1) as thread,
    ):

        def put(window: Bytes) -> None:
            rest = window.data
            digest.update(rest)
            while rest:
                rest = rest[file.write(rest) :]

        done: Future[None] | None = None
        for window in _filled(sources, task.rows, arrangement):
            if done is not None:
                done.result()
            done = thread.submit(put, window)
        if done is not None:
            done.result()
        put(np.frombuffer(END_OF_ARCHIVE, np.uint8))
    return FileEntry(
        path=relative,
        bytes=arrangement.size,
        sha256=digest.hexdigest(),
        samples=task.rows.num_rows,
    )


def _filled(sources: Sources, rows: pa.Table, arrangement: Arrangement) -> Iterator[Bytes]:
    """The bytes of the tar but for its end. Only the last two windows are kept."""
    wanted = _Wanted(rows, arrangement)
    windows = list(arrangement.windows(WINDOW_BYTES))
    size = max(window.end - window.start for window in windows)
    buffers = [np.empty(size, np.uint8) for _ in windows[:2]]
    for number, window in enumerate(windows):
        buffer = buffers[number % 2][: window.end - window.start]
        here = slice(window.first, window.last)
        for place in arrangement.places:
            # The block that a member ends in: zeros behind its content.
            last = (place.start[here] - window.start + place.size[here] + BLOCK - 1) // BLOCK
            buffer.reshape(-1, BLOCK)[last] = 0
        wanted.fill(buffer, window, sources)
        yield buffer


class _Wanted:
    """What the rows of a shard want from their source."""

    def __init__(self, rows: pa.Table, arrangement: Arrangement) -> None:
        self._arrangement = arrangement
        self._tars = rows["tar"].to_pylist()
        self._images = rows["tar_offset"].to_pylist()
        self._originals = rows["original_offset"].to_pylist()
        self._sha256 = rows["sha256"].to_pylist()

    def fill(self, buffer: Bytes, window: Window, sources: Sources) -> None:
        """Puts all members of a window into their places in `buffer`."""
        arrangement, here = self._arrangement, slice(window.first, window.last)
        memory = buffer.data  # once: an array makes a new view each time that it is asked
        for place in arrangement.places:
            starts = place.start[here] - window.start
            ends = (starts + BLOCK + place.size[here]).tolist()
            begins = (starts + BLOCK).tolist()
            if place.extension == JSON:
                for begin, end, record in zip(begins, ends, arrangement.records[here], strict=True):
                    memory[begin:end] = record
            elif place is arrangement.original:
                content = [memory[i:j] for i, j in zip(begins, ends, strict=True)]
                self._read(sources, window, self._originals[here], content)
                self._check_originals(sources, window, content)
            else:
                # With the header before it, which tells whether it is the right image.
                content = [memory[i:j] for i, j in zip(starts.tolist(), ends, strict=True)]
                self._read(sources, window, [at - BLOCK for at in self._images[here]], content)
            self._put_headers(buffer, window, place, sources)

    def _read(
        self, sources: Sources, window: Window, offsets: list[int], into: list[memoryview]
    ) -> None:
        """Reads all of a window, in the order in which it lies in its source."""
        tars = self._tars[window.first : window.last]
        wanted = sorted(zip(tars, offsets, range(len(into)), strict=True))
        sources.read([(tar, offset, into[number]) for tar, offset, number in wanted])

    def _check_originals(self, sources: Sources, window: Window, content: list[memoryview]) -> None:
        for sample, data in enumerate(content, window.first):
            if hashlib.sha256(data).hexdigest() != self._sha256[sample]:
                raise self._damaged(sources, sample, "original")

    def _put_headers(self, buffer: Bytes, window: Window, place: Place, sources: Sources) -> None:
        here = slice(window.first, window.last)
        names = [f"{key}.{place.extension}" for key in self._arrangement.keys[here]]
        right = headers(names, place.size[here])
        blocks = buffer.reshape(-1, BLOCK)
        numbers = (place.start[here] - window.start) // BLOCK
        if place is self._arrangement.image and place is not self._arrangement.original:
            wrong = (blocks[numbers] != right).any(axis=1) | ~_are_jpeg(
                buffer, place.start[here] - window.start + BLOCK, place.size[here]
            )
            if wrong.any():
                raise self._damaged(sources, window.first + int(wrong.argmax()), "image")
        blocks[numbers] = right

    def _damaged(self, sources: Sources, sample: int, what: str) -> WorkError:
        offset = (self._originals if what == "original" else self._images)[sample]
        return WorkError(
            f"{sources}/{self._tars[sample]}: damaged: the {what} of"
            f" {self._arrangement.keys[sample]} is not at byte {offset}; remove the file and run"
            " `lostfound enrich` again"
        )


def _are_jpeg(buffer: Bytes, start: Any, size: Any) -> npt.NDArray[np.bool_]:
    """Whether the bytes at these places begin and end like an image that `enrich` encoded."""
    found = size >= len(_JPEG_START) + len(_JPEG_END)
    ends = start + size - len(_JPEG_END)
    for places, letters in ((start, _JPEG_START), (ends, _JPEG_END)):
        for offset, letter in enumerate(letters):
            found = found & (buffer[places + offset] == letter)
    return np.asarray(found)


def _write_metadata(task: ShardTask, relative: str, table: pa.Table, tar: FileEntry) -> FileEntry:
    table = table.replace_schema_metadata({_TAR_HASH: tar.sha256})
    with task.store.writing(f"{task.staging}/{relative}") as temporary:
        # Content-defined chunks: an edited dataset uploads only what changed. The page index
        # lets readers skip pages over a network. Differences of places take a third of their bytes:
        # whoever fetches a few images reads the places of all.
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            use_dictionary=[name for name in table.column_names if name not in _ENCODINGS],
            column_encoding=_ENCODINGS,
            use_content_defined_chunking=True,
            write_page_index=True,
        )
        return FileEntry(
            path=relative,
            bytes=temporary.stat().st_size,
            sha256=file_sha256(temporary),
            samples=table.num_rows,
        )
