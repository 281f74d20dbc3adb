"""Writes one shard: its tar and its metadata. One call is one task, on any machine.

Where every member will stand follows from the rows alone. So images are read in the order in
which they lie in their enriched tars, each tar opened once, and written straight to their places;
memory holds the rows and one image. The same knowledge tells whether a finished shard is right.
"""

import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from shards.atomic import atomic_path
from shards.errors import WorkError
from shards.manifest import FileEntry, file_entry, metadata_path
from shards.members import JPEG, JSON, ORIGINAL, Kept, kept, kind_of
from shards.paths import inside
from shards.plan import ShardPlan
from shards.sample import SAMPLE_FIELDS, sample_json
from shards.schema import SHARD_SCHEMA
from shards.tar import BLOCK, END_OF_ARCHIVE, member_size, write_member

_TAR_HASH = b"lostfound.tar_sha256"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PLACES = ("tar", "tar_offset", "tar_size", "original_offset", "original_size", "format")
_WANTED = list(dict.fromkeys([*SAMPLE_FIELDS, *_PLACES]))


@dataclass(frozen=True, slots=True)
class ShardTask:
    source: Path
    """The folder in which the rows' `tar` stands: a dataset, or a shard directory."""
    directory: Path
    """The shard directory."""
    staging: Path
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


@dataclass(frozen=True, slots=True)
class _Source:
    """Bytes in an enriched tar."""

    extension: str
    """Of the member that they become."""
    offset: int
    size: int
    sha256: str | None
    """Of captured bytes; None for an image that `enrich` encoded."""


@dataclass(frozen=True, slots=True)
class _Sample:
    key: str
    tar: str
    """The enriched tar that holds its image, and its original."""
    image: _Source
    original: _Source | None
    record: bytes
    start: int
    """Where the image's header begins in the shard."""

    @property
    def original_start(self) -> int:
        return self.start + member_size(self.image.size) + member_size(len(self.record))

    @property
    def end(self) -> int:
        more = member_size(self.original.size) if self.original else 0
        return self.original_start + more


def write_shard(task: ShardTask) -> ShardResult:
    """Writes the shard into the staging directory, unless it is there or in its place, and right.

    Raises WorkError naming the tar when it does not hold the images that rows promise.
    """
    relative = f"data/{task.plan.name}.tar"
    samples, size = _arrange(task.rows)
    table = _shard_rows(task.rows, samples, relative)
    metadata = metadata_path(relative)
    for folder in (task.staging, task.directory):
        entry = _finished(folder, relative, table)
        if entry is not None:
            if folder == task.directory:
                _link(folder / relative, task.staging / relative)
                _link(folder / metadata, task.staging / metadata)
            return ShardResult(entry, file_entry(folder, metadata, len(samples)), False)
    _write_tar(task.staging / relative, task.source, samples, size)
    entry = file_entry(task.staging, relative, len(samples))
    _write_metadata(task.staging / metadata, table, entry)
    return ShardResult(entry, file_entry(task.staging, metadata, len(samples)), True)


def _finished(directory: Path, relative: str, table: pa.Table) -> FileEntry | None:
    """The entry of a shard that stands in `directory` and is right."""
    if not (directory / relative).is_file():
        return None
    entry = file_entry(directory, relative, table.num_rows)
    return entry if _describes(directory / metadata_path(relative), table, entry) else None


def _link(file: Path, place: Path) -> None:
    """Makes `place` the same file, or a copy where the file system has no links."""
    place.unlink(missing_ok=True)
    try:
        os.link(file, place)
    except OSError:
        shutil.copyfile(file, place)


def _arrange(rows: pa.Table) -> tuple[list[_Sample], int]:
    """The samples in shard order, and the size of the whole tar."""
    samples: list[_Sample] = []
    position = 0
    for row in rows.select(_WANTED).to_pylist():
        kind = kind_of(kept(row), row["format"])
        captured = row["sha256"] if kind.kept is Kept.INSTEAD else None
        image = _Source(kind.image, row["tar_offset"], row["tar_size"], captured)
        original = None
        if kind.kept is Kept.BESIDE:
            place = row["original_offset"], row["original_size"]
            original = _Source(ORIGINAL, *place, row["sha256"])
        record = sample_json(row)
        samples.append(_Sample(row["key"], row["tar"], image, original, record, position))
        position = samples[-1].end
    return samples, position + len(END_OF_ARCHIVE)


def _shard_rows(rows: pa.Table, samples: list[_Sample], relative: str) -> pa.Table:
    """The rows with the images' places in this shard."""
    images = [sample.start + BLOCK for sample in samples]
    originals: list[int | None] = []
    for sample, image in zip(samples, images, strict=True):
        if sample.original:
            originals.append(sample.original_start + BLOCK)
        else:
            originals.append(image if sample.image.sha256 else None)
    places = {
        "tar": pa.array([relative] * len(samples), pa.string()),
        "tar_offset": pa.array(images, pa.int64()),
        "original_offset": pa.array(originals, pa.int64()),
    }
    for name, values in places.items():
        rows = rows.set_column(SHARD_SCHEMA.get_field_index(name), SHARD_SCHEMA.field(name), values)
    return rows


def _describes(metadata: Path, table: pa.Table, tar: FileEntry) -> bool:
    """True when the metadata file holds these rows and was written for these bytes of the tar."""
    try:
        found = pq.read_table(metadata)
    except (pa.ArrowException, OSError):
        return False
    recorded = (found.schema.metadata or {}).get(_TAR_HASH, b"").decode()
    return bool(found.equals(table)) and recorded == tar.sha256


def _write_tar(path: Path, dataset: Path, samples: list[_Sample], size: int) -> None:
    in_source_order = sorted(samples, key=lambda sample: (sample.tar, sample.image.offset))
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        for tar, group in groupby(in_source_order, key=lambda sample: sample.tar):
            for sample, image, original in _contents(dataset, tar, group):
                file.seek(sample.start)
                write_member(file, f"{sample.key}.{sample.image.extension}", image)
                write_member(file, f"{sample.key}.{JSON}", sample.record)
                if original is not None:
                    write_member(file, f"{sample.key}.{ORIGINAL}", original)
        file.truncate(size)


def _contents(
    dataset: Path, tar: str, samples: Iterator[_Sample]
) -> Iterator[tuple[_Sample, bytes, bytes | None]]:
    """The image of each sample, and its original."""
    path = inside(dataset, tar)
    if path is None:
        raise WorkError(f"{dataset}: a row points to {tar!r}, outside of it")
    try:
        with open(path, "rb") as file:
            for sample in samples:
                image = _content(file, path, sample.key, sample.image)
                original = None
                if sample.original:
                    original = _content(file, path, sample.key, sample.original)
                yield sample, image, original
    except OSError as error:
        raise WorkError(
            f"{path}: cannot be read ({error.strerror}); run `lostfound enrich` again"
        ) from None


def _content(file: BinaryIO, path: Path, key: str, source: _Source) -> bytes:
    """Reads stored bytes and checks that they are those that the row describes."""
    file.seek(max(0, source.offset - BLOCK), os.SEEK_SET)
    header, data = file.read(BLOCK), file.read(source.size)
    if source.sha256:
        right = hashlib.sha256(data).hexdigest() == source.sha256
    else:
        right = _is_image(header, data, key, source.size)
    if not right:
        what = "original" if source.sha256 else "image"
        raise WorkError(
            f"{path}: damaged: the {what} of {key} is not at byte {source.offset};"
            " remove the file and run `lostfound enrich` again"
        )
    return data


def _is_image(header: bytes, data: bytes, key: str, size: int) -> bool:
    """Whether these are the member of an image that `enrich` encoded."""
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "replace")
    except tarfile.HeaderError:
        return False
    named = (info.name, info.size, len(data)) == (f"{key}.{JPEG}", size, size)
    return named and data.startswith(_JPEG_START) and data.endswith(_JPEG_END)


def _write_metadata(path: Path, table: pa.Table, tar: FileEntry) -> None:
    table = table.replace_schema_metadata({_TAR_HASH: tar.sha256})
    with atomic_path(path) as temporary:
        # Content-defined chunks: an edited dataset uploads only what changed. The page index
        # lets readers skip pages over a network.
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            use_content_defined_chunking=True,
            write_page_index=True,
        )
