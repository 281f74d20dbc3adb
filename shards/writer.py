"""Writes one shard: its tar and its metadata. One call is one task, on any machine.

Where every member will stand follows from the rows alone. So images are read in the order in
which they lie in their enriched tars, each tar opened once, and written straight to their places;
memory holds the rows and one image. The same knowledge tells whether a finished shard is right.
"""

import os
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
from shards.manifest import MANIFEST_NAME, FileEntry, file_entry, metadata_path
from shards.paths import inside
from shards.plan import ShardPlan
from shards.sample import SAMPLE_FIELDS, sample_json
from shards.schema import SHARD_SCHEMA
from shards.tar import BLOCK, END_OF_ARCHIVE, member_size, write_member

_TAR_HASH = b"lostfound.tar_sha256"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class ShardTask:
    dataset: Path
    directory: Path
    """The shard directory."""
    plan: ShardPlan
    rows: pa.Table
    """In order, with SHARD_SCHEMA; `tar` points into the dataset."""


@dataclass(frozen=True, slots=True)
class ShardResult:
    tar: FileEntry
    metadata: FileEntry
    written: bool
    """False when the shard stood there already and was right."""


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    source: str
    source_offset: int
    size: int
    record: bytes
    start: int
    """Where the image's header begins in the shard."""


def write_shard(task: ShardTask) -> ShardResult:
    """Writes the shard, unless it is there and right.

    Raises WorkError naming the enriched tar when it does not hold the images that rows promise.
    """
    relative = f"data/{task.plan.name}.tar"
    tar, metadata = task.directory / relative, task.directory / metadata_path(relative)
    members, size = _arrange(task.rows)
    table = _shard_rows(task.rows, members, relative)
    entry = file_entry(task.directory, relative, len(members)) if tar.is_file() else None
    written = entry is None or not _describes(metadata, table, entry)
    if entry is None or written:
        # Whoever finds a manifest may rely on every file that it lists.
        (task.directory / MANIFEST_NAME).unlink(missing_ok=True)
        _write_tar(tar, task.dataset, members, size)
        entry = file_entry(task.directory, relative, len(members))
        _write_metadata(metadata, table, entry)
    return ShardResult(
        entry, file_entry(task.directory, metadata_path(relative), len(members)), written
    )


def _arrange(rows: pa.Table) -> tuple[list[_Member], int]:
    """The members in shard order, and the size of the whole tar."""
    wanted = list(dict.fromkeys([*SAMPLE_FIELDS, "tar", "tar_offset", "tar_size"]))
    members, position = [], 0
    for row in rows.select(wanted).to_pylist():
        record = sample_json(row)
        members.append(
            _Member(row["key"], row["tar"], row["tar_offset"], row["tar_size"], record, position)
        )
        position += member_size(row["tar_size"]) + member_size(len(record))
    return members, position + len(END_OF_ARCHIVE)


def _shard_rows(rows: pa.Table, members: list[_Member], relative: str) -> pa.Table:
    """The rows with the images' places in this shard."""
    places = {
        "tar": pa.array([relative] * len(members), pa.string()),
        "tar_offset": pa.array([member.start + BLOCK for member in members], pa.int64()),
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


def _write_tar(path: Path, dataset: Path, members: list[_Member], size: int) -> None:
    in_source_order = sorted(members, key=lambda member: (member.source, member.source_offset))
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        for source, group in groupby(in_source_order, key=lambda member: member.source):
            for member, image in _images(dataset, source, group):
                file.seek(member.start)
                write_member(file, f"{member.key}.jpg", image)
                write_member(file, f"{member.key}.json", member.record)
        file.truncate(size)


def _images(
    dataset: Path, source: str, members: Iterator[_Member]
) -> Iterator[tuple[_Member, bytes]]:
    path = inside(dataset, source)
    if path is None:
        raise WorkError(f"{dataset}: a row points to {source!r}, outside the dataset")
    try:
        with open(path, "rb") as file:
            for member in members:
                yield member, _image(file, path, member)
    except OSError as error:
        raise WorkError(
            f"{path}: cannot be read ({error.strerror}); run `lostfound enrich` again"
        ) from None


def _image(file: BinaryIO, path: Path, member: _Member) -> bytes:
    """Reads a stored image and checks that it is the one that its row describes."""
    file.seek(max(0, member.source_offset - BLOCK), os.SEEK_SET)
    header, image = file.read(BLOCK), file.read(member.size)
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "replace")
        right = (info.name, info.size, len(image)) == (
            f"{member.key}.jpg",
            member.size,
            member.size,
        )
    except tarfile.HeaderError:
        right = False
    if not (right and image.startswith(_JPEG_START) and image.endswith(_JPEG_END)):
        raise WorkError(
            f"{path}: damaged: the image of {member.key} is not at byte {member.source_offset};"
            " remove the file and run `lostfound enrich` again"
        )
    return image


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
